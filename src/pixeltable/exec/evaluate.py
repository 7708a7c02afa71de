"""What every node means in Python: a rule takes the columns of the node's children and yields the node's.

Rows in which a child failed are taken out before a rule sees them. A rule reports that a cell failed by putting a
`Failure` in its place.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from pixeltable.exceptions import Unsupported
from pixeltable.exec import elements, lanes
from pixeltable.exec.batch import Batch, Column, Failure, any_null, failure_of
from pixeltable.exec.calls import place, prepare
from pixeltable.exec.context import Context
from pixeltable.exec.json_values import COMPARE, comparing_json, is_element, walk
from pixeltable.exec.tool_calls import call_tools
from pixeltable.exprs.arrays import ArrayItem, ArrayOf, array_value
from pixeltable.exprs.call import Call
from pixeltable.exprs.elements import Element, JsonFilter, JsonMap, JsonSort
from pixeltable.exprs.expr import Expr, children_of
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
from pixeltable.lazy import np
from pixeltable.plan.sampling import row_hash, threshold
from pixeltable.types.column_type import ArrayType, FloatType, IntType, JsonType, MediaType, TimestampType
from pixeltable.types.conform import CellRejected, conform, to_timestamp
from pixeltable.types.instants import at_fixed_offset, later

Values = list[Any]


def column_of(node: Expr, batch: Batch, context: Context) -> Column:
    """The value of a node in every row of a batch; each distinct expression is evaluated once."""
    known = batch.get(node)
    if known is not None:
        return known
    inputs = inputs_of([column_of(child, batch, context) for child in children_of(node)], batch.count)
    column = spread(evaluate(node, inputs.columns, inputs.count, context), inputs)
    batch.put(node, column)
    return column


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a node is evaluated from: its children's values in the `count` rows in which none of them failed.

    `kept` are the numbers of these rows among the `total` of the batch, None if they are all.
    """

    columns: list[Values]
    count: int
    kept: Sequence[int] | None
    total: int
    failures: dict[int, Failure]


def inputs_of(children: Sequence[Column], count: int) -> Inputs:
    """The inputs of a node whose children have these values in the `count` rows of a batch."""
    failures = {row: failure for child in reversed(children) for row, failure in child.failures.items()}
    if not failures:
        return Inputs([child.values for child in children], count, None, count, failures)
    kept = [row for row in range(count) if row not in failures]
    return Inputs([[child.values[row] for row in kept] for child in children], len(kept), kept, count, failures)


def spread(values: Values, inputs: Inputs) -> Column:
    """The values of a node back in their rows, beside those that failed before."""
    if inputs.kept is None:
        return _extract(values)
    back: Values = [None] * inputs.total
    for row, value in zip(inputs.kept, values, strict=True):
        back[row] = value
    found = _extract(back)
    return Column(found.values, {**inputs.failures, **found.failures})


def _extract(values: Values) -> Column:
    """Failures apart from values."""
    if Failure not in set(map(type, values)):
        return Column(values)
    failures = {row: value for row, value in enumerate(values) if type(value) is Failure}
    return Column([None if row in failures else value for row, value in enumerate(values)], failures)


@singledispatch
def evaluate(node: Expr, columns: Sequence[Values], count: int, context: Context) -> Values:
    """The values of a node, from those of its children in `count` rows."""
    raise NotImplementedError(f"no rule evaluates {type(node).__name__}")


@evaluate.register
def _(node: Literal, columns: Sequence[Values], count: int, context: Context) -> Values:
    value = node.value
    if isinstance(node.col_type, TimestampType) and value is not None:
        value = _guarded(lambda time: to_timestamp(time, context.zone), (value,))
    return [value] * count


@evaluate.register(ColumnRef)
@evaluate.register(CellProperty)
@evaluate.register(VectorScore)
@evaluate.register(Similarity)
@evaluate.register(RowHash)
@evaluate.register(RowId)
@evaluate.register(BaseRow)
@evaluate.register(InQuery)
def _(node: Expr, columns: Sequence[Values], count: int, context: Context) -> Values:
    raise Unsupported(f"`{node}` can only be read from a table", hint="It cannot be computed for rows not stored yet.")


@evaluate.register
def _(node: InShare, columns: Sequence[Values], count: int, context: Context) -> Values:
    least_beyond = threshold(node.fraction)
    return [row_hash(row, node.seed)[:8] < least_beyond for row in columns[0]]


