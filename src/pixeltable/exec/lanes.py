"""Which way the calls of a function are made, and making them: here and now, or elsewhere with a future of results."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal

from pixeltable.exec import async_calls, parallel_calls, plain_calls, remembered_calls
from pixeltable.exec.aside import Stops, aside_stoppable
from pixeltable.exec.batch import NOT_RUN, Failure
from pixeltable.exec.calls import Ended, Invocation, Values, unheard
from pixeltable.exec.context import Context
from pixeltable.exec.tally import Calls
from pixeltable.udfs.function import Function
from pixeltable.udfs.retry import Retry

Lane = Literal["here", "aside", "loop"]


def lane_of(function: Function, context: Context) -> Lane:
    """`here`: in the caller's thread. `aside`: in threads or processes of the engine. `loop`: on its event loop."""
    if function.kind.startswith("async"):
        return "loop"
    return "aside" if function.options.parallel or timeout_of(function, context) else "here"


def timeout_of(function: Function, context: Context) -> float | None:
    """How long a call may take, in seconds."""
    return context.policy.timeout_s or function.options.timeout_s


def run(invocation: Invocation, context: Context) -> Values:
    """Make the calls, and wait for them."""
    if lane_of(invocation.function, context) != "here":
        context.engine.loop.refuse_to_wait()
    stops = Stops()
    try:
        return _run(invocation, context, stops, unheard)
    except BaseException:
        stops.stop()
        raise


def start(invocation: Invocation, context: Context, *, ended: Ended) -> "Future[Values]":
    """Begin to make the calls of a function whose lane is not `here`; cancelling the future stops them.

    `ended` is told each result as it comes, except those that were remembered.
    """
    context.engine.loop.refuse_to_wait()
    if _is_remembered(invocation, context):
        return aside_stoppable(lambda stops: _run(invocation, context, stops, ended))
    return _begin(invocation, context, ended, on_loop=lane_of(invocation.function, context) == "loop")


def _is_remembered(invocation: Invocation, context: Context) -> bool:
    return invocation.function.options.memo and context.memo is not None


def _run(invocation: Invocation, context: Context, stops: Stops, ended: Ended) -> Values:
    if not invocation.count:
        return []
    if not _is_remembered(invocation, context):
        return _make(invocation, context, stops, ended)
    lane = lane_of(invocation.function, context)
    if lane == "here":
        return remembered_calls.run_here(invocation, context, lambda some: _make(some, context, stops, unheard))
    return remembered_calls.run_elsewhere(
        invocation, context, stops, ended, lambda some, told: _begin(some, context, told, on_loop=lane == "loop")
    )


def _begin(invocation: Invocation, context: Context, ended: Ended, *, on_loop: bool) -> "Future[Values]":
    if on_loop:
        return context.engine.loop.submit(async_calls.run(invocation, context, ended=ended))
    return aside_stoppable(lambda stops: _make(invocation, context, stops, ended))


def _make(invocation: Invocation, context: Context, stops: Stops, ended: Ended) -> Values:
    if lane_of(invocation.function, context) == "loop":
        return context.engine.loop.run(async_calls.run(invocation, context, ended=ended), stops)
    retry = context.policy.retry or invocation.function.options.retry
    if retry is None:
        return _make_once(invocation, context, stops, ended)
    return _make_again(invocation, context, stops, ended, retry)


def _make_again(invocation: Invocation, context: Context, stops: Stops, ended: Ended, retry: Retry) -> Values:
    """The calls of a function that is not async; those that failed in a way worth it again, after all others."""
    values: Values = [NOT_RUN] * invocation.count
    rows, attempt = list(range(invocation.count)), 1
    while True:
        told = partial(_tell_success, ended, rows)
        for row, value in zip(rows, _make_once(invocation.only(rows), context, stops, told), strict=True):
            values[row] = value.after(attempt) if type(value) is Failure else value
        failed = [
            (row, values[row].exception)
            for row in rows
            if type(values[row]) is Failure and values[row].exception is not None
        ]
        again = [(row, error) for row, error in failed if retry.applies(error, attempt=attempt)]
        if not again or stops.stopped:
            return values
        context.tally.add(Calls(retries=len(again)))
        time.sleep(max(retry.pause_s(error, attempt=attempt) for _, error in again))
        rows = [row for row, _ in again]
        attempt += 1


def _tell_success(ended: Ended, rows: Sequence[int], place: int, value: Any) -> None:
    """A failure may not be the last word."""
    if type(value) is not Failure:
        ended(rows[place], value)


def _make_once(invocation: Invocation, context: Context, stops: Stops, ended: Ended) -> Values:
    function, engine = invocation.function, context.engine
    if function.options.memo:
        context.tally.add(Calls(made=invocation.count))
    largest = min(function.batch_size or context.batch_size, context.batch_size)
    timeout_s = timeout_of(function, context)
    if function.options.parallel == "processes":
        return parallel_calls.in_processes(invocation, engine, stops, ended, largest=largest, timeout_s=timeout_s)
    if function.options.parallel == "threads" or timeout_s is not None:
        if function.batch_size is None:
            return parallel_calls.rows_in_threads(
                invocation, engine, stops, ended, timeout_s=timeout_s, operation=context.tally.operation
            )
        return parallel_calls.batches_in_threads(
            invocation, engine, stops, ended, largest=largest, timeout_s=timeout_s, operation=context.tally.operation
        )
    return _make_here(invocation, context, largest=largest)


def _make_here(invocation: Invocation, context: Context, *, largest: int) -> Values:
    function, engine, start = invocation.function, context.engine, time.perf_counter()
    if function.batch_size is None:
        values = plain_calls.run_rows(invocation.calling.body, invocation)
    else:
        values = plain_calls.run_batches(invocation, engine, largest=largest)
    engine.learn_cost(function.spec.path, invocation.count, time.perf_counter() - start)
    return values
