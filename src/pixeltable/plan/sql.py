"""Expressions as SQL: a rule per node, or none where SQL cannot mean exactly what Python does."""

import datetime
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, reduce, singledispatch
from typing import Any

from pixeltable.exceptions import UnknownFunction
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.arrays import ArrayItem, ArrayOf
from pixeltable.exprs.call import Call
from pixeltable.exprs.elements import Element, JsonFilter, JsonMap, JsonSort
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.membership import IsIn, IsInList
from pixeltable.exprs.operators import (
    And,
    Arithmetic,
    Cast,
    Comparison,
    Concat,
    IsNull,
    Negate,
    Not,
    Or,
    Repeat,
    is_identity,
)
from pixeltable.exprs.properties import BaseRow, CellProperty, InShare, RowHash, RowId, Similarity, VectorScore
from pixeltable.exprs.queries import InQuery, QueryCall
from pixeltable.exprs.shift import Shift
from pixeltable.exprs.tool_calls import ToolCalls
from pixeltable.exprs.variable import Variable
from pixeltable.functions.date import days_later
from pixeltable.functions.timestamp import earlier_on_the_clock
from pixeltable.lazy import np
from pixeltable.plan import json_sql
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.sampling import threshold
from pixeltable.plan.scope import Scope, sa_type
from pixeltable.storage.cells import vector_texts
from pixeltable.types.column_type import (
    BinaryType,
    BoolType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import CellRejected, conform
from pixeltable.udfs import registry

PYTHON_ONLY: dict[type[Expr], str] = {
    Aggregate: "it is about many rows: `grouping` compiles the statement that groups them",
    ArrayItem: "arrays are stored as bytes",
    ArrayOf: "arrays are stored as bytes",
    Element: "it stands for the elements of a list",
    InQuery: "it is resolved to the values before a statement is made",
    JsonFilter: "functions of the elements of a list run in Python",
    JsonList: "it may hold values that have no JSON form in SQL",
    JsonMap: "functions of the elements of a list run in Python",
    JsonObject: "it may hold values that have no JSON form in SQL",
    JsonSort: "functions of the elements of a list run in Python",
    QueryCall: "it is a statement of its own, for many rows at once",
    Repeat: "SQL limits the length of the result",
    Similarity: "it is resolved to a VectorScore before a statement is made",
    ToolCalls: "what is called is only known in each row",
}
"""Nodes without a rule here, and why."""

IN_SQL = (StringType, IntType, FloatType, BoolType, TimestampType, DateType, UUIDType)
"""Types whose values SQL has, compares and orders as Python does."""


@singledispatch
def to_sql(node: Expr, scope: Scope) -> Sql | None:
    """The node as an SQL expression over `scope`, or None if it runs in Python."""
    return None


def _all(nodes: Sequence[Expr], scope: Scope) -> list[Sql] | None:
    found = [to_sql(node, scope) for node in nodes]
    return None if any(sql is None for sql in found) else [sql for sql in found if sql is not None]


@to_sql.register
def _(node: Literal, scope: Scope) -> Sql | None:
    if node.value is None:
        return sa.null()
    if not has_sql(node):
        return None
    if isinstance(node.col_type, TimestampType) and node.value.tzinfo is None:
        return earlier_on_the_clock(sa.literal(node.value, sa.DateTime())) if scope.clocks_agree() else None
    return sa.literal(node.value, sa_type(node.col_type))


@to_sql.register
def _(node: Variable, scope: Scope) -> Sql | None:
    return scope.variables.get(node.variable_name)


def has_sql(node: Literal) -> bool:
    """Whether SQL has the value: not an int beyond 64 bits, nor text that holds NUL or a lone surrogate."""
    if not isinstance(node.col_type, IN_SQL):
        return False
    try:
        conform(node.col_type, [node.value], zone=datetime.UTC)
    except CellRejected:
        return False
    return True


@to_sql.register
def _(node: ColumnRef, scope: Scope) -> Sql | None:
    record = scope.record(node)
    if record.heap is not None:
        return scope.column(record)
    return None if record.expr is None else to_sql(record.expr, scope)


@to_sql.register
def _(node: Arithmetic, scope: Scope) -> Sql | None:
    rule = _ARITHMETIC.get((node.op, type(node.left.col_type), type(node.right.col_type)))
    operands = _all((node.left, node.right), scope)
    return None if rule is None or operands is None else rule(*operands)


def _true_division(left: Sql, right: Sql) -> Sql:
    # With its type, or SQLAlchemy would cast the divisor to NUMERIC, which keeps 15 digits.
    return sa.cast(left, sa.Double) / sa.func.nullif(sa.cast(right, sa.Double), 0, type_=sa.Double)


def _floor_modulo(left: Sql, right: Sql) -> Sql:
    """SQL's remainder has the sign of the dividend, Python's that of the divisor."""
    divisor = sa.func.nullif(right, 0, type_=sa.BigInteger)
    remainder = sa.func.mod(left, divisor, type_=sa.BigInteger)
    opposite = (remainder != 0) & ((remainder < 0) != (divisor < 0))
    return sa.case((opposite, remainder + divisor), else_=remainder)


def _floor_division(left: Sql, right: Sql) -> Sql:
    """SQL's quotient is cut off towards zero, Python's is rounded down."""
    divisor = sa.func.nullif(right, 0, type_=sa.BigInteger)
    remainder = sa.func.mod(left, divisor, type_=sa.BigInteger)
    quotient = sa.func.div(left, divisor)
    opposite = (remainder != 0) & ((remainder < 0) != (divisor < 0))
    return sa.cast(sa.case((opposite, quotient - 1), else_=quotient), sa.BigInteger)


_ARITHMETIC: dict[tuple[str, type, type], Callable[[Sql, Sql], Sql]] = {
    (op, left, right): rule
    for op, rule in (("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", _true_division))
    for left in (IntType, FloatType)
    for right in (IntType, FloatType)
} | {("//", IntType, IntType): _floor_division, ("%", IntType, IntType): _floor_modulo}
"""`**`, and // and % on floats, run in Python: SQL rounds and overflows in other ways."""


@to_sql.register
def _(node: Negate, scope: Scope) -> Sql | None:
    operand = to_sql(node.operand, scope)
    return None if operand is None or isinstance(node.operand.col_type, JsonType) else -operand


@to_sql.register
def _(node: Concat, scope: Scope) -> Sql | None:
    parts = _all((node.left, node.right), scope)
    return None if parts is None else reduce(operator.add, (sa.type_coerce(part, sa.Text) for part in parts))


@to_sql.register
def _(node: Shift, scope: Scope) -> Sql | None:
    operand = to_sql(node.operand, scope)
    if operand is None:
        return None
    if isinstance(node.col_type, DateType):
        return days_later(operand, sa.literal(node.interval.days, sa.Integer))  # type: ignore[no-any-return]
    return _later(operand, node.interval)


def _later(time: Sql, interval: datetime.timedelta) -> Sql:
    """In UTC, since PostgreSQL's days are by the clock elsewhere; fails where Python has no such time, as it does."""
    zoned, local = sa.DateTime(timezone=True), sa.DateTime()
    first, last = datetime.datetime.min, datetime.datetime.max  # noqa: DTZ901  # compared with times without a zone
    ends = sa.literal(first, local), sa.literal(last, local)
    start, length = sa.func.timezone("UTC", time, type_=local), sa.literal(interval, sa.Interval())
    moved = sa.type_coerce(start + length, local)
    shown = sa.cast(sa.func.timezone("UTC", moved, type_=zoned), local)
    possible = start.between(*ends) & moved.between(*ends) & shown.between(*ends)
    # Where PostgreSQL has no time either, and says so.
    beyond: Sql = sa.func.make_interval(300_000, type_=sa.Interval())
    return sa.func.timezone("UTC", start + sa.case((possible, length), else_=beyond), type_=zoned)


_COMPARE: dict[str, Callable[[Sql, Sql], Sql]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@to_sql.register
def _(node: Cast, scope: Scope) -> Sql | None:
    """Other conversions follow the rules of insert, which are Python's, and may fail in a row."""
    operand = to_sql(node.cast_operand, scope)
    if operand is None or is_identity(node):
        return operand
    to_float = isinstance(node.cast_target, FloatType) and isinstance(node.cast_operand.col_type, IntType)
    return sa.cast(operand, sa.Double) if to_float else None


@to_sql.register
def _(node: JsonPath, scope: Scope) -> Sql | None:
    source = to_sql(node.json_root, scope) if isinstance(node.json_root.col_type, JsonType) else None
    return None if source is None else json_sql.path_sql(source, node.json_steps, node.col_type)


def _compared_json(node: Comparison, scope: Scope) -> Sql | None:
    flipped = isinstance(node.left, Literal)
    value, other = (node.right, node.left) if flipped else (node.left, node.right)
    if isinstance(value.col_type, JsonType) and isinstance(other, Literal) and not isinstance(other.value, list | dict):
        found = to_sql(value, scope)
        return None if found is None else json_sql.compared(node.op, found, other, flipped=flipped)
    left, right = _as_json(node.left, scope), _as_json(node.right, scope)
    if left is None or right is None or not (node.op in ("==", "!=") or scope.texts_agree()):
        return None
    return json_sql.compared_values(node.op, left, right)


def _as_json(operand: Expr, scope: Scope) -> Sql | None:
    """An operand as Json; None for a Float, of which Json has the decimals, and for what is in no Json."""
    if isinstance(operand, Literal):
        return json_sql.literal_jsonb(operand.value)
    if not isinstance(operand.col_type, (JsonType, StringType, IntType, BoolType)):
        return None
    found = to_sql(operand, scope)
    return None if found is None else json_sql.as_jsonb(_typed(found, operand))


@to_sql.register
def _(node: Comparison, scope: Scope) -> Sql | None:
    kinds = {type(node.left.col_type), type(node.right.col_type)}
    if JsonType in kinds:
        return _compared_json(node, scope)
    operands = _all((node.left, node.right), scope)
    if operands is None or not kinds <= {*IN_SQL, BinaryType}:
        return None
    left, right = operands
    if kinds == {IntType, FloatType}:
        left, right = _beside_integers(node.left, left), _beside_integers(node.right, right)
    compared = _COMPARE[node.op](left, right)
    return compared if FloatType not in kinds else _without_nan(node, left, right, compared)


def _beside_integers(operand: Expr, sql: Sql) -> Sql:
    """A number as `numeric`, in the same order and equality to all integers as it has itself.

    A large integer is not exact as a float, and the cast from float to numeric keeps 15 digits: so a float becomes its
    whole part, which is exact as an integer, and a half for any fraction, of which no integer can tell more.
    """
    if not isinstance(operand.col_type, FloatType):
        return sa.cast(sql, sa.Numeric)
    if isinstance(operand, Literal):
        return sa.literal(Decimal(operand.value), sa.Numeric)
    whole = sa.func.trunc(sql)
    exact = sa.cast(sa.cast(whole, sa.BigInteger), sa.Numeric) + sa.cast(sa.func.sign(sql - whole), sa.Numeric) / 2
    return sa.case(((sql >= -(2.0**63)) & (sql < 2.0**63), exact), else_=sa.cast(sql, sa.Numeric))


def _without_nan(node: Comparison, left: Sql, right: Sql, compared: Sql) -> Sql:
    """Python's NaN is unlike all, itself included; SQL's equals itself and is greater than all others."""
    may_be_nan = [_may_be_nan(node.left), _may_be_nan(node.right)]
    nan: Sql = sa.literal_column("'NaN'")
    if node.op == "!=":
        return compared | ((left == nan) & right.isnot(None)) if all(may_be_nan) else compared
    if node.op == "==":
        return compared & ~((left == nan) & right.isnot(None)) if all(may_be_nan) else compared
    greater, other, possible = (left, right, may_be_nan[0]) if node.op in (">", ">=") else (right, left, may_be_nan[1])
    return compared & ~((greater == nan) & other.isnot(None)) if possible else compared


def _may_be_nan(operand: Expr) -> bool:
    if isinstance(operand, Literal):
        return bool(operand.value != operand.value)
    return isinstance(operand.col_type, FloatType)


@to_sql.register
def _(node: IsNull, scope: Scope) -> Sql | None:
    operand = to_sql(node.operand, scope)
    return None if operand is None else operand.is_(None)


@to_sql.register
def _(node: And, scope: Scope) -> Sql | None:
    parts = _all(node.parts, scope)
    return None if parts is None else sa.and_(*parts)


@to_sql.register
def _(node: Or, scope: Scope) -> Sql | None:
    parts = _all(node.parts, scope)
    return None if parts is None else sa.or_(*parts)


@to_sql.register
def _(node: Not, scope: Scope) -> Sql | None:
    operand = to_sql(node.operand, scope)
    return None if operand is None else sa.not_(operand)


@to_sql.register
def _(node: IsIn, scope: Scope) -> Sql | None:
    operand = to_sql(node.operand, scope)
    if operand is not None and not node.values:  # `= ANY` of nothing is false also for null
        return operand != operand
    if operand is not None and isinstance(node.operand.col_type, JsonType):
        return json_sql.is_any_of(operand, [value.value for value in node.values])
    if operand is None or not isinstance(node.operand.col_type, (StringType, IntType, BoolType, DateType, UUIDType)):
        return None  # floats and timestamps: NaN, and zones that only Python knows
    if any(type(value.col_type) is not type(node.operand.col_type) or not has_sql(value) for value in node.values):
        return None
    kind = sa_type(node.operand.col_type)
    return operand == sa.func.any(sa.literal([value.value for value in node.values], sa.ARRAY(kind)))


@to_sql.register
def _(node: IsInList, scope: Scope) -> Sql | None:
    if not isinstance(node.operand.col_type, (StringType, IntType, BoolType, JsonType)):
        return None  # a Float, of which Json has the decimals
    operands = _all((node.operand, node.elements), scope)
    return None if operands is None else json_sql.is_element(_typed(operands[0], node.operand), operands[1])


@to_sql.register
def _(node: Call, scope: Scope) -> Sql | None:
    rule = _sql_rule(node, scope)
    if rule is None or _takes_json_unchecked(node):
        return None
    arguments = _all(node.call_args, scope)
    found: Sql | None = None if arguments is None else rule(*map(_typed, arguments, node.call_args))
    if found is None:
        return None
    # A null argument yields null without a call; SQL functions are strict, but what a rule builds need not be.
    guarded = [
        argument.is_(None)
        for argument, parameter, expr in zip(
            arguments or (), node.call_function.parameters, node.call_args, strict=True
        )
        if expr.col_type.nullable and parameter.type is not None and not parameter.type.nullable
    ]
    return sa.case((sa.or_(*guarded), sa.null()), else_=found) if guarded else found


@to_sql.register
def _(node: CellProperty, scope: Scope) -> Sql | None:
    record = scope.record(node.source)
    if record.heap is None:
        return None
    errors = scope.errors(record)
    if record.status == "backfilling" and node.name == "errortype":
        pending = scope.heap(scope.table.heap(record.heap)).c.row.is_(None)
        return sa.case((pending, sa.literal("Pending", sa.Text)), else_=errors["type"].astext)
    return errors["type" if node.name == "errortype" else "message"].astext  # type: ignore[no-any-return]


@to_sql.register(BaseRow)
@to_sql.register(RowId)
def _(node: BaseRow | RowId, scope: Scope) -> Sql | None:
    base = next((table for table in scope.table.lineage if table.id == node.table_id), None)
    return None if base is None else sa.type_coerce(scope.row_of(base.row_heap), sa.BigInteger)


@to_sql.register
def _(node: RowHash, scope: Scope) -> Sql | None:
    return _hash_of(scope.rows.c.row, node.seed)


@to_sql.register
def _(node: InShare, scope: Scope) -> Sql | None:
    row = to_sql(node.row, scope)
    return None if row is None else is_in_share(_hash_of(row, node.seed), node.fraction)


def _hash_of(row: Sql, seed: int) -> Sql:
    return sa.func.md5(sa.cast(row, sa.Text) + f":{seed}", type_=sa.Text)


def is_in_share(hashed: Sql, fraction: float) -> Sql:
    """Whether a sample of a fraction chooses rows, by their texts."""
    return sa.func.left(hashed, 8).collate("C") < threshold(fraction)


def _typed(sql: Sql, expr: Expr) -> Sql:
    """With the type that the expression has, by which rules decide: SQLAlchemy's guess may be another."""
    return sql if isinstance(sql, sa.Null | sa.BindParameter) else sa.type_coerce(sql, sa_type(expr.col_type))


def _takes_json_unchecked(node: Call) -> bool:
    """Whether an argument is Json where a scalar is wanted: Python looks at what it holds row by row, SQL cannot."""
    return any(
        isinstance(argument.col_type, JsonType)
        and parameter.type is not None
        and not isinstance(parameter.type, JsonType)
        for argument, parameter in zip(node.call_args, node.call_function.parameters, strict=True)
        if not isinstance(argument, Literal)
    )


def _sql_rule(node: Call, scope: Scope) -> Callable[..., Sql | None] | None:
    try:
        function = registry.find(node.call_function)
    except UnknownFunction:
        return None  # stored by value and not loaded yet, or gone: whoever evaluates the call finds out
    return None if function.sql_by_clock and not scope.clocks_agree() else function.sql


def by_clock(node: Call) -> bool:
    """Whether the function's SQL goes by what clocks of the session's zone show."""
    try:
        return registry.find(node.call_function).sql_by_clock
    except UnknownFunction:
        return False


@cache
def _vector_type(name: str) -> Any:
    """pgvector's column types, by the name PostgreSQL has for them."""

    class PgVector(sa.types.UserDefinedType[str]):
        cache_ok = True

        def get_col_spec(self, **_: object) -> str:
            return name

    return PgVector()


_DISTANCE = {"cosine": "<=>", "ip": "<#>", "l2": "<->"}


def vector_distance(node: VectorScore, scope: Scope) -> Sql:
    """The distance by which an index orders: it grows as likeness shrinks, whatever the metric."""
    query = _vector_sql(node, scope)
    index = next(index for index in scope.table.known_indexes if index.id == node.index)
    return scope.vector(index).op(_DISTANCE[node.metric], return_type=sa.Double())(query)


def _vector_sql(node: VectorScore, scope: Scope) -> Sql:
    if isinstance(node.vector, Variable):
        return scope.variables[node.vector.variable_name]
    (text,) = vector_texts([np.asarray(node.vector.value)])
    return sa.cast(sa.literal(text, sa.Text), _vector_type(scope.table.heap(node.index).column("vector").sql_type))


@to_sql.register
def _(node: VectorScore, scope: Scope) -> Sql | None:
    distance = vector_distance(node, scope)
    if node.metric == "cosine":
        return 1 - distance
    return -distance if node.metric == "ip" else distance
