"""Whether a value is one of a list: of plain values, or of a Json list that each row has."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import TypeMismatch
from pixeltable.exprs.expr import Expr, builder, operand_text
from pixeltable.exprs.leaves import Literal, as_expr, shown
from pixeltable.exprs.operators import WRITTEN_AS_TEXT, same_type
from pixeltable.types.column_type import (
    NUMERIC,
    ArrayType,
    BoolType,
    ColumnType,
    JsonType,
    MediaType,
)
from pixeltable.types.json_structure import JsonItems, JsonTuple


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsIn(Expr):
    """Whether the operand equals one of the values; null if the operand is null."""

    operand: Expr
    values: tuple[Literal, ...]

    @property
    def col_type(self) -> ColumnType:
        return BoolType(self.operand.col_type.nullable)

    def __str__(self) -> str:
        return f"{operand_text(self.operand, 99)}.isin([{', '.join(map(str, self.values))}])"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsInList(Expr):
    """Whether the operand equals an element of a Json list; null if it is null, or if there is no list.

    Elements of other types equal nothing, as in a comparison.
    """

    operand: Expr
    elements: Expr

    @property
    def col_type(self) -> ColumnType:
        kind = self.elements.col_type
        is_list = isinstance(kind, JsonType) and isinstance(kind.schema, JsonItems | JsonTuple)
        return BoolType(self.operand.col_type.nullable or kind.nullable or not is_list)

    def __str__(self) -> str:
        return f"{operand_text(self.operand, 99)}.isin({self.elements})"


@builder("isin")
def _isin(operand: Expr, values: Any) -> Expr:
    if isinstance(operand.col_type, ArrayType | MediaType):
        raise TypeMismatch(
            f"{operand}.isin(): values of type `{operand.col_type}` cannot be compared", hint="Compare what is in them."
        )
    members_for = None if isinstance(values, Expr) else getattr(values, "_members_for", None)
    if members_for is not None:  # a query
        return members_for(operand)  # type: ignore[no-any-return]
    if isinstance(values, Expr) and isinstance(values.col_type, JsonType):
        return _in_list(operand, values)
    if isinstance(values, Expr | str) or not hasattr(values, "__iter__"):
        raise TypeMismatch(
            f"{operand}.isin() takes a list of values or a Json list, got {shown(values)}", hint="Such as [1, 2]."
        )
    # A set has no order, but an expression has to be the same in every process.
    members = sorted(values, key=repr) if isinstance(values, Set) else values
    literals = [as_expr(value) for value in members if value is not None]
    for literal in literals:
        if not isinstance(literal, Literal):
            raise TypeMismatch(
                f"{operand}.isin() takes plain values, got the expression {literal}",
                hint=f"Compare with it: ({operand} == {literal}) | ...",
            )
    if isinstance(operand.col_type, WRITTEN_AS_TEXT):
        literals = [same_type(literal, operand, subject=f"{operand}.isin()") for literal in literals]
    return IsIn(operand, tuple(literal for literal in literals if _fits(operand, literal)))  # type: ignore[misc]


def _fits(operand: Expr, literal: Expr) -> bool:
    """Values of another type equal nothing in the column, so they can be left out."""
    kinds = {type(operand.col_type), type(literal.col_type)}
    return isinstance(operand.col_type, JsonType) or len(kinds) == 1 or kinds <= set(NUMERIC)


def _in_list(operand: Expr, elements: Expr) -> IsInList:
    kind = elements.col_type
    assert isinstance(kind, JsonType)
    if kind.schema is not None and not isinstance(kind.schema, JsonItems | JsonTuple):
        raise TypeMismatch(f"{operand}.isin() takes a Json list, but `{elements}` has type `{kind}`")
    if not JsonType().accepts(operand.col_type):
        raise TypeMismatch(
            f"{operand}.isin({elements}): a Json list has no values of type `{operand.col_type}`",
            hint="Compare texts, numbers, Bool or Json.",
        )
    return IsInList(operand, elements)
