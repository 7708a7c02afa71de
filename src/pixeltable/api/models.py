"""`pxt.model_base()`: tables and views declared as classes, and brought to a directory of the catalog."""

import functools
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pixeltable.api.arguments import one_of
from pixeltable.api.model_apply import apply_plans
from pixeltable.api.model_body import ModelBody, Scope
from pixeltable.api.model_definition import ModelDefinition, new_table_definition, new_view_definition
from pixeltable.api.model_diff import ModelDiff
from pixeltable.api.model_index_specs import declared_indexes
from pixeltable.api.model_plan import TablePlan, plan_models, plan_updates
from pixeltable.api.model_query import CLAUSES, ModelQuery, clauses_over_model, query_of
from pixeltable.api.model_state import Model, Models, find_model, model_of
from pixeltable.api.query import Query, clauses_of
from pixeltable.api.stand_in import StandIn
from pixeltable.api.table import Table
from pixeltable.api.view import View, check_view_clauses
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import (
    DestructiveChange,
    Error,
    InvalidArgument,
    InvalidSchema,
    InvalidState,
    NotBound,
    SchemaMismatch,
    UnknownPath,
    Unsupported,
)
from pixeltable.exprs.expr import Expr
from pixeltable.ids import Path, parse_path
from pixeltable.plan.joins import Source
from pixeltable.plan.query import QuerySpec
from pixeltable.session.annotations import check_comment, check_custom_metadata
from pixeltable.session.current import current_session
from pixeltable.session.session import Session
from pixeltable.session.tables import TableOptions
from pixeltable.session.turns import one_at_a_time
from pixeltable.udfs.iterators import IteratorCall

_OPTIONS = ("name", "base", "iterator", "has_default_idxs", "media_validation", "comment", "custom_metadata")

_OF_ROWS = ("insert", "compute", "batch_update")
"""Methods whose arguments are many, and no expressions."""


