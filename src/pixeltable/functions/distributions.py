"""Aggregates about how values are distributed: `median`, `percentile`, `variance`, `stddev`, `mode`.

Nulls are left out. Of no rows all of them are null.

>>> heights = median.body()
>>> for height in (4, 1, 3, 2):
...     heights.update(height)
>>> heights.value()
2.5
"""

import math
from bisect import insort
from typing import Any, Generic

from pixeltable.exceptions import InvalidArgument
from pixeltable.functions.aggregates import NUMBERS, ORDERED, T
from pixeltable.udfs.aggregate import Aggregator, uda
from pixeltable.udfs.aggregate_sql import in_sql, ordered_array, required_of, sqlalchemy, window_in_sql
from pixeltable.udfs.comparable import as_number, identity_text, order_key


class _Quantile(Aggregator, Generic[T]):
    """What `median` and `percentile` share: all numbers, sorted; NaN is beyond them."""

    def __init__(self) -> None:
        self.sorted: list[float] = []
        self.nans = 0
        self.place = 0.5

    def update(self, val: T) -> None:
        """Take in one number."""
        number = float(as_number(val)) + 0.0  # -0.0 and 0.0 are equal; 0.0 is shown
        if math.isnan(number):
            self.nans += 1
        else:
            insort(self.sorted, number)

    def value(self) -> float | None:
        """The number at the place, between its neighbours if there is none."""
        count = len(self.sorted) + self.nans
        if not count:
            return None
        position = (count - 1) * self.place
        before = math.floor(position)
        low, high = self._at(before), self._at(math.ceil(position))
        return low if before == position else _between(low, high, position - before)

    def _at(self, place: int) -> float:
        return self.sorted[place] if place < len(self.sorted) else math.nan

    def merge(self, other: "_Quantile[T]") -> None:
        """Take in further numbers."""
        self.sorted = sorted(self.sorted + other.sorted)
        self.nans += other.nans


def _between(low: float, high: float, part: float) -> float:
    """`part` of the way from `low` to `high`; from the nearer end, as numpy does it."""
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


@uda(allows_window=True, type_substitutions=NUMBERS)
class median(_Quantile[T]):
    """The number in the middle, or half-way between the two there; a float. NaN is beyond all numbers.

    >>> of = median.body()
    >>> for number in (7, 1, 3):
    ...     of.update(number)
    >>> of.value()
    3.0
    """


@uda(allows_window=True, type_substitutions=NUMBERS)
class percentile(_Quantile[T]):
    """The number below which a share `q` of the numbers lies: 0 is the least, 1 the greatest; a float.

    Between two numbers it is linear, as in `numpy.quantile`. NaN is beyond all numbers. A `q` outside 0 to 1 is refused
    when the expression is built.

    >>> of = percentile.body(q=0.25)
    >>> for number in (1, 2, 3, 4):
    ...     of.update(number)
    >>> of.value()
    1.75
    """

    constants_by_place = True

    def __init__(self, q: float) -> None:
        super().__init__()
        self.place = q


@required_of(percentile)
def _check_share(val: Any, q: float) -> None:  # noqa: ARG001  # rules get all arguments
    if not 0 <= q <= 1:
        raise InvalidArgument(f"percentile(): q is a share from 0 to 1, got {q}", hint="The 95th percentile is q=0.95.")


