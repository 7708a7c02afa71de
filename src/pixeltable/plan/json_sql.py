"""Json in SQL: paths into it, and comparing what they lead to; as Python sees it, or not at all."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from pixeltable.exprs.leaves import Literal
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.types.column_type import (
    WILDCARD,
    BoolType,
    ColumnType,
    FloatType,
    IntType,
    JsonType,
    StringType,
)

_LARGEST_POSITION = 2**31 - 1
_COMPARE: dict[str, Callable[[Any, Any], Sql]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def path_sql(source: Sql, steps: Sequence[Any], result: ColumnType) -> Sql | None:
    """What is found under `steps`, in the form of its type; None where a step needs Python."""
    found = source
    for step in steps:
        if step == WILDCARD or isinstance(step, slice):
            return None
        if isinstance(step, str):
            if "\0" in step:
                return None
            found = found.op("->", return_type=postgresql.JSONB())(sa.literal(step, sa.Text))
        elif abs(step) > _LARGEST_POSITION:
            return None
        else:  # a scalar would be taken for a list of one
            item = found.op("->", return_type=postgresql.JSONB())(sa.literal(step, sa.Integer))
            found = sa.case((sa.func.jsonb_typeof(found) == "array", item))
    return _scalar(sa.func.nullif(found, _jsonb("null"), type_=postgresql.JSONB()), result)


def _scalar(value: Sql, column_type: ColumnType) -> Sql | None:
    if isinstance(column_type, JsonType):
        return value
    if isinstance(column_type, StringType):
        return text_of(value)
    kinds: dict[type[ColumnType], Any] = {IntType: sa.BigInteger, FloatType: sa.Double, BoolType: sa.Boolean}
    kind = kinds.get(type(column_type))
    return None if kind is None else sa.cast(value, kind)


def _jsonb(text: str) -> Sql:
    return sa.cast(sa.literal(text, sa.Text), postgresql.JSONB)


def text_of(value: Sql) -> Sql:
    """A Json string as text; null of null."""
    return value.op("#>>", return_type=sa.Text())(sa.cast(sa.literal("{}", sa.Text), sa.ARRAY(sa.Text)))


def scalar_jsonb(value: Any) -> Sql | None:
    """A literal as Json that is equal just to what it is equal to in Python; None where there is none."""
    if isinstance(value, str):
        return None if "\0" in value or not _is_unicode(value) else _jsonb(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return _jsonb(json.dumps(value))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return sa.func.to_jsonb(_number(value), type_=postgresql.JSONB())
    return None


def _number(value: Any) -> Sql:
    """Floats beyond 2**53 are whole numbers, and have all their digits in the database."""
    is_large = isinstance(value, float) and abs(value) >= 2**53
    return sa.literal(Decimal(int(value)) if is_large else Decimal(repr(value)), sa.Numeric)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def compared(op: str, value: Sql, literal: Literal, *, flipped: bool) -> Sql | None:
    """A Json value beside a literal; values of different kinds are unequal, and in no order."""
    other = scalar_jsonb(literal.value)
    if other is None:
        return None
    if op in ("==", "!="):
        return _COMPARE[op](value, other)
    kind, typed, constant = _ordered(value, literal.value)
    left, right = (constant, typed) if flipped else (typed, constant)
    return sa.case((sa.func.jsonb_typeof(value) == kind, _COMPARE[op](left, right)))


def _ordered(value: Sql, constant: Any) -> tuple[str, Sql, Sql]:
    """The kind of the constant, and both as SQL that is in the order of that kind."""
    if isinstance(constant, bool):
        return "boolean", sa.cast(value, sa.Boolean), sa.literal(constant, sa.Boolean)
    if isinstance(constant, str):
        return "string", text_of(value).collate("C"), sa.literal(constant, sa.Text)
    return "number", sa.cast(value, sa.Numeric), _number(constant)


def is_any_of(value: Sql, members: Sequence[Any]) -> Sql | None:
    """Whether a Json value equals one of the literals."""
    found = [scalar_jsonb(member) for member in members]
    if any(member is None for member in found):
        return None
    members_sql = postgresql.array([member for member in found if member is not None])
    return value.op("=", return_type=sa.Boolean())(sa.func.any(members_sql))
