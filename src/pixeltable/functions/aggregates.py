"""Aggregates over values of any type: `sum`, `count`, `min`, `max`, `mean`, `any`, `all`, `first`, `last`, `make_list`.

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
from typing import Any, Generic, TypeVar

from pixeltable.types.column_type import JsonType
from pixeltable.udfs.aggregate import Aggregator, uda
from pixeltable.udfs.aggregate_sql import in_sql, ordered_array, sqlalchemy, window_in_sql
from pixeltable.udfs.comparable import as_number, order_key

T = TypeVar("T")

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
        self.add(as_number(val))

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
        key = order_key(val)
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
        number = as_number(val)
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


@uda(allows_window=True)
class any(Aggregator):
    """Whether at least one Bool is true; nulls are left out, and it is null of no others.

    >>> found = any.body()
    >>> for value in (False, True):
    ...     found.update(value)
    >>> found.value()
    True
    """

    def __init__(self) -> None:
        self.found: bool | None = None

    def update(self, val: bool) -> None:
        """Take in one truth value."""
        self.found = bool(self.found) | _truth(val)

    def value(self) -> bool | None:
        """Whether one of those so far is true."""
        return self.found

    def merge(self, other: "any") -> None:
        """Take in the answer of further rows."""
        if other.found is not None:
            self.update(other.found)


@uda(allows_window=True)
class all(Aggregator):
    """Whether each Bool is true; nulls are left out, and it is null of no others.

    >>> found = all.body()
    >>> for value in (False, True):
    ...     found.update(value)
    >>> found.value()
    False
    """

    def __init__(self) -> None:
        self.found: bool | None = None

    def update(self, val: bool) -> None:
        """Take in one truth value."""
        self.found = _truth(val) and self.found is not False

    def value(self) -> bool | None:
        """Whether each of those so far is true."""
        return self.found

    def merge(self, other: "all") -> None:
        """Take in the answer of further rows."""
        if other.found is not None:
            self.update(other.found)


@uda(allows_window=True)
class first(Aggregator):
    """The first value that is not null, in the order of insertion or of `order_by`; of any type.

    >>> found = first.body()
    >>> for value in (None, "a", "b"):
    ...     found.update(value)
    >>> found.value()
    'a'
    """

    def __init__(self) -> None:
        self.found: Any = None

    def update(self, val: Any) -> None:
        """Take in one value."""
        if self.found is None:
            self.found = val

    def value(self) -> Any:
        """The first so far."""
        return self.found

    def merge(self, other: "first") -> None:
        """Take in the first of further rows."""
        self.update(other.found)


@uda(allows_window=True)
class last(Aggregator):
    """The last value that is not null, in the order of insertion or of `order_by`; of any type.

    >>> found = last.body()
    >>> for value in ("a", "b", None):
    ...     found.update(value)
    >>> found.value()
    'b'
    """

    def __init__(self) -> None:
        self.found: Any = None

    def update(self, val: Any) -> None:
        """Take in one value."""
        if val is not None:
            self.found = val

    def value(self) -> Any:
        """The last so far."""
        return self.found

    def merge(self, other: "last") -> None:
        """Take in the last of further rows."""
        self.update(other.found)


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


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected a bool, got {type(value).__name__} {value!r}")
    return value


# How they are written in SQL.


def _ordered_sum(val: Any, row: Any) -> Any:
    """The sum of floats in the order of rows, as they are added in Python; ints are summed up exactly."""
    sa = sqlalchemy()
    if not isinstance(val.type, sa.Double):
        return sa.func.sum(val, type_=sa.Numeric)
    dialect = importlib.import_module("sqlalchemy.dialects.postgresql")
    return sa.func.sum(dialect.aggregate_order_by(val, row), type_=sa.Double)


def _window_sum(val: Any, over: Any) -> Any:
    """A window adds in its own order."""
    sa = sqlalchemy()
    return over(sa.func.sum(val, type_=sa.Double if isinstance(val.type, sa.Double) else sa.Numeric))


def _typed_sum(val: Any, total: Any) -> Any:
    sa = sqlalchemy()
    return sa.cast(total, val.type if isinstance(val.type, sa.Double) else sa.BigInteger)


def _quotient(total: Any, count: Any) -> Any:
    sa = sqlalchemy()
    return sa.cast(total, sa.Double) / sa.cast(sa.func.nullif(count, 0), sa.Double)


@in_sql(sum)
def _sum_sql(val: Any, row: Any) -> Any:
    return _typed_sum(val, _ordered_sum(val, row))


@window_in_sql(sum)
def _sum_window(val: Any, over: Any) -> Any:
    return _typed_sum(val, _window_sum(val, over))


@in_sql(mean)
def _mean_sql(val: Any, row: Any) -> Any:
    return _quotient(_ordered_sum(val, row), sqlalchemy().func.count(val))


@window_in_sql(mean)
def _mean_window(val: Any, over: Any) -> Any:
    return _quotient(_window_sum(val, over), over(sqlalchemy().func.count(val)))


@in_sql(count)
def _count_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # every rule gets it
    return sqlalchemy().func.count(val)


@window_in_sql(count)
def _count_window(val: Any, over: Any) -> Any:
    return over(sqlalchemy().func.count(val))


def _as_it_is(element: Any) -> Any:
    return element


@in_sql(min)
def _min_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    return _extreme_sql(val, "min", "bool_and", _as_it_is)


@window_in_sql(min)
def _min_window(val: Any, over: Any) -> Any:
    return _extreme_sql(val, "min", "bool_and", over)


@in_sql(max)
def _max_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    return _extreme_sql(val, "max", "bool_or", _as_it_is)


@window_in_sql(max)
def _max_window(val: Any, over: Any) -> Any:
    return _extreme_sql(val, "max", "bool_or", over)


def _extreme_sql(val: Any, function: str, of_bools: str, over: Any) -> Any:
    """PostgreSQL has neither least bools nor least UUIDs; the text of these is in the same order."""
    sa = sqlalchemy()
    extreme = getattr(sa.func, function)
    if isinstance(val.type, sa.Boolean):
        return over(getattr(sa.func, of_bools)(val))
    if isinstance(val.type, sa.Uuid):
        return sa.cast(over(extreme(sa.cast(val, sa.Text).collate("C"))), sa.Uuid)
    if isinstance(val.type, sa.Double):
        return over(extreme(val + sa.literal(0.0, sa.Double)))  # -0.0 and 0.0 are equal; 0.0 is shown
    return over(extreme(val.collate("C") if isinstance(val.type, sa.Text) else val))


@in_sql(any)
def _any_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    return sqlalchemy().func.bool_or(val)


@window_in_sql(any)
def _any_window(val: Any, over: Any) -> Any:
    return over(sqlalchemy().func.bool_or(val))


@in_sql(all)
def _all_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    return sqlalchemy().func.bool_and(val)


@window_in_sql(all)
def _all_window(val: Any, over: Any) -> Any:
    return over(sqlalchemy().func.bool_and(val))


# `first` and `last` have no SQL as windows: IGNORE NULLS is not in PostgreSQL, and an array would be made for each row.


@in_sql(first)
def _first_sql(val: Any, row: Any) -> Any:
    return _foremost(val, row.asc())


@in_sql(last)
def _last_sql(val: Any, row: Any) -> Any:
    return _foremost(val, row.desc())


def _foremost(val: Any, order: Any) -> Any:
    """None for cells that are bytes: those of arrays and media are more than their bytes."""
    sa = sqlalchemy()
    if isinstance(val.type, sa.LargeBinary | sa.JSON):
        return None
    return sa.type_coerce(ordered_array(val, order)[1], val.type)
