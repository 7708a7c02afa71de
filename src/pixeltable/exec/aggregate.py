"""Aggregates in Python: groups of rows become one row each, and windows get a value in every row."""

import copy
import datetime
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pixeltable.exceptions import InvalidExpression, Unsupported
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.context import Context
from pixeltable.exec.evaluate import evaluate
from pixeltable.exec.order import ordered, sort_keys
from pixeltable.exprs.aggregate import Aggregate, is_window
from pixeltable.exprs.expr import Expr, children_of
from pixeltable.plan.query import Grouping
from pixeltable.types.column_type import ArrayType, BinaryType, MediaType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.instants import at_fixed_offset
from pixeltable.udfs.aggregate import AggregateFunction, Placed

Values = list[Any]
Rows = Sequence[int]

PART_ROWS = 1024
"""How many rows of a group are aggregated at once where its parts run side by side; fixed, so that results are too."""


def group_batch(grouping: Grouping, batch: Batch, context: Context, values: Callable[[Expr, Batch], Values]) -> Batch:
    """A row for each group, in the order of their first rows, in which keys and aggregates are known.

    `values` evaluates an expression over the rows. Without keys all rows are one group, even if there is none.

    Raises:
        InvalidExpression: an aggregate raised; the message names its group.
    """
    keys = [values(key, batch) for key in grouping.keys]
    groups = rows_by_key(keys, batch.count)
    grouped = Batch(len(groups))
    for key, cells in zip(grouping.keys, keys, strict=True):
        grouped.put(key, Column([_representative(cells[rows[0]]) for rows in groups]))
    name_of = _naming(grouping.keys, keys, groups)
    for node in grouping.aggregates:
        run = _run_of(node, [values(child, batch) for child in children_of(node)], context, name_of)
        totals = run.totals([run.in_order(rows) for rows in groups])
        grouped.put(node, Column(_checked(node, totals, context, name_of)))
    return grouped


def _naming(keys: Sequence[Expr], columns: Sequence[Values], groups: Sequence[Rows]) -> Callable[[int], str]:
    """What messages say of a group; nothing where all rows are one."""

    def name_of(group: int) -> str:
        shown = [f"{key}={cells[groups[group][0]]!r}" for key, cells in zip(keys, columns, strict=True)]
        return f" in the group {', '.join(shown)}" if shown else ""

    return name_of


def rows_by_key(keys: Sequence[Values], count: int) -> list[Rows]:
    """The rows of each group, groups in the order of their first rows. Nulls are equal, and so are NaNs.

    Without keys there is one group, of all rows.
    """
    if not keys:
        return [range(count)]
    groups: dict[Any, list[int]] = {}
    columns = [cells if set(map(type, cells)) <= _PLAIN else list(map(hashable, cells)) for cells in keys]
    for row, key in enumerate(zip(*columns, strict=True)):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


_PLAIN = frozenset({str, int, datetime.date, type(None)})
"""Types whose values are equal, and have the same hash, just if they are of one group."""


def hashable(value: Any) -> Any:
    """A value that is equal for values of one group; true and 1 are of two, 1 and 1.0 of one."""
    kind = type(value)
    if kind is bool:
        return (bool, value)
    if kind is datetime.datetime:
        return at_fixed_offset(value)
    if kind is list:
        return (list, *map(hashable, value))
    if kind is dict:
        return (dict, frozenset((key, hashable(item)) for key, item in value.items()))
    return ("NaN",) if value != value else value


def _representative(value: Any) -> Any:
    """What stands for a group: -0.0 and 0.0 are equal, and 0.0 is shown."""
    return value + 0.0 if type(value) is float else value