class _Spread(Aggregator, Generic[T]):
    """What `variance` and `stddev` share. Ints are summed up exactly, so that their order has no say.

    Source: for floats, Welford's method; for joining two parts, Chan, Golub and LeVeque, "Updating Formulae and a
    Pairwise Algorithm for Computing Sample Variances", 1979.
    """

    def __init__(self, ddof: int = 1) -> None:
        self.ddof = ddof
        self.ints, self.sum, self.squares = 0, 0, 0
        self.floats: tuple[int, float, float] = (0, 0.0, 0.0)
        """The number of floats, their mean, and the sum of squared distances from it."""

    def update(self, val: T) -> None:
        """Take in one number."""
        number = as_number(val)
        if isinstance(number, int):
            self.ints, self.sum, self.squares = self.ints + 1, self.sum + number, self.squares + number * number
            return
        count, mean, squares = self.floats
        distance = number - mean
        mean += distance / (count + 1)
        self.floats = (count + 1, mean, squares + distance * (number - mean))

    def variance(self) -> float | None:
        """The variance so far."""
        count = self.ints + self.floats[0]
        if count <= self.ddof:
            return None
        if not self.floats[0]:
            return float(self._int_spread()) / float(count * (count - self.ddof))
        of_ints = (self.ints, self.sum / self.ints, self._int_spread() / self.ints) if self.ints else (0, 0.0, 0.0)
        return _joined(of_ints, self.floats)[2] / (count - self.ddof)

    def _int_spread(self) -> int:
        """The sum of squared distances from the mean of the ints, times their number."""
        return self.ints * self.squares - self.sum * self.sum

    def merge(self, other: "_Spread[T]") -> None:
        """Take in further numbers."""
        self.ints, self.sum, self.squares = self.ints + other.ints, self.sum + other.sum, self.squares + other.squares
        self.floats = _joined(self.floats, other.floats)


def _joined(left: tuple[int, float, float], right: tuple[int, float, float]) -> tuple[int, float, float]:
    """Count, mean and sum of squared distances of two sets of numbers together."""
    if not left[0] or not right[0]:
        return left if left[0] else right
    count, distance = left[0] + right[0], right[1] - left[1]
    mean = left[1] + distance * (right[0] / count)
    return count, mean, left[2] + right[2] + distance * distance * (left[0] * right[0] / count)


@uda(allows_window=True, type_substitutions=NUMBERS)
class variance(_Spread[T]):
    """The mean squared distance of numbers from their mean, a float: of a sample, or with `ddof=0` of all there are.

    The sum of squares is divided by the count less `ddof`; null where that is not positive.

    >>> of = variance.body()
    >>> for number in (1, 2, 3, 4):
    ...     of.update(number)
    >>> round(of.value(), 3)
    1.667
    """

    def value(self) -> float | None:
        return self.variance()


@uda(allows_window=True, type_substitutions=NUMBERS)
class stddev(_Spread[T]):
    """The square root of `variance`, in the unit of the numbers.

    >>> of = stddev.body(ddof=0)
    >>> for number in (2, 4):
    ...     of.update(number)
    >>> of.value()
    1.0
    """

    def value(self) -> float | None:
        found = self.variance()
        return None if found is None else math.sqrt(found)


@required_of(variance)
@required_of(stddev)
def _check_freedom(val: Any, ddof: int) -> None:  # noqa: ARG001  # rules get all arguments
    if ddof < 0:
        raise InvalidArgument(f"ddof is what is taken off the count, so it cannot be {ddof}", hint="Use 1 or 0.")


@uda(allows_window=True, type_substitutions=ORDERED)
class mode(Aggregator, Generic[T]):
    """The most frequent value; of several, the least in the order of `min`. NaN is equal to NaN.

    It fails for Json that is neither all numbers, all strings nor all bools.

    >>> of = mode.body()
    >>> for letter in "banana":
    ...     of.update(letter)
    >>> of.value()
    'a'
    """

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, Any]] = {}
        self.best: tuple[int, Any] | None = None

    def update(self, val: T) -> None:
        """Take in one value."""
        self.add(1, val)

    def add(self, times: int, val: Any) -> None:
        """Take in a value as often as it occurs."""
        key = order_key(val)
        if self.best is not None and _sort_of(val) is not _sort_of(self.best[1]):
            raise TypeError(f"{val!r} and {self.best[1]!r} are in no order")
        text = identity_text(val)
        before, shown = self.counts.get(text, (0, val + 0.0 if isinstance(val, float) else val))
        self.counts[text] = found = (before + times, shown)
        if self.best is None or found[0] > self.best[0] or (found[0] == self.best[0] and key < order_key(self.best[1])):
            self.best = found

    def value(self) -> T | None:
        """The most frequent so far."""
        found: T | None = None if self.best is None else self.best[1]
        return found

    def merge(self, other: "mode[T]") -> None:
        """Take in the values of further rows."""
        for times, val in other.counts.values():
            self.add(times, val)


