"""Which types the operators take; others are refused when an expression is built, naming both, with a way out."""

from collections.abc import Sequence

from pixeltable.exceptions import TypeMismatch
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import (
    NUMERIC,
    ArrayType,
    BoolType,
    ColumnType,
    DateType,
    JsonType,
    MediaType,
    TimestampType,
)
from pixeltable.types.json_structure import JsonScalar

_TIMES = (TimestampType, DateType)


def require_numbers(op: str, left: Expr, right: Expr) -> None:
    """Check the operands of arithmetic: numbers, or Json that may hold one.

    Raises:
        TypeMismatch: one of them is neither.
    """
    if isinstance(left.col_type, _TIMES) or isinstance(right.col_type, _TIMES):
        raise _times_refused(op, left, right)
    if not (_may_be_number(left) and _may_be_number(right)):
        raise TypeMismatch(
            f"{left} {op} {right}: {op} requires numeric types, got {_text(left)} and {_text(right)}",
            hint=_ARITHMETIC_HINTS.get(op, "Both operands are Int, Float, or Json that holds one."),
        )


_ARITHMETIC_HINTS = {
    "+": "Numbers can be added, and a String to a String.",
    "*": "Numbers can be multiplied, and a String by an Int.",
}


def _times_refused(op: str, left: Expr, right: Expr) -> TypeMismatch:
    types = f"{_text(left)} and {_text(right)}"
    if op == "-" and isinstance(left.col_type, _TIMES) and isinstance(right.col_type, _TIMES):
        return TypeMismatch(
            f"{left} - {right}: no column type holds the difference of {types}",
            hint="Use a.date_diff(b, unit), such as 'microsecond' or 'day'.",
        )
    return TypeMismatch(
        f"{left} {op} {right}: {op} requires numeric types, got {types}",
        hint="A Timestamp or a Date can be moved: + or - a datetime.timedelta.",
    )


def require_number(operand: Expr) -> None:
    """Check the operand of a negation.

    Raises:
        TypeMismatch: it is neither a number nor Json that may hold one.
    """
    if not _may_be_number(operand):
        raise TypeMismatch(
            f"-{operand}: - requires a numeric type, but the operand has type {_text(operand)}",
            hint="To order by something descending: order_by(..., asc=False).",
        )


def require_bools(symbol: str, operands: Sequence[Expr]) -> None:
    """Check the operands of `&`, `|` or `~`.

    Raises:
        TypeMismatch: one of them is no Bool.
    """
    wrong = next((operand for operand in operands if not isinstance(operand.col_type, BoolType)), None)
    if wrong is None:
        return
    subject = f" {symbol} ".join(map(str, operands)) if len(operands) > 1 else f"{symbol}{operands[0]}"
    hint = "Put comparisons in parentheses: (a > 1) & ~(b < 2)."
    if isinstance(wrong.col_type, JsonType) and not isinstance(wrong, Literal):
        hint = f"If it always holds a bool: {wrong}.astype(pxt.Bool)."
    types = " and ".join(map(_text, operands))
    raise TypeMismatch(f"{subject}: {symbol} requires Bool operands, got {types}", hint=hint)


def require_comparable(op: str, left: Expr, right: Expr) -> None:
    """Check the operands of a comparison: numbers, values of the same type, or Json with what may be in it.

    Raises:
        TypeMismatch: no value of one can be held against one of the other.
    """
    kinds = {type(left.col_type), type(right.col_type)}
    whole = kinds & {ArrayType} or any(issubclass(kind, MediaType) for kind in kinds)
    if whole or not (kinds <= set(NUMERIC) or len(kinds) == 1 or _is_json_of_scalars(left, right)):
        raise TypeMismatch(
            f"{left} {op} {right}: cannot compare {_text(left)} with {_text(right)}",
            hint=_comparison_hint({left.col_type.name, right.col_type.name}),
        )


def _comparison_hint(names: set[str]) -> str:
    if names == {"Timestamp", "Date"}:
        return "The day of a Timestamp is its .date()."
    if "Array" in names:
        return "Arrays are compared by element: a[0] > 1."
    return "Numbers compare with numbers, Json with plain values, all others with values of their own type."


def _is_json_of_scalars(left: Expr, right: Expr) -> bool:
    """Whether one side is Json that may hold a value of the other's type."""
    sides = [side for side in (left, right) if isinstance(side.col_type, JsonType)]
    return bool(sides) and not any(map(_is_container, sides))


def _may_be_number(operand: Expr) -> bool:
    return isinstance(operand.col_type, (*NUMERIC, JsonType)) and not _is_container(operand)


def _is_container(operand: Expr) -> bool:
    """Whether all its values are lists or objects."""
    if isinstance(operand, JsonList | JsonObject) or (
        isinstance(operand, Literal) and isinstance(operand.value, list | dict)
    ):
        return True
    schema = operand.col_type.schema if isinstance(operand.col_type, JsonType) else None
    return schema is not None and not isinstance(schema, JsonScalar)


def _text(operand: Expr) -> str:
    if isinstance(operand, Literal) and operand.value is None:
        return "None"
    return f"`{_named(operand.col_type)}`"


def _named(column_type: ColumnType) -> str:
    return column_type.brief() if isinstance(column_type, JsonType) else str(column_type)