class ModelMeta(StandIn, type):
    """The class of models. What a model is asked for is looked up in the table it is bound to.

    Before it is bound, columns and queries can be had, to declare others with.
    """

    _models: Models
    _model: Model

    @classmethod
    def __prepare__(cls, class_name: str, bases: tuple[type, ...], /, **options: Any) -> ModelBody:
        models = _models_of(class_name, bases)
        header = _header(models, class_name, options)
        frame = sys._getframe(1)  # noqa: SLF001  # where the class statement is, whose names annotations may use
        return ModelBody(header, Scope(frame.f_globals, frame.f_locals), models.localised)

    def __new__(cls, class_name: str, bases: tuple[type, ...], body: ModelBody, /, **_: Any) -> "ModelMeta":
        """Declare a model."""
        models = _models_of(class_name, bases)
        definition, own = body.definition(), {**dict(body), "__annotations__": dict(body["__annotations__"])}
        definition = definition.with_indexes(declared_indexes(definition, own.get("__indexes__", ()), models.localised))
        model = Model(models, definition)
        models.add(model)
        return super().__new__(cls, class_name, bases, {**own, "_model": model})

    def __init__(cls, class_name: str, bases: tuple[type, ...], body: Any, /, **_: Any) -> None:
        super().__init__(class_name, bases, body)

    def __call__(cls, *_: Any, **__: Any) -> Any:
        """Not to be used: rows are inserted, not made of the class."""
        raise Unsupported(f"model `{cls.__name__}` has no instances", hint=f"Rows: {cls.__name__}.insert([{{...}}]).")

    # All models of the base class

    def get_model_diff(cls, catalog_dir: str = "") -> ModelDiff:
        """What update_all() would do, by the names of the models; `print()` shows it, a line for each change."""
        return _diff(plan_updates(current_session(), cls._models.definitions, _directory(catalog_dir)))

    def diff_all(cls, catalog_dir: str = "") -> None:
        """Print what update_all() would do."""
        print(cls.get_model_diff(catalog_dir))  # noqa: T201  # printing is what it is for

    def create_all(cls, catalog_dir: str = "") -> ModelDiff:
        """Create the tables and views that are not there, all or none, and bind all models.

        Raises:
            NotFoundError: the directory does not exist.
            RequestError: a table that is there is not as its model says, SCHEMA_MISMATCH; or what is to be created
                cannot be.
        """
        return _reconcile(cls._models, catalog_dir, plan_models, _refuse_differences)

    def update_all(cls, catalog_dir: str = "", *, allow_destructive: bool = False) -> ModelDiff:
        """Make the tables and views what the models say, and bind all models; the answer is what was done.

        Everything that can be checked is, before the first change. If a later step fails, those before are taken back.

        Raises:
            NotFoundError: the directory does not exist.
            RequestError: it would drop something and `allow_destructive` is not set, DESTRUCTIVE_SCHEMA_CHANGE; or it
                cannot be done in place, SCHEMA_MISMATCH.
        """
        check = _refuse_unsupported if allow_destructive else _refuse_destructive
        return _reconcile(cls._models, catalog_dir, plan_updates, check)

    def bind_all(cls, catalog_dir: str = "") -> None:
        """Bind all models to the tables that are there. A table may have columns and indexes that its model has not.

        Raises:
            NotFoundError: there is no such table.
            RequestError: one lacks what its model declares, SCHEMA_MISMATCH; or a model is bound in another directory.
        """
        models, session, directory = cls._models, current_session(), _directory(catalog_dir)
        models.check_free(directory)
        if _lacking(plan_models(session, models.definitions, directory)):
            with _turn(session, directory):  # others may be at it
                plans = plan_models(session, models.definitions, directory)
            for plan in plans:
                if plan.record is None:
                    raise _not_to_be_had(session, plan.path)
            _refuse(_lacking(plans), "tables are not as their models say", "update_all() makes them so.")
        models.bind(session, directory)

    # A model

    @property
    def is_bound(cls) -> bool:
        """Whether it has a table."""
        model = find_model(cls)
        return model is not None and model.is_bound

    @property
    def table(cls) -> Table:
        """The table.

        Raises:
            RequestError: it is not bound.
        """
        return cls._this.the_table("`table`")

    def table_path(cls) -> str:
        """The path of the table, also if it was moved since.

        Raises:
            RequestError: it is not bound.
            NotFoundError: the table was dropped.
        """
        return cls._this.the_table("table_path()")._newest_record.path  # noqa: SLF001  # a friend

    @property
    def _this(cls) -> Model:
        model = find_model(cls)
        if model is None:
            raise NotBound(cls.__name__, wanted="it is the base class of models, and a table")
        return model

    @property
    def _source(cls) -> Source:
        return cls.table._source  # noqa: SLF001  # a friend

    def _query(cls) -> Query:
        return cls.table._query()  # noqa: SLF001  # a friend

    def __getitem__(cls, name: str) -> Expr:
        model = cls._this
        if model.table is not None:
            return model.table[name]
        record = model.definition.record
        return record.ref(record.column(name))

    def __getattr__(cls, name: str) -> Any:
        model = find_model(cls)
        if model is None or name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        if model.table is not None:
            return _forwarded(model, name, getattr(model.table, name))
        if name in vars(ModelMeta):  # a property that has said so
            raise NotBound(cls.__name__, wanted=f"`{name}`")
        if any(column.name == name for column in model.definition.record.ready_columns):
            return cls[name]
        if name in CLAUSES and name != "having":
            return getattr(query_of(model), name)
        if hasattr(View, name):
            raise NotBound(cls.__name__, wanted=f"{name}()")
        return cls[name]

    def __dir__(cls) -> list[str]:
        model = find_model(cls)
        own = [*super().__dir__(), *(name for name in vars(ModelMeta) if not name.startswith("_"))]
        if model is None:
            return own
        columns = [column.name for column in model.definition.record.ready_columns]
        return [*own, *columns, *(name for name in dir(Table) if not name.startswith("_"))]


def model_base(cls_name: str = "TableModel") -> Any:
    """A class to derive models from: `class Docs(TableModel, name='docs'): id: pxt.Int`.

    Its models belong together: `create_all()`, `update_all()` and the like are about all of them.
    """
    base = type.__new__(ModelMeta, cls_name, (), {"__doc__": "The base class of models, see `pxt.model_base()`."})
    base._models = Models()  # noqa: SLF001  # of this module
    return base


def _models_of(class_name: str, bases: tuple[type, ...]) -> Models:
    base = bases[0] if len(bases) == 1 else None
    if not isinstance(base, ModelMeta) or find_model(base) is not None:
        raise InvalidSchema(
            f"model `{class_name}` has to be derived from what pxt.model_base() gave, and from nothing else",
            hint="A view names its base so: class V(TableModel, name='v', base=Docs).",
        )
    return base._models  # noqa: SLF001  # of this module


