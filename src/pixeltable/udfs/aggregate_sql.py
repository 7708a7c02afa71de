"""What the SQL rules of aggregates are set with and made of."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

Rule = TypeVar("Rule", bound=Callable[..., Any])


# `mypy` takes what a class decorator returns for the class, hence these detours to the hooks of an aggregate.


def in_sql(aggregate: Any) -> Callable[[Rule], Rule]:
    """The decorator `to_sql` of an aggregate."""
    return cast(Callable[[Rule], Rule], aggregate.to_sql)


def window_in_sql(aggregate: Any) -> Callable[[Rule], Rule]:
    """The decorator `to_window_sql` of an aggregate."""
    return cast(Callable[[Rule], Rule], aggregate.to_window_sql)


def required_of(aggregate: Any) -> Callable[[Rule], Rule]:
    """The decorator `require` of an aggregate."""
    return cast(Callable[[Rule], Rule], aggregate.require)


def sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")


def ordered_array(value: Any, *order: Any) -> Any:
    """An SQL array of the values that are not null, in this order."""
    sa = sqlalchemy()
    dialect = importlib.import_module("sqlalchemy.dialects.postgresql")
    collected = sa.func.array_agg(dialect.aggregate_order_by(value, *order), type_=dialect.ARRAY(value.type))
    return collected.filter(value.is_not(None))
