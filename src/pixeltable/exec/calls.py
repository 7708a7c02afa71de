"""Calling functions over columns: plain, batched and async ones. A cell fails alone, and no call is made twice."""

import asyncio
import datetime
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, TypeVar

from pixeltable.exec.batch import Failure, any_null, failure_of
from pixeltable.exprs.call import Call, FunctionSpec, Parameter
from pixeltable.exprs.expr import structure
from pixeltable.types.column_type import ColumnType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.udfs.function import Function

Values = list[Any]
Result = TypeVar("Result")

_CONCURRENT_CALLS = 256
"""Most calls of one async function that are under way at once."""


@dataclass(frozen=True, slots=True)
class _Calling:
    """How a function is called: the first `positional` arguments by place, the others by `names`.

    Arguments are those of the call as it was recorded; since then the function may have got more parameters, or others
    first.
    """

    function: Function
    parameters: tuple[Parameter, ...]
    positional: int

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters[self.positional :]]

    @property
    def body(self) -> Callable[..., Any]:
        """The function's body, taking all arguments by place."""
        body, positional, names = self.function.body, self.positional, self.names
        if not names:
            return body
        return lambda *row: body(*row[:positional], **dict(zip(names, row[positional:], strict=True)))


def _calling(function: Function, recorded: FunctionSpec) -> _Calling:
    live = function.parameters
    positional = 0
    for mine, theirs in zip(recorded.parameters, live, strict=False):
        if mine.name != theirs.name or theirs.keyword_only:
            break
        positional += 1
    batched = {parameter.name: parameter.batched for parameter in live}
    parameters = tuple(replace(p, batched=batched.get(p.name, p.batched)) for p in recorded.parameters)
    return _Calling(function, parameters, positional)


def call(
    function: Function, node: Call, columns: Sequence[Values], count: int, *, zone: datetime.tzinfo, batch_size: int
) -> Values:
    """The results of a call over its argument columns; a `Failure` where it raised or its result is not of its type.

    Rows with a null for a parameter that accepts none yield null without a call.
    """
    calling = _calling(function, node.function)
    strict = [
        column
        for column, parameter in zip(columns, calling.parameters, strict=True)
        if parameter.type is not None and not parameter.type.nullable and any_null(column)
    ]
    if not strict:
        return _checked(_run(calling, columns, count, batch_size), node.result, zone)
    skipped = {row for column in strict for row, value in enumerate(column) if value is None}
    kept = [row for row in range(count) if row not in skipped]
    called = _run(calling, [[column[row] for row in kept] for column in columns], len(kept), batch_size)
    values: Values = [None] * count
    for row, value in zip(kept, _checked(called, node.result, zone), strict=True):
        values[row] = value
    return values


def _run(calling: _Calling, columns: Sequence[Values], count: int, batch_size: int) -> Values:
    function = calling.function
    if not count:
        return []
    if function.kind == "plain":
        return _run_plain(calling.body, columns, count)
    if function.kind == "async":
        return in_event_loop(_run_async(calling.body, columns, count))
    return _run_batched(calling, columns, count, min(function.batch_size or batch_size, batch_size))


def _rows(columns: Sequence[Values], count: int) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else repeat((), count)


def _run_plain(body: Callable[..., Any], columns: Sequence[Values], count: int) -> Values:
    values: Values = []
    append = values.append
    rows = _rows(columns, count)
    while len(values) < count:
        # The loop is inside the try, and goes on with the next row after a failure: a try a row would cost more.
        try:
            for row in rows:
                append(body(*row))
        except Exception as error:  # noqa: BLE001  # becomes the cell's error
            place = len(values)
            append(failure_of(error, inputs=", ".join(repr(column[place]) for column in columns)))
    return values


def in_event_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run async work from sync code, in a thread of its own if this one runs a loop already (Jupyter, async apps)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    done: list[Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            done.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, name="pixeltable-async")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return done[0]


async def _run_async(body: Callable[..., Any], columns: Sequence[Values], count: int) -> Values:
    """A few workers share one iterator, so that no more coroutines exist than may run."""
    values: Values = [None] * count
    rows = enumerate(_rows(columns, count))

    async def worker() -> None:
        for place, row in rows:
            try:
                values[place] = await body(*row)
            except Exception as error:  # noqa: BLE001  # becomes the cell's error
                values[place] = failure_of(error, inputs=", ".join(map(repr, row)))

    await asyncio.gather(*(worker() for _ in range(min(count, _CONCURRENT_CALLS))))
    return values


def _run_batched(calling: _Calling, columns: Sequence[Values], count: int, size: int) -> Values:
    values: Values = []
    for part in _parts(calling, columns, count, size):
        values += _call_batch(calling, [column[part.start : part.stop] for column in columns])
    return values


def _parts(calling: _Calling, columns: Sequence[Values], count: int, size: int) -> Iterator[range]:
    """Rows that can go into one call: at most `size`, with the same values for the parameters that are not batched."""
    constant = [column for column, parameter in zip(columns, calling.parameters, strict=True) if not parameter.batched]
    varying = [column for column in constant if any(value is not column[0] for value in column)]
    start = 0
    for row in range(1, count + 1):
        if row == count or row - start == size or any(structure(c[row]) != structure(c[start]) for c in varying):
            yield range(start, row)
            start = row


def _call_batch(calling: _Calling, columns: Sequence[Values]) -> Values:
    """One call for some rows. If it raises, every row is tried alone, so that only those at fault fail."""
    count = len(columns[0])
    given = [
        column if parameter.batched else column[0]
        for column, parameter in zip(columns, calling.parameters, strict=True)
    ]
    try:
        found = calling.body(*given)
        if inspect.isawaitable(found):
            found = in_event_loop(_awaited(found))
        values = list(found)
    except Exception as error:  # noqa: BLE001  # becomes the cell's error
        if count == 1:
            return [failure_of(error, inputs=", ".join(repr(column[0]) for column in columns))]
        return [value for row in range(count) for value in _call_batch(calling, [[column[row]] for column in columns])]
    if len(values) != count:
        message = f"{calling.function.name}() returned {len(values)} values for a batch of {count}"
        return [failure_of(ValueError(message))] * count
    return values


async def _awaited(found: Any) -> Any:
    return await found


def _checked(values: Values, result: ColumnType, zone: datetime.tzinfo) -> Values:
    """Results in the form of their type; one that is of another type is a failure of its cell."""
    failed = {place for place, value in enumerate(values) if type(value) is Failure} if _has_failures(values) else set()
    if not failed:
        try:
            return conform(result, values, zone=zone)
        except CellRejected:
            pass  # which cells are at fault is found below
    checked: Values = []
    for place, value in enumerate(values):
        try:
            checked.append(value if place in failed else conform(result, [value], zone=zone)[0])
        except CellRejected as error:
            checked.append(
                failure_of(TypeError(f"the function's result does not fit its type {result}: {error.reason}"))
            )
    return checked


def _has_failures(values: Values) -> bool:
    return Failure in set(map(type, values))
