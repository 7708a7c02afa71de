"""Calling functions over columns: plain, batched and async ones. A cell fails alone, and no call is made twice."""

import asyncio
import datetime
import inspect
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from pixeltable.exceptions import Error
from pixeltable.exec.batch import Failure, any_null, failure_of
from pixeltable.types.column_type import ColumnType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.udfs.function import Function

Values = list[Any]
Result = TypeVar("Result")

_CONCURRENT_CALLS = 256
"""Most calls of one async function that are under way at once."""


def call(
    function: Function, result: ColumnType, columns: Sequence[Values], count: int, *, zone: datetime.tzinfo, batch_size: int
) -> Values:
    """The results of a function over its argument columns; a `Failure` where a call raised or its result is no `result`.

    Rows with a null for a parameter that accepts none yield null without a call.
    """
    strict = [
        column
        for column, parameter in zip(columns, function.spec.parameters, strict=True)
        if parameter.type is not None and not parameter.type.nullable and any_null(column)
    ]
    if not strict:
        return _checked(_run(function, columns, count, batch_size), result, zone)
    skipped = {row for column in strict for row, value in enumerate(column) if value is None}
    kept = [row for row in range(count) if row not in skipped]
    called = _run(function, [[column[row] for row in kept] for column in columns], len(kept), batch_size)
    values: Values = [None] * count
    for row, value in zip(kept, _checked(called, result, zone), strict=True):
        values[row] = value
    return values


def _run(function: Function, columns: Sequence[Values], count: int, batch_size: int) -> Values:
    if not count:
        return []
    if function.kind == "plain":
        return _run_plain(function, columns, count)
    if function.kind == "async":
        return _in_event_loop(_run_async(function, columns, count))
    return _run_batched(function, columns, count, min(function.batch_size or batch_size, max(batch_size, 1)))


def _arguments(function: Function) -> tuple[list[str], int]:
    """The names of the parameters that are passed by keyword, and how many come before them by position."""
    names = [parameter.name for parameter in function.spec.parameters if parameter.keyword_only]
    return names, len(function.spec.parameters) - len(names)


def _rows(columns: Sequence[Values], count: int) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else ((() for _ in range(count)))


def _run_plain(function: Function, columns: Sequence[Values], count: int) -> Values:
    names, positional = _arguments(function)
    body = function.body
    if names:
        raw = body
        body = lambda *row: raw(*row[:positional], **dict(zip(names, row[positional:], strict=True)))  # noqa: E731
    values: Values = []
    append = values.append
    rows = iter(_rows(columns, count))
    while len(values) < count:
        # The loop is inside the try, and goes on with the next row after a failure: a try a row would cost more.
        try:
            for row in rows:
                append(body(*row))
        except Exception as error:  # noqa: BLE001  # becomes the cell's error
            place = len(values)
            append(failure_of(error, inputs=", ".join(repr(column[place]) for column in columns)))
    return values


def _in_event_loop(work: Coroutine[Any, Any, Result]) -> Result:
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


async def _run_async(function: Function, columns: Sequence[Values], count: int) -> Values:
    """A few workers share one iterator, so that no more coroutines exist than may run."""
    names, positional = _arguments(function)
    values: Values = [None] * count
    rows = enumerate(_rows(columns, count))

    async def worker() -> None:
        for place, row in rows:
            try:
                keywords = dict(zip(names, row[positional:], strict=True))
                values[place] = await function.body(*row[:positional], **keywords)
            except Exception as error:  # noqa: BLE001  # becomes the cell's error
                values[place] = failure_of(error, inputs=", ".join(map(repr, row)))

    await asyncio.gather(*(worker() for _ in range(min(count, _CONCURRENT_CALLS))))
    return values


def _run_batched(function: Function, columns: Sequence[Values], count: int, size: int) -> Values:
    values: Values = []
    for part in _parts(function, columns, count, size):
        values += _call_batch(function, [column[part.start : part.stop] for column in columns])
    return values


def _parts(function: Function, columns: Sequence[Values], count: int, size: int) -> Iterable[range]:
    """Rows that can go into one call: at most `size`, with the same values for the parameters that are not batched."""
    constant = [
        column for column, parameter in zip(columns, function.spec.parameters, strict=True) if not parameter.batched
    ]
    start = 0
    for row in range(1, count + 1):
        if row == count or row - start == size or any(repr(c[row]) != repr(c[start]) for c in constant):
            yield range(start, row)
            start = row


def _call_batch(function: Function, columns: Sequence[Values]) -> Values:
    """One call for some rows. If it raises, every row is tried alone, so that only those at fault fail."""
    names, positional = _arguments(function)
    count = len(columns[0])
    given = [
        column if parameter.batched else column[0]
        for column, parameter in zip(columns, function.spec.parameters, strict=True)
    ]
    try:
        found = function.body(*given[:positional], **dict(zip(names, given[positional:], strict=True)))
        if inspect.isawaitable(found):
            found = _in_event_loop(_awaited(found))
        values = list(found)
        if len(values) != count:
            raise ValueError(f"{function.name}() returned {len(values)} values for a batch of {count}")
    except Exception as error:  # noqa: BLE001  # becomes the cell's error
        if count == 1 or isinstance(error, Error):
            return [failure_of(error, inputs=", ".join(repr(column[0]) for column in columns))] * count
        return [value for row in range(count) for value in _call_batch(function, [[column[row]] for column in columns])]
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
            checked.append(failure_of(TypeError(f"the function's result does not fit its type {result}: {error.reason}")))
    return checked


def _has_failures(values: Values) -> bool:
    return Failure in set(map(type, values))
