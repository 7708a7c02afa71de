"""Timestamps and dates moved by a `timedelta`, which no column can hold: it is part of the node."""

import datetime
from dataclasses import dataclass

from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.expr import Expr, operand_text
from pixeltable.types.column_type import ColumnType, DateType, TimestampType

_MICROSECOND = datetime.timedelta(microseconds=1)
_DAY = datetime.timedelta(days=1)
_LONGEST = (datetime.date.max - datetime.date.min) + _DAY


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shift(Expr):
    """`operand` so much later: a Timestamp by time that passes, a Date by whole days; null if it is null."""

    operand: Expr
    microseconds: int

    expr_precedence = 5  # that of + and -

    @property
    def col_type(self) -> ColumnType:
        return self.operand.col_type

    @property
    def interval(self) -> datetime.timedelta:
        """What is added."""
        return datetime.timedelta(microseconds=self.microseconds)

    def __str__(self) -> str:
        sign = "-" if self.microseconds < 0 else "+"
        return f"{operand_text(self.operand, self.expr_precedence)} {sign} {abs(self.interval)!r}"


def shift(operand: Expr, interval: datetime.timedelta, *, sign: int) -> Shift:
    """The node for `operand + interval`, or `operand - interval` with the sign -1.

    Raises:
        TypeMismatch: the operand is no Timestamp and no Date, or a Date would be moved by a part of a day.
        InvalidArgument: no two times lie that far apart.
    """
    exact = datetime.timedelta(interval.days, interval.seconds, interval.microseconds)  # of pandas' too
    op = "+" if sign > 0 else "-"
    if not isinstance(operand.col_type, TimestampType | DateType):
        raise TypeMismatch(
            f"{operand} {op} {exact!r}: a timedelta fits a Timestamp or a Date, "
            f"but {operand} has type `{operand.col_type}`"
        )
    if isinstance(operand.col_type, DateType) and exact % _DAY:
        raise TypeMismatch(
            f"{operand} {op} {exact!r}: a `{operand.col_type}` moves by whole days",
            hint="Round the timedelta, or use a Timestamp.",
        )
    if abs(exact) > _LONGEST:
        raise InvalidArgument(f"{operand} {op} {exact!r}: that is before the year 1 or after the year 9999")
    return Shift(operand, sign * (exact // _MICROSECOND))