@dataclass(frozen=True, slots=True)
class _Run:
    """An aggregate over a batch: arguments and sort keys by column, and the rows that a null leaves out."""

    node: Aggregate
    function: AggregateFunction
    columns: list[Values]
    order: list[Values]
    skipped: frozenset[int]
    name_of: Callable[[int], str]

    def in_order(self, rows: Rows) -> Rows:
        """The rows in the order in which they are fed."""
        return ordered(rows, [(column, self.node.call_ascending) for column in self.order]) if self.order else rows

    def totals(self, groups: Sequence[Rows]) -> Values:
        """The value of each group."""
        if self.function.options.parallel != "threads":
            return [self._total(number, rows) for number, rows in enumerate(groups)]
        parts = [(number, part) for number, rows in enumerate(groups) for part in _parts(rows)]
        with ThreadPoolExecutor(thread_name_prefix="pixeltable-aggregate") as pool:
            states = list(pool.map(lambda part: self._fed(*part), parts))
        return self._merged(len(groups), [number for number, _ in parts], states)

    def _total(self, group: int, rows: Rows) -> Any:
        return self._guarded(group, self._fed(group, rows).value)

    def _merged(self, count: int, numbers: Sequence[int], states: Sequence[Any]) -> Values:
        totals: dict[int, Any] = {}
        for group, state in zip(numbers, states, strict=True):
            if group in totals:
                self._guarded(group, partial(totals[group].merge, state))
            else:
                totals[group] = state
        return [self._guarded(group, totals[group].value) for group in range(count)]

    def _fed(self, group: int, rows: Rows) -> Any:
        """An aggregator that has seen the rows."""
        state = self._guarded(group, self._new)
        update = self._update(state)
        fed = rows if not self.skipped else [row for row in rows if row not in self.skipped]
        inputs: tuple[Any, ...] = ()
        try:
            for inputs in self._inputs(fed):
                update(*inputs)
        except Exception as error:  # the user's code; it becomes the query's error
            raise self._failure(group, error, inputs) from error
        return state

    def windows(self, groups: Sequence[Rows]) -> list[Values]:
        """The values in the rows of each group, which are in order."""
        if self.node.call_frame == "all":
            return [[total] * len(rows) for total, rows in zip(self.totals(groups), groups, strict=True)]
        placed = issubclass(self.function.body, Placed)  # type: ignore[arg-type]  # a class, here
        values = self._placed if placed else self._running
        return [values(number, rows) for number, rows in enumerate(groups)]

    def _placed(self, group: int, rows: Rows) -> Values:
        """For each row what its place in the group decides."""
        state = self._fed(group, rows)
        state.starts, state.ranks = self._equals(rows)
        values: Values = []
        for state.place in range(len(rows)):
            values.append(self._guarded(group, state.value))
        return values

    def _equals(self, rows: Rows) -> tuple[list[int], list[int]]:
        """For each place that of the first row equal to its row in order, and how many different rows come before."""
        starts: list[int] = []
        ranks: list[int] = []
        for place, row in enumerate(rows):
            before = rows[place - 1]
            if place and self.order and all(column[row] == column[before] for column in self.order):
                starts.append(starts[-1])
                ranks.append(ranks[-1])
            else:
                starts.append(place)
                ranks.append(ranks[-1] + 1 if ranks else 0)
        return starts, ranks

    def _running(self, group: int, rows: Rows) -> Values:
        """For each row the value of the rows up to it."""
        state = self._guarded(group, self._new)
        update, value = self._update(state), state.value
        values: Values = []
        inputs: tuple[Any, ...] = ()
        try:
            for row, inputs in zip(rows, self._inputs(rows), strict=True):
                if row not in self.skipped:
                    update(*inputs)
                values.append(value())
        except Exception as error:  # the user's code; it becomes the query's error
            raise self._failure(group, error, inputs) from error
        return values

    def _inputs(self, rows: Rows) -> Iterator[tuple[Any, ...]]:
        if not self.columns:
            return (() for _ in rows)
        return zip(*([column[row] for row in rows] for column in self.columns), strict=True)

    def _new(self) -> Any:
        names = [parameter.name for parameter in self.node.call_function.parameters[len(self.node.call_args) :]]
        # Copies: what an aggregator does to its own list is no other's matter.
        values = [copy.deepcopy(constant.value) for constant in self.node.call_constants]
        return self.function.body(**dict(zip(names, values, strict=True)))

    def _update(self, state: Any) -> Callable[..., Any]:
        """`update`, taking all arguments by place; those of the call as it was recorded may be others by now."""
        recorded = self.node.call_function.parameters[: len(self.node.call_args)]
        same = [
            mine.name == now.name and not now.keyword_only
            for mine, now in zip(recorded, self.function.arguments, strict=False)
        ]
        if all(same) and len(same) == len(recorded):
            return state.update  # type: ignore[no-any-return]  # a method of the user's class
        names = [parameter.name for parameter in recorded]
        return lambda *row: state.update(**dict(zip(names, row, strict=True)))

    def _guarded(self, group: int, call: Callable[..., Any], *inputs: Any) -> Any:
        try:
            return call(*inputs)
        except Exception as error:  # the user's code; it becomes the query's error
            raise self._failure(group, error, inputs) from error

    def _failure(self, group: int, error: BaseException, inputs: Sequence[Any]) -> InvalidExpression:
        given = f". Inputs: {', '.join(map(repr, inputs))}" if inputs else ""
        return InvalidExpression(f"`{self.node}` failed{self.name_of(group)}: {type(error).__name__}: {error}{given}")


