"""`ModelQuery`: a query over a model that is not bound yet. It can be built on, and runs once there is a table."""

from collections.abc import Callable
from typing import Any, Protocol, Self

from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.query import Query, clauses_of
from pixeltable.exceptions import NotBound
from pixeltable.plan.joins import Source
from pixeltable.plan.query import QuerySpec
from pixeltable.session.relations import Relation

CLAUSES = ("select", "where", "order_by", "group_by", "having", "distinct", "sample", "limit")
"""What makes another query."""

RUNNING = (
    "collect", "explain", "cursor", "head", "tail", "show", "count", "update", "delete", "recompute_columns", "join",
    "union",
)  # fmt: skip
"""What needs the table; of these, `join` and `union` take other tables."""


class QueriedModel(Protocol):
    """A model, as far as queries over it are concerned."""

    @property
    def definition(self) -> ModelDefinition: ...

    @property
    def is_bound(self) -> bool: ...

    def realized(self, value: Any) -> Any: ...

    def realized_query(self, spec: QuerySpec) -> Query: ...

    def localised(self, value: Any) -> Any: ...


class ModelQuery(Query):
    """A query over a model. Once the model is bound, every clause and every run of it is that of one over the table."""

    def __init__(self, model: QueriedModel, spec: QuerySpec) -> None:
        self._model = model
        self._spec = spec
        self._name = model.definition.name

    @property
    def model_cls(self) -> QueriedModel:
        """The model it is over."""
        return self._model

    def _of(self, spec: QuerySpec) -> Self:
        return type(self)(self._model, spec)

    def _clauses(self) -> tuple[str, QuerySpec]:
        """Those over the table, for who stores them."""
        return clauses_of(bound(self))

    @property
    def _relation(self) -> Relation:
        record = self._model.definition.record
        return Relation((Source(record),), record)


def query_of(model: QueriedModel) -> ModelQuery:
    """A query for all rows of a model."""
    return ModelQuery(model, QuerySpec(model.definition.record.id))


def clauses_over_model(query: ModelQuery) -> tuple[QueriedModel, QuerySpec]:
    """The model and the clauses, over its columns."""
    return query._model, query._spec  # noqa: SLF001  # of this module


def bound(query: ModelQuery) -> Query:
    """The query over the table its model is bound to."""
    return query._model.realized_query(query._spec)  # noqa: SLF001  # of this module


def _either(name: str) -> Callable[..., Any]:
    of_query = getattr(Query, name)

    def method(self: ModelQuery, *args: Any, **kwargs: Any) -> Any:
        model = self._model
        if model.is_bound:
            return getattr(bound(self), name)(*model.realized(args), **model.realized(kwargs))
        if name in RUNNING:
            raise NotBound(model.definition.class_name, wanted=f"{name}() of a query over it")
        return of_query(self, *model.localised(args), **model.localised(kwargs))

    method.__name__, method.__doc__ = name, of_query.__doc__
    return method


for _name in (*CLAUSES, *RUNNING):
    setattr(ModelQuery, _name, _either(_name))
