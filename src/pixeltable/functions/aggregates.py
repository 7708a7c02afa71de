"""Aggregates over values of any type: `sum`, `count`, `min`, `max`, `mean`, `make_list`.

Nulls are left out. Of no rows `count` is 0, `make_list` an empty list, and the others are null.

>>> prices = mean.body()
>>> for price in (1, 2, 6):
...     prices.update(price)
>>> prices.value()
3.0
"""

import datetime
import importlib
import uuid
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from pixeltable.types.column_type import JsonType
from pixeltable.udfs.aggregate import Aggregator, uda

T = TypeVar("T")
Rule = TypeVar("Rule", bound=Callable[..., Any])

NUMBERS = ({T: int}, {T: float}, {T: JsonType()})
ORDERED = (
    {T: int}, {T: float}, {T: str}, {T: bool}, {T: datetime.datetime}, {T: datetime.date}, {T: uuid.UUID},
    {T: JsonType()},
)  # fmt: skip


@uda(allows_window=True, type_substitutions=NUMBERS)
class sum(Aggregator, Generic[T]):
    """The sum of numbers, of their type. Floats are added in the order of insertion, so that it is always the same.

    It fails where an Int is beyond 64 bits, and for Json that is no number.
    """

    def __init__(self) -> None:
        self.total: Any = None

    def update(self, val: T) -> None:
        """Take in one number."""
        self.add(_number(val))

    def value(self) -> T | None:
        """The sum so far."""
        found: T | None = self.total
        return found

    def merge(self, other: "sum[T]") -> None:
        """Take in the sum of further rows."""
        if other.total is not None:
            self.add(other.total)

    def add(self, number: Any) -> None:
        """Add to the sum; the first number is the sum itself, which keeps the sign of -0.0."""
        self.total = number if self.total is None else self.total + number


@uda(allows_window=True)
class count(Aggregator):
    """The number of values of any type that are not null."""

    def __init__(self) -> None:
        self.total = 0

    def update(self, val: Any) -> None:
        """Take in one value."""
        self.total += val is not None

    def value(self) -> int:
        """The number so far."""
        return self.total

    def merge(self, other: "count") -> None:
        """Take in the number of further rows."""
        self.total += other.total


class _Extreme(Aggregator, Generic[T]):
    """What `min` and `max` share."""

    def __init__(self) -> None:
        self.key: Any = None
        self.best: Any = None

    def update(self, val: T) -> None:
        """Take in one value."""
        key = _key(val)
        if self.key is not None and isinstance(val, bool) != isinstance(self.best, bool):
            raise TypeError(f"{val!r} and {self.best!r} are in no order")
        if self.key is None or self.precedes(key):
            # -0.0 and 0.0 are equal; 0.0 is shown.
            self.key, self.best = key, val + 0.0 if isinstance(val, float) else val

    def precedes(self, key: Any) -> bool:
        """Whether a value comes before the best so far."""
        raise NotImplementedError

    def value(self) -> T | None:
        """The best so far."""
        found: T | None = self.best
        return found

    def merge(self, other: "_Extreme[T]") -> None:
        """Take in the best of further rows."""
        if other.key is not None:
            self.update(other.best)


@uda(allows_window=True, type_substitutions=ORDERED)
class min(_Extreme[T]):
    """The least value: of text by code point, of instants the earliest; NaN is beyond all numbers.

    It fails for Json that is neither all numbers, all strings nor all bools.
    """

    def precedes(self, key: Any) -> bool:
        return bool(key < self.key)


@uda(allows_window=True, type_substitutions=ORDERED)
class max(_Extreme[T]):
    """The greatest value, in the order of `min`."""

    def precedes(self, key: Any) -> bool:
        return bool(key > self.key)


@uda(allows_window=True, type_substitutions=NUMBERS)
class mean(Aggregator, Generic[T]):
    """The average of numbers, a float: their sum, as a float, by their count."""

    def __init__(self) -> None:
        self.total: Any = None
        self.count = 0

    def update(self, val: T) -> None:
        """Take in one number."""
        number = _number(val)
        self.total = number if self.total is None else self.total + number
        self.count += 1

    def value(self) -> float | None:
        """The average so far."""
        return None if self.total is None else float(self.total) / self.count

    def merge(self, other: "mean[T]") -> None:
        """Take in the average of further rows."""
        if other.total is not None:
            self.total = other.total if self.total is None else self.total + other.total
            self.count += other.count


@uda
class make_list(Aggregator):
    """A list of the values, in the order of insertion or of `order_by`."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def update(self, obj: JsonType()) -> None:  # type: ignore[valid-type]  # a column type as a hint
        """Take in one value."""
        self.items.append(obj)

    def value(self) -> list[Any]:
        """The list so far."""
        return list(self.items)

    def merge(self, other: "make_list") -> None:
        """Take in the list of further rows."""
        self.items += other.items


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__} {value!r}")
    return value


def _key(value: Any) -> tuple[bool, Any]:
    """What values are compared by."""
    if isinstance(value, dict | list):
        raise TypeError(f"a {type(value).__name__} has no order")
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.UTC)  # times of one zone compare by their clocks, which are set back
    return value != value, value  # NaN is unlike itself


# How they are written in SQL. `mypy` takes what a class decorator returns for the class, hence the detour.


def _in_sql(aggregate: Any) -> Callable[[Rule], Rule]:
    return cast(Callable[[Rule], Rule], aggregate.to_sql)


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")


def _total(val: Any, row: Any) -> Any:
    """The sum of floats in the order of rows, as they are added in Python; ints are summed up exactly."""
    sa = _sqlalchemy()
    if not isinstance(val.type, sa.Double):
        return sa.func.sum(val, type_=sa.Numeric)
    dialect = importlib.import_module("sqlalchemy.dialects.postgresql")
    return sa.func.sum(dialect.aggregate_order_by(val, row), type_=sa.Double)


@_in_sql(sum)
def _sum_sql(val: Any, row: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(_total(val, row), val.type if isinstance(val.type, sa.Double) else sa.BigInteger)


@_in_sql(mean)
def _mean_sql(val: Any, row: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(_total(val, row), sa.Double) / sa.cast(sa.func.nullif(sa.func.count(val), 0), sa.Double)


@_in_sql(count)
def _count_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # every rule gets it
    return _sqlalchemy().func.count(val)


@_in_sql(min)
def _min_sql(val: Any, row: Any) -> Any:  # noqa: ARG001
    return _extreme_sql(val, "min", "bool_and")


@_in_sql(max)
def _max_sql(val: Any, row: Any) -> Any:  # noqa: ARG001
    return _extreme_sql(val, "max", "bool_or")


def _extreme_sql(val: Any, function: str, of_bools: str) -> Any:
    """PostgreSQL has neither least bools nor least UUIDs; the text of these is in the same order."""
    sa = _sqlalchemy()
    extreme = getattr(sa.func, function)
    if isinstance(val.type, sa.Boolean):
        return getattr(sa.func, of_bools)(val)
    if isinstance(val.type, sa.Uuid):
        return sa.cast(extreme(sa.cast(val, sa.Text).collate("C")), sa.Uuid)
    if isinstance(val.type, sa.Double):
        return extreme(val + sa.literal(0.0, sa.Double))  # -0.0 and 0.0 are equal; 0.0 is shown
    return extreme(val.collate("C") if isinstance(val.type, sa.Text) else val)
