"""The models of one base class: what they declare, and the tables they are bound to."""

import functools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_names import lineage_tables, moved, moved_query, within
from pixeltable.api.model_query import ModelQuery, bound
from pixeltable.api.query import Query
from pixeltable.api.table import Table
from pixeltable.api.view import handle_of
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import AlreadyBound, InvalidSchema, NotBound, UnknownTable
from pixeltable.exprs.expr import Expr
from pixeltable.ids import Path
from pixeltable.plan.query import QuerySpec
from pixeltable.session.session import Session
from pixeltable.udfs.iterators import IteratorCall


@dataclass(slots=True, eq=False)
class Models:
    """All models of a base class, by name, in the order of their declaration: a base comes before its views."""

    by_name: dict[str, "Model"] = field(default_factory=dict)

    @property
    def definitions(self) -> list[ModelDefinition]:
        return [model.definition for model in self.by_name.values()]

    def add(self, model: "Model") -> None:
        """Take up a model.

        Raises:
            InvalidSchema: another has its name.
        """
        definition = model.definition
        other = self.by_name.get(definition.name)
        if other is not None:
            raise InvalidSchema(
                f"model `{definition.class_name}` has the name {definition.name!r}, which model "
                f"`{other.definition.class_name}` has already",
                hint="Choose another name; to declare all models anew, begin with another pxt.model_base().",
            )
        self.by_name[definition.name] = model

    def check_free(self, directory: Path) -> None:
        """Check that no model is bound in another directory.

        Raises:
            AlreadyBound: one is.
        """
        for model in self.by_name.values():
            asked, path = str(Path((*directory.parts, model.definition.name))), model.find_path()
            if path not in (None, asked):
                raise AlreadyBound(model.definition.class_name, path=str(path), asked=asked)

    def bind(self, session: Session, directory: Path) -> None:
        """Bind the models to the tables under their names."""
        catalog = session.refresh()
        for model in self.by_name.values():
            path = Path((*directory.parts, model.definition.name))
            model.table = handle_of(session, catalog.table_at(path))

    def tables(self) -> dict[int, TableRecord]:
        """The tables of the models that are bound, by the provisional ids."""
        found: dict[int, TableRecord] = {}
        for definition, record in self._bound():
            found |= lineage_tables(definition, record)
        return found

    def _bound(self) -> Iterator[tuple[ModelDefinition, TableRecord]]:
        """The models whose tables are there, and these."""
        for model in self.by_name.values():
            if model.table is not None:
                with suppress(UnknownTable):  # was dropped, which is said when it is used
                    yield model.definition, model.table._record  # noqa: SLF001  # a friend

    def realized(self, value: Any) -> Any:
        """What a call of a table gets: with columns of tables for those of models, and tables for models.

        Raises:
            NotBound: it holds a model that is not bound, or a query over one.
        """
        tables = functools.cache(self.tables)  # most calls are about none

        def change(item: Any) -> Any:
            if isinstance(item, Expr):
                return moved(item, tables())
            if isinstance(item, IteratorCall):
                return replace(item, items=moved(item.items, tables()))
            if isinstance(item, ModelQuery):
                _ = model_of(item.model_cls).the_table("a query over it")
                return bound(item)
            model = find_model(item)
            return item if model is None else model.the_table("using it as a table")

        return within(value, change)

    def localised(self, value: Any) -> Any:
        """The opposite: with columns of models for those of the tables they are bound to."""
        records = functools.cache(self._records)

        def change(item: Any) -> Any:
            if isinstance(item, Expr):
                return moved(item, records())
            if isinstance(item, IteratorCall):
                return replace(item, items=moved(item.items, records()))
            return item

        return within(value, change)

    def localised_query(self, spec: QuerySpec) -> tuple["Model", QuerySpec] | None:
        """A query over a table as one over the model that is bound to it; None if none is."""
        for model in self.by_name.values():
            if model.table is not None and model.table._id == spec.table:  # noqa: SLF001  # a friend
                return model, moved_query(spec, self._records())
        return None

    def _records(self) -> dict[int, TableRecord]:
        found: dict[int, TableRecord] = {}
        for definition, record in self._bound():
            own = {declared.id: declared for declared in definition.record.lineage}
            found |= {table.id: own[known] for known, table in lineage_tables(definition, record).items()}
        return found


@dataclass(slots=True, eq=False)
class Model:
    """A model; with a table it is bound."""

    models: Models
    definition: ModelDefinition
    table: Table | None = None

    @property
    def is_bound(self) -> bool:
        return self.table is not None

    def the_table(self, wanted: str) -> Table:
        """The table the model is bound to.

        Raises:
            NotBound: there is none; `wanted` is what needs it.
        """
        if self.table is None:
            raise NotBound(self.definition.class_name, wanted=wanted)
        return self.table

    def find_path(self) -> str | None:
        """Where the table is by now; None if there is none, or it was dropped."""
        if self.table is None:
            return None
        with suppress(UnknownTable):
            return self.table._newest_record.path  # noqa: SLF001  # a friend
        return None

    def realized(self, value: Any) -> Any:
        """See `Models.realized`."""
        return self.models.realized(value)

    def localised(self, value: Any) -> Any:
        """See `Models.localised`."""
        return self.models.localised(value)

    def realized_query(self, spec: QuerySpec) -> Query:
        """A query over the model as one over its table."""
        table = self.the_table("a query over it")
        return table._query()._of(moved_query(spec, self.models.tables()))  # noqa: SLF001  # a friend


def find_model(value: Any) -> Model | None:
    """The model that a class declares; None if it is no such class."""
    found = vars(value).get("_model") if isinstance(value, type) else None
    return found if isinstance(found, Model) else None


def model_of(value: Any) -> Model:
    """The model that a class declares, for what is one."""
    found = value if isinstance(value, Model) else find_model(value)
    assert found is not None
    return found
