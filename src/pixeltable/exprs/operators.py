"""Arithmetic, comparison, boolean logic, null tests, membership and conversion."""

import datetime
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import TypeMismatch
from pixeltable.exprs.expr import Expr, builder, operand_text
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.exprs.operand_types import require_bools, require_comparable, require_number, require_numbers
from pixeltable.exprs.shift import shift
from pixeltable.types.column_type import (
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.hints import type_from_form
from pixeltable.types.literals import plain

_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "not": 3,
    "compare": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "//": 6,
    "%": 6,
    "negate": 7,
    "**": 8,
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Arithmetic(Expr):
    """`left op right` on numbers, with Python's meaning of // and %; null if either is null or the divisor is 0."""

    op: str
    left: Expr
    right: Expr

    @property
    def col_type(self) -> ColumnType:
        left, right = self.left.col_type, self.right.col_type  # once: each is worked out anew, down to the leaves
        nullable = left.nullable or right.nullable
        if isinstance(left, JsonType) or isinstance(right, JsonType):
            return JsonType(True)
        ints = isinstance(left, IntType) and isinstance(right, IntType)
        if self.op == "/":
            return FloatType(True)
        if self.op in ("//", "%"):
            return IntType(True) if ints else FloatType(True)
        if self.op == "**":
            whole = ints and isinstance(self.right, Literal) and self.right.value >= 0
            return IntType(nullable) if whole else FloatType(True)
        return IntType(nullable) if ints else FloatType(nullable)

    @property
    def expr_precedence(self) -> int:  # type: ignore[override]  # by operator here, by class elsewhere
        return _PRECEDENCE[self.op]

    def __str__(self) -> str:
        left = operand_text(self.left, self.expr_precedence, right=self.op == "**")
        return f"{left} {self.op} {operand_text(self.right, self.expr_precedence, right=self.op != '**')}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Negate(Expr):
    """`-operand`; null if it is null."""

    operand: Expr

    expr_precedence = _PRECEDENCE["negate"]

    @property
    def col_type(self) -> ColumnType:
        return self.operand.col_type

    def __str__(self) -> str:
        return f"-{operand_text(self.operand, self.expr_precedence)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Concat(Expr):
    """`left` followed by `right`; null if either is null."""

    left: Expr
    right: Expr

    expr_precedence = _PRECEDENCE["+"]

    @property
    def col_type(self) -> ColumnType:
        return StringType(self.left.col_type.nullable or self.right.col_type.nullable)

    def __str__(self) -> str:
        left = operand_text(self.left, self.expr_precedence)
        return f"{left} + {operand_text(self.right, self.expr_precedence, right=True)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Repeat(Expr):
    """`text`, `times` times over; empty for a negative number, null if either is null."""

    text: Expr
    times: Expr

    expr_precedence = _PRECEDENCE["*"]

    @property
    def col_type(self) -> ColumnType:
        return StringType(self.text.col_type.nullable or self.times.col_type.nullable)

    def __str__(self) -> str:
        text = operand_text(self.text, self.expr_precedence)
        return f"{text} * {operand_text(self.times, self.expr_precedence, right=True)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Expr):
    """`left op right`; null if either is null. Strings compare by code point."""

    op: str
    left: Expr
    right: Expr

    expr_precedence = _PRECEDENCE["compare"]

    @property
    def col_type(self) -> ColumnType:
        return BoolType(self.left.col_type.nullable or self.right.col_type.nullable)

    def __str__(self) -> str:
        below = self.expr_precedence + 1
        return f"{operand_text(self.left, below)} {self.op} {operand_text(self.right, below)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsNull(Expr):
    """Whether the operand is null; never null itself."""

    operand: Expr

    expr_precedence = _PRECEDENCE["compare"]

    @property
    def col_type(self) -> ColumnType:
        return BoolType()

    def __str__(self) -> str:
        return f"{operand_text(self.operand, self.expr_precedence + 1)} == None"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class And(Expr):
    """True if all parts are, false if one is false, else null."""

    parts: tuple[Expr, ...]

    expr_precedence = _PRECEDENCE["and"]

    @property
    def col_type(self) -> ColumnType:
        return BoolType(any(part.col_type.nullable for part in self.parts))

    def __str__(self) -> str:
        return " & ".join(f"({part})" if part.expr_precedence < 100 else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Or(Expr):
    """True if one part is, false if all are false, else null."""

    parts: tuple[Expr, ...]

    expr_precedence = _PRECEDENCE["or"]

    @property
    def col_type(self) -> ColumnType:
        return BoolType(any(part.col_type.nullable for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(f"({part})" if part.expr_precedence < 100 else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(Expr):
    """The opposite of a Bool; null if it is null."""

    operand: Expr

    expr_precedence = _PRECEDENCE["not"]

    @property
    def col_type(self) -> ColumnType:
        return BoolType(self.operand.col_type.nullable)

    def __str__(self) -> str:
        if isinstance(self.operand, IsNull):
            return f"{operand_text(self.operand.operand, _PRECEDENCE['compare'] + 1)} != None"
        return f"~({self.operand})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cast(Expr):
    """The operand as a value of another type, by the rules of inserting it into a column of that type."""

    cast_operand: Expr
    cast_target: ColumnType

    @property
    def col_type(self) -> ColumnType:
        return self.cast_target.with_nullable(self.cast_target.nullable or self.cast_operand.col_type.nullable)

    def __str__(self) -> str:
        return f"{operand_text(self.cast_operand, 99)}.astype({self.cast_target})"


def is_identity(node: Cast) -> bool:
    """Whether every value of the operand is one of the target as it is."""
    given, target = node.cast_operand.col_type, node.cast_target
    if isinstance(target, JsonType) and target.schema is not None:
        return given.matches(target)  # an accepted one may hold ints where the target has floats
    return type(given) is type(target) and target.accepts(given)


def _is_text(*operands: Expr) -> bool:
    return all(isinstance(operand.col_type, StringType) for operand in operands)


def _arithmetic(op: str, left: Expr, right: Expr) -> Expr:
    require_numbers(op, left, right)
    return Arithmetic(op, left, right)


@builder("+")
def _add(left: Any, right: Any) -> Expr:
    left, right = plain(left), plain(right)  # numpy has a timedelta of its own
    if isinstance(right, datetime.timedelta):
        return shift(left, right, sign=1)
    if isinstance(left, datetime.timedelta):
        return shift(right, left, sign=1)
    left, right = as_expr(left), as_expr(right)
    return Concat(left, right) if _is_text(left, right) else _arithmetic("+", left, right)


@builder("*")
def _multiply(left: Any, right: Any) -> Expr:
    left, right = as_expr(left), as_expr(right)
    if _is_text(left) and isinstance(right.col_type, IntType):
        return Repeat(left, right)
    if _is_text(right) and isinstance(left.col_type, IntType):
        return Repeat(right, left)
    return _arithmetic("*", left, right)


def _register_arithmetic(op: str) -> None:
    builder(op)(lambda left, right: _arithmetic(op, as_expr(left), as_expr(right)))


@builder("-")
def _subtract(left: Any, right: Any) -> Expr:
    left, right = plain(left), plain(right)
    if isinstance(right, datetime.timedelta):
        return shift(left, right, sign=-1)
    if isinstance(left, datetime.timedelta):
        raise TypeMismatch(f"{left!r} - {right}: nothing can be subtracted from a timedelta")
    return _arithmetic("-", as_expr(left), as_expr(right))


for _op in ("/", "//", "%", "**"):
    _register_arithmetic(_op)


@builder("negate")
def _negate(operand: Expr) -> Expr:
    require_number(operand)
    return Negate(operand)


def _comparison(op: str, left: Expr, right: Expr) -> Expr:
    subject = f"{left} {op} {right}"
    left, right = same_type(left, right, subject=subject), same_type(right, left, subject=subject)
    require_comparable(op, left, right)
    return Comparison(op, left, right)


def same_type(operand: Expr, other: Expr, *, subject: str) -> Expr:
    """A string literal beside a timestamp, date or UUID stands for one: read it as such, now."""
    if isinstance(operand, Literal) and _is_text(operand) and isinstance(other.col_type, WRITTEN_AS_TEXT):
        return convert_literal(operand, other.col_type, subject=subject)
    return operand


WRITTEN_AS_TEXT = (TimestampType, DateType, UUIDType)


def convert_literal(operand: Literal, target: ColumnType, *, subject: str = "") -> Literal:
    """The literal as a value of `target`; `subject` is what it was found in.

    Raises:
        TypeMismatch: it is none.
    """
    try:
        if isinstance(target, TimestampType) and isinstance(operand.value, str):
            # Stays naive if it names no zone: which zone is meant, the session that runs the query knows.
            return Literal(datetime.datetime.fromisoformat(operand.value), TimestampType())
        (value,) = conform(target.with_nullable(True), [operand.value], zone=datetime.UTC)
    except (CellRejected, ValueError) as error:
        reason = error.reason if isinstance(error, CellRejected) else str(error)
        kind, wanted = operand.col_type.with_nullable(False), target.with_nullable(False)
        found_in = f"{subject}: " if subject else ""
        raise TypeMismatch(
            f"{found_in}the {kind} {operand} cannot be used as `{wanted}`: {reason}",
            hint=_SPELLINGS.get(type(target), ""),
        ) from None
    return Literal(value, target.with_nullable(value is None))


_SPELLINGS: dict[type[ColumnType], str] = {
    TimestampType: "Write it as '2024-01-31' or '2024-01-31T12:00:00+01:00'.",
    DateType: "Write it as '2024-01-31'.",
    UUIDType: "Write it as 32 hexadecimal digits, with or without '-'.",
}


def _register_comparison(op: str) -> None:
    def build(left: Any, right: Any) -> Expr:
        if right is None or left is None:
            return _null_test(op, as_expr(left if right is None else right))
        return _comparison(op, as_expr(left), as_expr(right))

    builder(op)(build)


for _op in ("<", "<=", ">", ">=", "==", "!="):
    _register_comparison(_op)


def _null_test(op: str, operand: Expr) -> Expr:
    if op not in ("==", "!="):
        raise TypeMismatch(f"{operand} {op} None: null has no order", hint="Only == None and != None test for null.")
    return IsNull(operand) if op == "==" else Not(IsNull(operand))


@builder("&")
def _and(left: Any, right: Any) -> Expr:
    operands = (as_expr(left), as_expr(right))
    require_bools("&", operands)
    return And(
        tuple(part for operand in operands for part in (operand.parts if isinstance(operand, And) else (operand,)))
    )


@builder("|")
def _or(left: Any, right: Any) -> Expr:
    operands = (as_expr(left), as_expr(right))
    require_bools("|", operands)
    return Or(
        tuple(part for operand in operands for part in (operand.parts if isinstance(operand, Or) else (operand,)))
    )


@builder("~")
def _not(operand: Expr) -> Expr:
    require_bools("~", (operand,))
    return Not(operand)


@builder("astype")
def _astype(operand: Expr, target: Any) -> Expr:
    return Cast(operand, type_from_form(target, subject=f"({operand}).astype()"))