@evaluate.register(Variable)
@evaluate.register(Element)
def _(node: Variable | Element, columns: Sequence[Values], count: int, context: Context) -> Values:
    raise Unsupported(
        f"`{node}` is the parameter of a function, and has no value here", hint="Call the function in an expression."
    )


def _divide(left: Any, right: Any) -> Any:
    return None if right == 0 else left / right


def _divide_as_floats(left: float, right: float) -> float | None:
    """As SQL does; Python's `/` of two ints beyond 53 bits rounds once, where this rounds each first."""
    return None if right == 0 else float(left) / float(right)


def _floor_divide(left: Any, right: Any) -> Any:
    return None if right == 0 else left // right


def _modulo(left: Any, right: Any) -> Any:
    return None if right == 0 else left % right


_LARGEST_POWER_BITS = 2**16
"""Ints beyond this are refused: `**` could otherwise run for hours, or fill the memory, for the sake of one cell."""


def _power(left: Any, right: Any) -> Any:
    if left == 0 and right < 0:
        return None
    if type(left) is int and type(right) is int and left.bit_length() * right > _LARGEST_POWER_BITS and abs(left) > 1:
        raise OverflowError("the result is too large")
    result = left**right
    return None if isinstance(result, complex) else result


def _power_of_floats(left: float, right: float) -> Any:
    return _power(float(left), float(right))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": _divide, "//": _floor_divide, "%": _modulo, "**": _power,
}  # fmt: skip
_FLOAT_ARITHMETIC = _ARITHMETIC | {"/": _divide_as_floats, "**": _power_of_floats}
"""Where the result is a Float; of Json it is not known."""


@evaluate.register
def _(node: Arithmetic, columns: Sequence[Values], count: int, context: Context) -> Values:
    floats = isinstance(node.col_type, FloatType)
    return _strict((_FLOAT_ARITHMETIC if floats else _ARITHMETIC)[node.op], *columns)


def _strict(function: Callable[..., Any], *columns: Values) -> Values:
    """A function of values that are not null; null where one is, a Failure where it raises."""
    at_once = None if any(map(any_null, columns)) else _at_once(function, columns)
    if at_once is not None:
        return at_once
    return [None if any_null(row) else _guarded(function, row) for row in zip(*columns, strict=True)]


def _at_once(function: Callable[..., Any], columns: Sequence[Values]) -> Values | None:
    try:
        return list(map(function, *columns))
    except Exception:  # noqa: BLE001  # raised again for its row alone, where it becomes that cell's error
        return None


def _guarded(function: Callable[..., Any], row: Sequence[Any]) -> Any:
    try:
        return function(*row)
    except Exception as error:  # noqa: BLE001  # becomes the cell's error
        return failure_of(error, inputs=", ".join(map(repr, row)))


@evaluate.register
def _(node: Negate, columns: Sequence[Values], count: int, context: Context) -> Values:
    return _strict(operator.neg, columns[0])


@evaluate.register
def _(node: Concat, columns: Sequence[Values], count: int, context: Context) -> Values:
    return _strict(operator.add, *columns)


@evaluate.register
def _(node: Repeat, columns: Sequence[Values], count: int, context: Context) -> Values:
    return _strict(operator.mul, *columns)


@evaluate.register
def _(node: Shift, columns: Sequence[Values], count: int, context: Context) -> Values:
    interval = node.interval
    if isinstance(node.col_type, TimestampType):
        return _strict(lambda value: later(value, interval), columns[0])
    return _strict(lambda value: value + interval, columns[0])


@evaluate.register
def _(node: Comparison, columns: Sequence[Values], count: int, context: Context) -> Values:
    compare = COMPARE[node.op]
    if isinstance(node.left.col_type, JsonType) or isinstance(node.right.col_type, JsonType):
        return _strict(comparing_json(node.op), *columns)
    if isinstance(node.left.col_type, TimestampType):
        return _strict(lambda left, right: compare(at_fixed_offset(left), at_fixed_offset(right)), *columns)
    return _strict(compare, *columns)


@evaluate.register
def _(node: IsNull, columns: Sequence[Values], count: int, context: Context) -> Values:
    return [value is None for value in columns[0]]


@evaluate.register
def _(node: And, columns: Sequence[Values], count: int, context: Context) -> Values:
    return [False if False in row else None if None in row else True for row in zip(*columns, strict=True)]


