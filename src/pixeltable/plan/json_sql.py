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
from pixeltable.types.json_text import json_text

_LARGEST_POSITION = 2**31 - 1
_COMPARE: dict[str, Callable[[Any, Any], Sql]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def path_sql(source: Sql, steps: Sequence[Any], result: ColumnType) -> Sql | None:
    """What is found under `steps`, in the form of its type; None where a step needs Python."""
    if _copies(steps) > _MOST_COPIES:
        return None
    found = _found(source, steps)
    return None if found is None else _scalar(sa.func.nullif(found, _jsonb("null"), type_=postgresql.JSONB()), result)


_MOST_COPIES = 64
"""Each step into a list repeats what leads to it: whether that is a list has to be known first."""


def _copies(steps: Sequence[Any]) -> int:
    copies = 1
    for step in steps:
        copies *= 1 if isinstance(step, str) and step != WILDCARD else 3 if isinstance(step, slice) else 2
    return copies


def _found(source: Sql, steps: Sequence[Any]) -> Sql | None:
    found = source
    for number, step in enumerate(steps):
        if step == WILDCARD:
            return _of_each(found, steps[number + 1 :])
        if isinstance(step, slice):
            found = _sliced(found, step)
        elif isinstance(step, str):
            if "\0" in step:
                return None
            found = found.op("->", return_type=postgresql.JSONB())(sa.literal(step, sa.Text))
        elif abs(step) > _LARGEST_POSITION:
            return None
        else:
            item = found.op("->", return_type=postgresql.JSONB())(sa.literal(step, sa.Integer))
            found = _if_list(found, item)  # a scalar would be taken for a list of one
    return found


def _if_list(value: Sql, made: Sql) -> Sql:
    return sa.case((sa.func.jsonb_typeof(value) == "array", made))


def _of_each(value: Sql, steps: Sequence[Any]) -> Sql | None:
    """The list of what is found in each element of a list; null for an element that has nothing there."""
    elements = _elements(value)
    found = _found(elements.c.value, steps)
    if found is None:
        return None
    return _if_list(value, _collected(sa.select(_list_of(found, elements.c.ordinality.asc())), elements))


def _elements(value: Sql) -> Any:
    """The elements of a list as rows, numbered from 1."""
    typed = sa.column("value", postgresql.JSONB()), sa.column("ordinality", sa.BigInteger)
    return sa.func.jsonb_array_elements(value).table_valued(typed[0], with_ordinality=typed[1].name)


def _list_of(values: Sql, order: Any) -> Sql:
    collected = sa.func.jsonb_agg(postgresql.aggregate_order_by(values, order), type_=postgresql.JSONB())
    return sa.func.coalesce(collected, _jsonb("[]"), type_=postgresql.JSONB())


def _collected(query: sa.Select[Any], elements: Any) -> Sql:
    """The one value of a query over the elements; all else that it reads is of the row around it."""
    return query.select_from(elements).correlate_except(elements).scalar_subquery()


def _sliced(value: Sql, step: slice) -> Sql:
    """The elements of a list that Python's slice chooses, in its order."""
    elements = _elements(value)
    length = sa.func.jsonb_array_length(value, type_=sa.Integer)
    stride = _within(1 if step.step is None else step.step)
    start, stop = _bound(step.start, length, stride, first=True), _bound(step.stop, length, stride, first=False)
    place = elements.c.ordinality - 1
    if stride > 0:
        chosen = (place >= start) & (place < stop)
        order, distance = elements.c.ordinality.asc(), place - start
    else:
        chosen = (place <= start) & (place > stop)
        order, distance = elements.c.ordinality.desc(), start - place
    if abs(stride) > 1:
        chosen &= sa.func.mod(distance, abs(stride)) == 0
    return _if_list(value, _collected(sa.select(_list_of(elements.c.value, order)).where(chosen), elements))


def _bound(bound: int | None, length: Sql, stride: int, *, first: bool) -> Any:
    """Where a slice begins or ends, by the rules of `slice.indices`."""
    least, most = (sa.literal(0), length) if stride > 0 else (sa.literal(-1), length - 1)
    if bound is None:
        return least if first == (stride > 0) else most
    given = _within(bound)
    return sa.func.least(given, most) if given >= 0 else sa.func.greatest(length + given, least)


def _within(number: int) -> int:
    """No list is as long as the largest position."""
    return max(-_LARGEST_POSITION, min(number, _LARGEST_POSITION))


def order_keys(value: Sql) -> list[Sql]:
    """What puts Json values into the order that Python has them in; null is null."""
    kind = sa.func.jsonb_typeof(value, type_=sa.Text)
    # An empty list would come before all else; texts are by code point.
    rank = sa.case({"string": 0, "number": 1, "boolean": 2, "array": 3, "object": 4}, value=kind)
    text, other = sa.case((kind == "string", text_of(value))), sa.case(((kind != "string") & (kind != "null"), value))
    return [rank, text.collate("C"), other]


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


def literal_jsonb(value: Any) -> Sql | None:
    """A literal as Json that is equal just to what it is equal to in Python; None where there is none."""
    if isinstance(value, list | dict):
        return _container_jsonb(value)
    if isinstance(value, str):
        return None if "\0" in value or not _is_unicode(value) else _jsonb(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return _jsonb(json.dumps(value))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return sa.func.to_jsonb(_number(value), type_=postgresql.JSONB())
    return None


def _container_jsonb(value: Any) -> Sql | None:
    try:
        return _jsonb(json_text(value))
    except (TypeError, ValueError):  # a NaN, a NUL, or what no Json holds
        return None


def as_jsonb(value: Sql) -> Sql:
    """A text, an integer or a Bool as the Json value that it is equal to; Json as it is."""
    if isinstance(value.type, postgresql.JSONB):
        return value
    return sa.func.to_jsonb(value, type_=postgresql.JSONB())


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
    """A Json value beside a scalar literal; values of different kinds are unequal, and in no order."""
    other = literal_jsonb(literal.value)
    if other is None:
        return None
    if op in ("==", "!="):
        return _COMPARE[op](value, other)
    kind, typed, constant = _ordered(value, literal.value)
    left, right = (constant, typed) if flipped else (typed, constant)
    return sa.case((sa.func.jsonb_typeof(value) == kind, _COMPARE[op](left, right)))


def compared_values(op: str, left: Sql, right: Sql) -> Sql:
    """Two Json values, in the order of the database's own, in which it has texts by code point."""
    found = _COMPARE[op](left, right)
    if op in ("==", "!="):
        return found
    alike = sa.func.jsonb_typeof(left, type_=sa.Text) == sa.func.jsonb_typeof(right, type_=sa.Text)
    return sa.case((alike, found))


def _ordered(value: Sql, constant: Any) -> tuple[str, Sql, Sql]:
    """The kind of the constant, and both as SQL that is in the order of that kind."""
    if isinstance(constant, bool):
        return "boolean", sa.cast(value, sa.Boolean), sa.literal(constant, sa.Boolean)
    if isinstance(constant, str):
        return "string", text_of(value).collate("C"), sa.literal(constant, sa.Text)
    return "number", sa.cast(value, sa.Numeric), _number(constant)


def is_any_of(value: Sql, members: Sequence[Any]) -> Sql | None:
    """Whether a Json value equals one of the literals."""
    found = [literal_jsonb(member) for member in members]
    if any(member is None for member in found):
        return None
    members_sql = postgresql.array([member for member in found if member is not None])
    return value.op("=", return_type=sa.Boolean())(sa.func.any(members_sql))


def is_element(value: Sql, elements: Sql) -> Sql:
    """Whether a value equals an element of a Json list; null if it is null, or if there is no list."""
    wanted = as_jsonb(value)
    rows = _elements(elements)
    found: sa.Select[Any] = (
        sa.select(sa.literal_column("1")).select_from(rows).where(rows.c.value == wanted).correlate_except(rows)
    )
    return sa.case((value.isnot(None) & (sa.func.jsonb_typeof(elements) == "array"), found.exists()))
