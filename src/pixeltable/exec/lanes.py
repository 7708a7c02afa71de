"""Which way the calls of a function are made, and making them: here and now, or elsewhere with a future of results."""

import time
from concurrent.futures import Future
from typing import Literal

from pixeltable.exec import async_calls, parallel_calls, plain_calls, remembered_calls
from pixeltable.exec.aside import Stops, aside_stoppable
from pixeltable.exec.batch import Failure
from pixeltable.exec.calls import Invocation, Values
from pixeltable.exec.context import Context
from pixeltable.exec.tally import Calls
from pixeltable.udfs.function import Function

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
        return _run(invocation, context, stops)
    except BaseException:
        stops.stop()
        raise


def start(invocation: Invocation, context: Context) -> "Future[Values]":
    """Begin to make the calls of a function whose lane is not `here`; cancelling the future stops them."""
    context.engine.loop.refuse_to_wait()
    if lane_of(invocation.function, context) == "loop" and not _is_remembered(invocation, context):
        return context.engine.loop.submit(async_calls.run(invocation, context))
    return aside_stoppable(lambda stops: _run(invocation, context, stops))


def _is_remembered(invocation: Invocation, context: Context) -> bool:
    return invocation.function.options.memo and context.memo is not None


def _run(invocation: Invocation, context: Context, stops: Stops) -> Values:
    if not invocation.count:
        return []
    if not _is_remembered(invocation, context):
        return _make(invocation, context, stops)
    if lane_of(invocation.function, context) == "loop":
        return remembered_calls.run_on_loop(invocation, context, stops)
    return remembered_calls.run(invocation, context, lambda some: _make(some, context, stops))


def _make(invocation: Invocation, context: Context, stops: Stops) -> Values:
    if lane_of(invocation.function, context) == "loop":
        return context.engine.loop.run(async_calls.run(invocation, context), stops)
    return _make_again(invocation, context, stops)


def _make_again(invocation: Invocation, context: Context, stops: Stops) -> Values:
    """The calls of a function that is not async; those that failed in a way worth it again, after all others."""
    values = _make_once(invocation, context, stops)
    retry = context.policy.retry or invocation.function.options.retry
    attempt = 1
    while retry is not None and not stops.stopped:
        failed = [
            (row, value.exception)
            for row, value in enumerate(values)
            if type(value) is Failure and value.exception and retry.applies(value.exception, attempt=attempt)
        ]
        if not failed:
            break
        context.tally.add(Calls(retries=len(failed)))
        time.sleep(max(retry.pause_s(error, attempt=attempt) for _, error in failed))
        attempt += 1
        rows = [row for row, _ in failed]
        for row, value in zip(rows, _make_once(invocation.only(rows), context, stops), strict=True):
            values[row] = value.after(attempt) if type(value) is Failure else value
    return values


def _make_once(invocation: Invocation, context: Context, stops: Stops) -> Values:
    function, engine = invocation.function, context.engine
    if function.options.memo:
        context.tally.add(Calls(made=invocation.count))
    largest = min(function.batch_size or context.batch_size, context.batch_size)
    timeout_s = timeout_of(function, context)
    if function.options.parallel == "processes":
        return parallel_calls.in_processes(invocation, engine, stops, largest=largest, timeout_s=timeout_s)
    if function.options.parallel == "threads" or timeout_s is not None:
        if function.batch_size is None:
            return parallel_calls.rows_in_threads(invocation, engine, stops, timeout_s=timeout_s)
        return parallel_calls.batches_in_threads(invocation, engine, stops, largest=largest, timeout_s=timeout_s)
    if function.batch_size is None:
        return plain_calls.run_rows(invocation.calling.body, invocation)
    return plain_calls.run_batches(invocation, engine, largest=largest)