def _checked(node: Aggregate, values: Values, context: Context, name_of: Callable[[int], str]) -> Values:
    """Values in the form of their type; `name_of` says which one is at fault."""
    if isinstance(node.call_result, ArrayType | BinaryType | MediaType) and _function(node, context).yields_argument:
        return values  # cells as they were read: an image is no file, which a new one of this type would be
    try:
        return conform(node.call_result, values, zone=context.zone)
    except CellRejected as error:
        raise InvalidExpression(
            f"`{node}`{name_of(error.index)}: its value does not fit its type {node.call_result}: {error.reason}"
        ) from None


def _function(node: Aggregate, context: Context) -> AggregateFunction:
    found = context.find(node.call_function)
    assert isinstance(found, AggregateFunction)
    return found


def _parts(rows: Rows) -> Iterator[Rows]:
    """At least one part, for a group may have no rows."""
    yield from (rows[start : start + PART_ROWS] for start in range(0, max(len(rows), 1), PART_ROWS))


def _run_of(node: Aggregate, columns: Sequence[Values], context: Context, name_of: Callable[[int], str]) -> _Run:
    """`columns` are those of the node's children."""
    function = _function(node, context)
    arguments = list(columns[: len(node.call_args)])
    first = len(node.call_args) + len(node.call_constants)
    strict = (
        column
        for column, parameter in zip(arguments, node.call_function.parameters, strict=False)
        if parameter.type is not None and not parameter.type.nullable
    )
    skipped = frozenset(row for column in strict for row, value in enumerate(column) if value is None)
    order = [sort_keys(column) for column in columns[first : first + len(node.call_order_by)]]
    return _Run(node, function, arguments, order, skipped, name_of)


@evaluate.register
def _(node: Aggregate, columns: Sequence[Values], count: int, context: Context) -> Values:
    if not is_window(node, grouping=False):
        raise Unsupported(f"the aggregate `{node}` is over the rows of a query", hint="Use it in select().")
    keys = columns[len(columns) - len(node.call_group_by) :]
    groups = rows_by_key(keys, count)
    run = _run_of(node, columns, context, _naming(node.call_group_by, keys, groups))
    values: Values = [None] * count
    rows_in_order = list(map(run.in_order, groups))
    for rows, found in zip(rows_in_order, run.windows(rows_in_order), strict=True):
        for row, value in zip(rows, found, strict=True):
            values[row] = value
    return _checked(node, values, context, lambda row: f" in row {row}")
