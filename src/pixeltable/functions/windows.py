"""Functions of a row's place in its window: `row_number`, `rank`, `dense_rank`, `lag`, `lead`.

Each takes `group_by`, `order_by` and `asc` as aggregates do. Without `order_by` rows are in the order of insertion, and
no two are equal.

>>> row_number()
row_number()
"""

from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.udfs.aggregate import Placed, uda
from pixeltable.udfs.aggregate_sql import required_of, sqlalchemy, window_in_sql
from pixeltable.udfs.arguments import fit


@uda(allows_window=True, allows_std_agg=False)
class row_number(Placed):
    """The number of the row in its window, from 1.

    >>> row_number(asc=True)
    row_number()
    """

    def update(self) -> None:
        """Rows are numbered, whatever they hold."""

    def value(self) -> int:
        return self.place + 1


@uda(allows_window=True, allows_std_agg=False)
class rank(Placed):
    """One more than the number of rows before it in order; rows that are equal in `order_by` have the same.

    >>> rank()
    rank()
    """

    def update(self) -> None:
        """Rows are ranked by the order alone."""

    def value(self) -> int:
        return self.starts[self.place] + 1


@uda(allows_window=True, allows_std_agg=False)
class dense_rank(Placed):
    """One more than the number of different places before it in order: as `rank`, without gaps.

    >>> dense_rank()
    dense_rank()
    """

    def update(self) -> None:
        """Rows are ranked by the order alone."""

    def value(self) -> int:
        return self.ranks[self.place] + 1


class _Neighbour(Placed):
    """What `lag` and `lead` share."""

    constants_by_place = True

    def __init__(self, n: int = 1, default: Any = None) -> None:
        self.distance = n
        self.default = default
        self.cells: list[Any] = []

    def update(self, val: Any) -> None:
        """Take in one value."""
        self.cells.append(val)

    def at(self, place: int) -> Any:
        """The value at a place, or the default if the window does not have it."""
        return self.cells[place] if 0 <= place < len(self.cells) else self.default


@uda(allows_window=True, allows_std_agg=False)
class lag(_Neighbour):
    """The value `n` rows before this one in the window, of any type; `default`, or null, where there is none.

    A null there is null, not the default. A negative `n`, or a default of another type, is refused.

    >>> lag("a", 2, "none")
    lag('a', n=2, default='none')
    """

    def value(self) -> Any:
        return self.at(self.place - self.distance)


@uda(allows_window=True, allows_std_agg=False)
class lead(_Neighbour):
    """The value `n` rows after this one in the window, of any type; as `lag` else.

    >>> lead("a")
    lead('a')
    """

    def value(self) -> Any:
        return self.at(self.place + self.distance)


@required_of(lag)
@required_of(lead)
def _check_neighbour(val: Expr, n: int, default: Any) -> None:
    if n < 0:
        raise InvalidArgument(f"n is a number of rows, so it cannot be {n}", hint="lag looks back, lead ahead.")
    fit(default, Parameter("default", val.col_type.with_nullable(True)), function="lag or lead")


@window_in_sql(row_number)
def _row_number_sql(over: Any) -> Any:
    return over(sqlalchemy().func.row_number())


@window_in_sql(rank)
def _rank_sql(over: Any) -> Any:
    return over.peers(sqlalchemy().func.rank())


@window_in_sql(dense_rank)
def _dense_rank_sql(over: Any) -> Any:
    return over.peers(sqlalchemy().func.dense_rank())


@window_in_sql(lag)
def _lag_sql(val: Any, n: int, default: Any, over: Any) -> Any:
    return _neighbour_sql("lag", val, n, default, over)


@window_in_sql(lead)
def _lead_sql(val: Any, n: int, default: Any, over: Any) -> Any:
    return _neighbour_sql("lead", val, n, default, over)


def _neighbour_sql(function: str, val: Any, n: int, default: Any, over: Any) -> Any:
    """None where values are no scalars of SQL, or the default has to be read as one, and for a huge distance."""
    sa = sqlalchemy()
    plain = (sa.BigInteger, sa.Double, sa.Text, sa.Boolean)
    if isinstance(val.type, sa.LargeBinary | sa.JSON) or n >= 1 << 31:
        return None
    if default is not None and not isinstance(val.type, plain):
        return None
    given = [] if default is None else [sa.cast(sa.literal(default, val.type), val.type)]
    return sa.type_coerce(over(getattr(sa.func, function)(val, sa.literal(n, sa.Integer), *given)), val.type)