def _header(models: Models, class_name: str, options: dict[str, Any]) -> ModelDefinition:
    """What the line of the class statement says."""
    subject = f"model `{class_name}`"
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown or not isinstance(options.get("name"), str):
        fact = f"unknown {', '.join(unknown)}" if unknown else "it needs a name"
        raise InvalidArgument(f"{subject}: {fact}", hint=f"Such as name='docs'; known are {', '.join(_OPTIONS)}.")
    name = options["name"]
    if len(parse_path(name).parts) != 1:
        raise InvalidArgument(f"{subject}: the name {name!r} is a path", hint="create_all() takes the directory.")
    validation = one_of("media_validation", options.get("media_validation", "on_write"), ("on_read", "on_write"))
    table_options = TableOptions(
        check_comment(options.get("comment")), check_custom_metadata(options.get("custom_metadata")), validation,
        bool(options.get("has_default_idxs")),
    )  # fmt: skip
    base, iterator = options.get("base"), models.localised(options.get("iterator"))
    if iterator is not None and not isinstance(iterator, IteratorCall):
        raise InvalidArgument(f"{subject}: iterator is a call of a function declared with @pxt.iterator")
    if base is None and iterator is not None:
        raise InvalidArgument(f"{subject} has an iterator, but no base", hint="Say base=... as well.")
    if base is None:
        return new_table_definition(class_name, name, table_options)
    record, spec = _base(models, subject, base)
    return new_view_definition(class_name, name, table_options, record, spec, iterator)


def _base(models: Models, subject: str, base: Any) -> tuple[TableRecord, QuerySpec]:
    model, spec = find_model(base), None
    if isinstance(base, ModelQuery):
        over, spec = clauses_over_model(base)
        model = model_of(over)
    elif isinstance(base, Query):
        model, spec = models.localised_query(clauses_of(base)[1]) or (None, None)
    if model is None or model.models is not models:
        raise InvalidArgument(
            f"{subject}: base is a model of the same base class, or a query over one, got {base!r}",
            hint="Such as base=Docs, or base=Docs.where(...).select(...).",
        )
    found = spec or QuerySpec(model.definition.record.id)
    check_view_clauses(found)
    return model.definition.record, found


def _forwarded(model: Model, name: str, found: Any) -> Any:
    """What a table answers; its methods take what was built over models, but for those that take rows."""
    if not callable(found) or isinstance(found, Expr) or name in _OF_ROWS:
        return found

    @functools.wraps(found)
    def call(*args: Any, **kwargs: Any) -> Any:
        return found(*model.realized(args), **model.realized(kwargs))

    return call


def _directory(catalog_dir: str) -> Path:
    return parse_path(catalog_dir, allow_root=True)


def _diff(plans: Sequence[TablePlan]) -> ModelDiff:
    return ModelDiff(plan.diff for plan in plans)


def _reconcile(
    models: Models,
    catalog_dir: str,
    make_plans: Callable[[Session, Sequence[ModelDefinition], Path], list[TablePlan]],
    check: Callable[[Sequence[TablePlan]], None],
) -> ModelDiff:
    """Have the tables follow the models, unless `check` refuses; one at a time, for all who do so in a directory."""
    session, directory = current_session(), _directory(catalog_dir)
    models.check_free(directory)
    plans = make_plans(session, models.definitions, directory)
    if any(plan.record is None or plan.changes for plan in plans):
        with _turn(session, directory):
            plans = make_plans(session, models.definitions, directory)  # others may have done it, or part of it
            check(plans)
            apply_plans(session, plans)
    models.bind(session, directory)
    return _diff(plans)


def _turn(session: Session, directory: Path) -> AbstractContextManager[None]:
    return one_at_a_time(session, f"models in {directory}")


def _not_to_be_had(session: Session, path: Path) -> Error:
    if session.catalog.find_table(path) is None:
        return UnknownPath(str(path), known=session.catalog.table_ids)
    return InvalidState(f"view {str(path)!r} is still being made", hint="Wait until it is done.")


def _lacking(plans: Sequence[TablePlan]) -> list[TablePlan]:
    """Those whose table has not all that the model declares."""
    return [plan for plan in plans if plan.record is None or any(change.op.op != "drop" for change in plan.changes)]


def _refuse_differences(plans: Sequence[TablePlan]) -> None:
    different = [plan for plan in plans if plan.record is not None and plan.changes]
    _refuse(different, "tables that exist are not as their models say", "update_all() changes what can be changed.")


def _refuse_unsupported(plans: Sequence[TablePlan]) -> None:
    refused = [plan for plan in plans if plan.diff.resolution == "unsupported"]
    _refuse(
        refused, "tables cannot be made in place what their models say",
        "Change the models, or the tables: what is marked as unsupported.",
    )  # fmt: skip


def _refuse_destructive(plans: Sequence[TablePlan]) -> None:
    _refuse_unsupported(plans)
    destructive = [plan for plan in plans if plan.diff.destructive]
    if destructive:
        raise DestructiveChange(str(_diff(destructive)))


def _refuse(plans: Sequence[TablePlan], fact: str, hint: str) -> None:
    if plans:
        raise SchemaMismatch(fact, plan=str(_diff(plans)), hint=hint)