@evaluate.register
def _(node: Or, columns: Sequence[Values], count: int, context: Context) -> Values:
    return [True if True in row else None if None in row else False for row in zip(*columns, strict=True)]


@evaluate.register
def _(node: Not, columns: Sequence[Values], count: int, context: Context) -> Values:
    return _strict(operator.not_, columns[0])


@evaluate.register
def _(node: IsIn, columns: Sequence[Values], count: int, context: Context) -> Values:
    operand, *options = columns
    members = [option[0] for option in options] if count else []
    if isinstance(node.operand.col_type, JsonType):
        equal = comparing_json("==")
        return _strict(lambda value: any(equal(value, member) for member in members), operand)
    if isinstance(node.operand.col_type, TimestampType):
        instants = {at_fixed_offset(member) for member in members}
        return _strict(lambda value: at_fixed_offset(value) in instants, operand)
    distinct = {member for member in members if member == member}  # `in` finds a NaN by its identity
    return _strict(distinct.__contains__, operand)


@evaluate.register
def _(node: IsInList, columns: Sequence[Values], count: int, context: Context) -> Values:
    return _strict(is_element, *columns)


@evaluate.register
def _(node: Cast, columns: Sequence[Values], count: int, context: Context) -> Values:
    if isinstance(node.cast_target, MediaType):
        raise Unsupported(f"conversion to {node.cast_target} is not supported yet")
    if is_identity(node):
        return columns[0]
    if isinstance(node.cast_target, FloatType) and isinstance(node.cast_operand.col_type, IntType):
        return _strict(float, columns[0])  # to the nearest, as in SQL; insert takes only what is exact
    target = node.cast_target.with_nullable(True)

    def convert(value: Any) -> Any:
        try:
            return conform(target, [value], zone=context.zone)[0]
        except CellRejected as error:
            raise ValueError(f"{error.reason}, so it cannot become {node.cast_target}") from None

    return _strict(convert, columns[0])


@evaluate.register
def _(node: JsonPath, columns: Sequence[Values], count: int, context: Context) -> Values:
    return walk(columns[0], node.json_steps)


@evaluate.register
def _(node: ArrayItem, columns: Sequence[Values], count: int, context: Context) -> Values:
    is_array = isinstance(node.col_type, ArrayType)

    def item(array: np.ndarray) -> Any:
        try:
            found: Any = array[node.index]
        except IndexError:
            return None
        if isinstance(found, np.generic):
            return np.asarray(found) if is_array else found.item()
        return found

    return [None if array is None else item(array) for array in columns[0]]


@evaluate.register
def _(node: ArrayOf, columns: Sequence[Values], count: int, context: Context) -> Values:
    kind = node.col_type
    return _strict(lambda *items: array_value(items, kind), *columns)


@evaluate.register
def _(node: JsonMap, columns: Sequence[Values], count: int, context: Context) -> Values:
    return elements.mapped(node, columns, lambda body, items: column_of(body, items, context))


@evaluate.register
def _(node: JsonFilter, columns: Sequence[Values], count: int, context: Context) -> Values:
    return elements.filtered(node, columns, lambda body, items: column_of(body, items, context))


@evaluate.register
def _(node: JsonSort, columns: Sequence[Values], count: int, context: Context) -> Values:
    return elements.in_order(node, columns, lambda body, items: column_of(body, items, context))


@evaluate.register
def _(node: JsonList, columns: Sequence[Values], count: int, context: Context) -> Values:
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(count)]


@evaluate.register
def _(node: JsonObject, columns: Sequence[Values], count: int, context: Context) -> Values:
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(node.object_keys, row, strict=True)) for row in zip(*columns, strict=True)]


@evaluate.register
def _(node: Call, columns: Sequence[Values], count: int, context: Context) -> Values:
    invocation = prepare(context.find(node.call_function), node, columns, count)
    return place(invocation, lanes.run(invocation, context), zone=context.zone)


@evaluate.register
def _(node: QueryCall, columns: Sequence[Values], count: int, context: Context) -> Values:
    return context.run_query(node, columns, count)


@evaluate.register
def _(node: ToolCalls, columns: Sequence[Values], count: int, context: Context) -> Values:
    return call_tools(node, columns[0], zone=context.zone, run=lambda body, rows: column_of(body, rows, context))