def _sort_of(value: Any) -> type:
    """The type of values that are in one order."""
    return float if type(value) is int else type(value)


# How they are written in SQL. As windows `median`, `percentile` and `mode` have no form there: PostgreSQL sorts none.


@in_sql(median)
def _median_sql(val: Any, row: Any) -> Any:
    return _percentile_sql(val, 0.5, row)


@in_sql(percentile)
def _percentile_sql(val: Any, q: float, row: Any) -> Any:  # noqa: ARG001  # every rule gets it
    """Step by step: `percentile_cont` goes from the lower end alone, and may be compiled to round just once."""
    sa = sqlalchemy()
    number = sa.cast(val, sa.Double) + sa.literal(0.0, sa.Double)
    numbers = ordered_array(number, number)
    position = sa.cast(sa.func.cardinality(numbers) - 1, sa.Double) * sa.literal(float(q), sa.Double)
    before = sa.func.floor(position, type_=sa.Double)
    low = numbers[sa.cast(before, sa.Integer) + 1]
    high = numbers[sa.cast(sa.func.ceil(position), sa.Integer) + 1]
    part = position - before
    half, one = sa.literal(0.5, sa.Double), sa.literal(1.0, sa.Double)
    return sa.case(
        (position == before, low), (part < half, low + (high - low) * part), else_=high - (high - low) * (one - part)
    )


@in_sql(variance)
def _variance_sql(val: Any, ddof: int, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    return _variance(val, ddof, lambda element: element)


@window_in_sql(variance)
def _variance_window(val: Any, ddof: int, over: Any) -> Any:
    return _variance(val, ddof, over)


@in_sql(stddev)
def _stddev_sql(val: Any, ddof: int, row: Any) -> Any:
    return _root(_variance_sql(val, ddof, row))


@window_in_sql(stddev)
def _stddev_window(val: Any, ddof: int, over: Any) -> Any:
    return _root(_variance_window(val, ddof, over))


def _root(variance: Any) -> Any:
    return None if variance is None else sqlalchemy().func.sqrt(variance)


def _variance(val: Any, ddof: int, over: Any) -> Any:
    """Of ints, whose sums are exact. Of floats None: SQL takes other steps, and so rounds otherwise."""
    sa = sqlalchemy()
    if isinstance(val.type, sa.Double):
        return None
    number = sa.cast(val, sa.Numeric)
    count = sa.cast(over(sa.func.count(val)), sa.Numeric)
    total = over(sa.func.sum(number, type_=sa.Numeric))
    spread = count * over(sa.func.sum(number * number, type_=sa.Numeric)) - total * total
    divisor = sa.cast(count * (count - sa.cast(sa.literal(ddof, sa.BigInteger), sa.Numeric)), sa.Double)
    enough = count > sa.cast(sa.literal(ddof, sa.BigInteger), sa.Numeric)
    return sa.case((enough, sa.cast(spread, sa.Double) / divisor))


@in_sql(mode)
def _mode_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # rules get all arguments
    sa = sqlalchemy()
    if isinstance(val.type, sa.JSON):
        return None
    shown = val + sa.literal(0.0, sa.Double) if isinstance(val.type, sa.Double) else val
    shown = shown.collate("C") if isinstance(val.type, sa.Text) else shown
    return sa.type_coerce(sa.func.mode().within_group(shown), val.type)
