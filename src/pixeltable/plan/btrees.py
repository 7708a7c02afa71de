"""B-tree indexes in SQL: what the database keeps in order for a key, and how a statement says so that it is used.

The database limits what an index can hold, and compares text with numbers never. So a string is kept by its first
characters, and Json of no known type by its number, or else its text. A query gets conditions that follow from its
own and are about just that; its own decide.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

from pixeltable.catalog.records import BtreeRecord, TableRecord
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal, by_ids
from pixeltable.exprs.membership import IsIn
from pixeltable.exprs.operators import Comparison
from pixeltable.plan import json_sql
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.plan.scope import Scope
from pixeltable.plan.sql import to_sql
from pixeltable.types.column_type import FloatType, IntType, JsonType, StringType
from pixeltable.types.conform import INT_MAX, INT_MIN

MOST_KEYS = 4
_PREFIX = 160
"""So many characters, of up to four bytes, fit four times into an entry of an index, which can have 2,704 bytes."""

_EXACT_FLOAT = 2**53
_LARGEST_NUMBER = 1e300

_Compare = Callable[[Any, Any], Any]
_RELAXED: dict[str, tuple[str, _Compare]] = {
    "==": ("==", operator.eq), "<": (">", operator.le), "<=": (">=", operator.le), ">": ("<", operator.ge),
    ">=": ("<=", operator.ge),
}  # fmt: skip
"""By operator: the one with its sides exchanged, and what holds of prefixes and of rounded numbers if it holds."""


def index_statement(table: TableRecord, index: BtreeRecord, *, concurrently: bool) -> str | None:
    """The statement that makes an index; None where a key has no SQL."""
    scope = Scope(table)
    columns: list[Sql] = []
    for key in index.keys:
        sql = to_sql(key, scope)
        if sql is None:
            return None
        columns += [sql] if index.unique else _kept(key, sql)
    texts = [f"({_text(column)})" for column in columns]
    unique, how = "UNIQUE " if index.unique else "", "CONCURRENTLY " if concurrently else ""
    heap = table.heap(index.heap).current
    return f"CREATE {unique}INDEX {how}{index.db_name} ON {heap} ({', '.join(texts)})"


@cache
def _plain_dialect() -> Any:
    return postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # it leaves percent signs as they are


def _text(column: Sql) -> str:
    return str(column.compile(dialect=_plain_dialect(), compile_kwargs={"literal_binds": True}))


def _kept(key: Expr, sql: Sql) -> list[Sql]:
    """What an index holds of a key."""
    if isinstance(key.col_type, StringType):
        return [_prefix(sql)]
    if isinstance(key.col_type, JsonType):
        return [_number_of(sql), _prefix(_string_of(sql))]
    return [sql]


def _prefix(sql: Sql) -> Sql:
    return sa.func.left(sql, _PREFIX, type_=sa.Text)


def _prefix_of(value: str) -> Sql:
    return sa.literal(value[:_PREFIX], sa.Text)


def _number_of(value: Sql) -> Sql:
    """A Json number as a float, which takes little room; what no float is as large as is cut to the largest."""
    largest = sa.cast(sa.literal(f"{_LARGEST_NUMBER:.0e}", sa.Text), sa.Numeric)
    cut = sa.func.least(sa.func.greatest(sa.cast(value, sa.Numeric), -largest), largest)
    return sa.case((sa.func.jsonb_typeof(value) == "number", sa.cast(cut, sa.Double)))


def _float_of(value: float) -> Sql:
    number = max(-_LARGEST_NUMBER, min(_LARGEST_NUMBER, value))
    return sa.literal(float(number), sa.Double)


def _string_of(value: Sql) -> Sql:
    return sa.case((sa.func.jsonb_typeof(value) == "string", json_sql.text_of(value).collate("C")))


def implied(predicate: Expr, scope: Scope) -> list[Sql]:
    """Conditions, for indexes to be searched by, that hold wherever a conjunct of a filter does."""
    if not scope.table.btrees:
        return []
    if isinstance(predicate, IsIn):
        return _implied_by_members(predicate, scope)
    if not isinstance(predicate, Comparison) or predicate.op not in _RELAXED:
        return []
    flipped, _ = _RELAXED[predicate.op]
    for key, constant, op in (
        (predicate.left, predicate.right, predicate.op),
        (predicate.right, predicate.left, flipped),
    ):
        if isinstance(constant, Literal) and _is_key(key, scope.table):
            return _implied(key, constant.value, _RELAXED[op][1], scope)
    return []


def _is_key(expr: Expr, table: TableRecord, *, leading: bool = False) -> bool:
    """Whether an index in use, whose strings are cut, has an expression as a key, or as its first one."""
    sought = by_ids(expr)
    indexes = [index for index in table.btrees if index.status == "ready" and not index.unique]
    return any(by_ids(key) == sought for index in indexes for key in index.keys[: 1 if leading else None])


def leads_an_index(expr: Expr, table: TableRecord) -> bool:
    """Whether an index in use is in the order of an expression, or nearly."""
    sought = by_ids(expr)
    return any(by_ids(index.keys[0]) == sought for index in table.btrees if index.status == "ready")


def _implied(key: Expr, value: Any, compare: _Compare, scope: Scope) -> list[Sql]:
    sql = to_sql(key, scope)
    if sql is None:
        return []
    if isinstance(key.col_type, JsonType):
        return _implied_of_json(sql, value, compare)
    if isinstance(key.col_type, StringType) and isinstance(value, str):
        return [compare(_prefix(sql), _prefix_of(value))]
    if isinstance(key.col_type, FloatType) and type(value) is int and abs(value) <= _EXACT_FLOAT:
        return [compare(sql, sa.literal(float(value), sa.Double))]
    if isinstance(key.col_type, IntType) and isinstance(value, float) and INT_MIN < value < INT_MAX:
        rounded = math.ceil(value) if compare is operator.le else math.floor(value)
        return [compare(sql, sa.literal(rounded, sa.BigInteger))]
    return []


def _implied_of_json(sql: Sql, value: Any, compare: _Compare) -> list[Sql]:
    if isinstance(value, str):
        return [_number_of(sql).is_(None), compare(_prefix(_string_of(sql)), _prefix_of(value))]
    return [compare(_number_of(sql), _float_of(value))] if _is_number(value) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _implied_by_members(predicate: IsIn, scope: Scope) -> list[Sql]:
    values = [member.value for member in predicate.values]
    sql = to_sql(predicate.operand, scope) if values and _is_key(predicate.operand, scope.table) else None
    if sql is None:
        return []
    is_json = isinstance(predicate.operand.col_type, JsonType)
    if all(isinstance(value, str) for value in values):
        text = _prefix(_string_of(sql) if is_json else sql)
        return [*([_number_of(sql).is_(None)] if is_json else []), text.in_(map(_prefix_of, values))]
    if is_json and all(map(_is_number, values)):
        return [_number_of(sql).in_(map(_float_of, values))]
    return []


def order_prefix(key: Expr, sql: Sql, table: TableRecord) -> Sql | None:
    """What an index keeps of the first key of an order, where that is less than the key; it orders rows as the key."""
    is_cut = isinstance(key.col_type, StringType) and bool(table.btrees) and _is_key(key, table, leading=True)
    return _prefix(sql) if is_cut else None
