"""Calls of functions whose results are remembered: only those are made that are not known, and what ends is kept.

Results are written as they come, a few times a second, so that a crash costs little more than the calls under way.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from pixeltable.exec.aside import Stops
from pixeltable.exec.calls import Ended, Invocation, Line, Values, place
from pixeltable.exec.context import Context
from pixeltable.exec.event_loop import result_of
from pixeltable.exec.memo import Remembered, RememberedBatch
from pixeltable.exec.memo_keys import call_keys
from pixeltable.exec.pace import Pace
from pixeltable.exec.tally import Calls

_RECORD_S = 0.2

Begin = Callable[[Invocation, Ended], "Future[Values]"]
"""Begins to make calls, and tells each that has ended."""


def run_here(invocation: Invocation, context: Context, make: Callable[[Invocation], Values]) -> Values:
    """The results of calls that `make` makes in this thread, some at a time."""
    pace = Pace(context.batch_size, first=invocation.function.batch_size or 1)
    with _batch(invocation, context) as batch:
        while not batch.done:
            rows = batch.missing()[: pace.size]
            if not rows:
                batch.wait()
                continue
            pace.begin()
            some = invocation.only(rows)
            batch.record(rows, place(some, make(some), zone=context.zone))
            pace.done(len(rows))
        return _counted(batch, context)


def run_elsewhere(invocation: Invocation, context: Context, stops: Stops, ended: Ended, begin: Begin) -> Values:
    """The results of calls that run elsewhere, while this thread keeps them."""
    line = invocation.line or Line(None, threading.Event())
    with _batch(invocation, context) as batch:
        while not batch.done:
            rows = batch.missing()
            if not rows:
                line.begun.set()  # what is waited for may be calls of those behind
                batch.wait()
                continue
            some = invocation.only(rows)
            results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
            line.wait()
            future = begin(some, partial(_tell, results, ended, rows))
            line.begun.set()
            stops.add(future.cancel)
            _record(batch, rows, some, future, results, context)
        return _counted(batch, context)


def _tell(
    results: "queue.SimpleQueue[tuple[int, Any]]", ended: Ended, rows: list[int], place_of_row: int, value: Any
) -> None:
    results.put((place_of_row, value))
    ended(rows[place_of_row], value)


def _batch(invocation: Invocation, context: Context) -> RememberedBatch:
    assert context.memo is not None
    assert context.in_flight is not None
    function = invocation.function.spec
    keys = call_keys(
        function,
        invocation.calling.parameters,
        invocation.columns,
        invocation.count,
        result=invocation.result,
        files=context.in_flight.files,
        job=context.job,
    )
    remembered = Remembered(
        context.memo,
        context.in_flight,
        function=function.path,
        result=invocation.result,
        zone=context.zone,
        operation=context.tally.operation,
        bypass=not context.recall,
    )
    return remembered.batch(keys)


def _record(
    batch: RememberedBatch,
    rows: list[int],
    calls: Invocation,
    future: "Future[Values]",
    ended: "queue.SimpleQueue[tuple[int, Any]]",
    context: Context,
) -> None:
    """Keep results as they come, until all calls have ended; those that nobody told of, in the end."""
    left = set(range(len(rows)))

    def keep(found: list[tuple[int, Any]]) -> None:
        places = [number for number, _ in found]
        values = place(calls.only(places), [value for _, value in found], zone=context.zone)
        batch.record([rows[number] for number in places], values)
        left.difference_update(places)

    while left and (found := _drain(ended, future)):
        keep(found)
    results = result_of(future)
    if left:
        keep([(number, results[number]) for number in sorted(left)])


def _drain(ended: "queue.SimpleQueue[tuple[int, Any]]", future: "Future[Values]") -> list[tuple[int, Any]]:
    """What has ended within the next moment; nothing if the whole has, and was drained before."""
    found: list[tuple[int, Any]] = []
    until = time.monotonic() + _RECORD_S
    while True:
        try:
            found.append(ended.get(timeout=max(0.0, until - time.monotonic())))
        except queue.Empty:
            if found or (future.done() and ended.empty()):
                return found
            until = time.monotonic() + _RECORD_S
        is_time = found and time.monotonic() >= until  # however quickly further ones come
        if is_time or (future.done() and ended.empty()):
            return found


def _counted(batch: RememberedBatch, context: Context) -> Values:
    context.tally.add(Calls(cached=batch.cached))
    return batch.values
