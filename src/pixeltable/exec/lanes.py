"""Which way the calls of a function are made, and making them: here and now, or elsewhere with a future of results."""

import time
from concurrent.futures import Future
from typing import Literal

from pixeltable.exec import async_calls, plain_calls
from pixeltable.exec.batch import Failure
from pixeltable.exec.calls import Invocation, Values
from pixeltable.exec.context import Context
from pixeltable.exec.engine import aside
from pixeltable.exec.tally import Calls
from pixeltable.udfs.function import Function

Lane = Literal["here", "aside", "loop"]


def lane_of(function: Function, context: Context) -> Lane:
    """`here`: in the caller's thread. `aside`: in threads or processes of the engine. `loop`: on its event loop."""
    if function.kind.startswith("async"):
        return "loop"
    options = function.options
    return "aside" if options.parallel or options.timeout_s or context.policy.timeout_s else "here"


def run(invocation: Invocation, context: Context) -> Values:
    """Make the calls, and wait for them."""
    if not invocation.count:
        return []
    if lane_of(invocation.function, context) == "loop":
        return context.engine.loop.run(_on_loop(invocation, context))
    return _run_again(invocation, context)


def start(invocation: Invocation, context: Context) -> "Future[Values]":
    """Begin to make the calls of a function whose lane is not `here`; cancelling the future stops them."""
    if lane_of(invocation.function, context) == "loop":
        return context.engine.loop.submit(_on_loop(invocation, context))
    return aside(_run_again, invocation, context)


async def _on_loop(invocation: Invocation, context: Context) -> Values:
    if not invocation.count:
        return []
    if invocation.function.batch_size is None:
        return await async_calls.run_rows(invocation, context)
    return await async_calls.run_batches(invocation, context, largest=_largest(invocation, context))


def _largest(invocation: Invocation, context: Context) -> int:
    return min(invocation.function.batch_size or context.batch_size, context.batch_size)


def _run_again(invocation: Invocation, context: Context) -> Values:
    """The calls of a function that is not async; those that failed in a way worth it again, after all others."""
    values = _run_once(invocation, context)
    retry = context.policy.retry or invocation.function.options.retry
    attempt = 1
    while retry is not None:
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
        for row, value in zip(rows, _run_once(invocation.only(rows), context), strict=True):
            values[row] = value.after(attempt) if type(value) is Failure else value
    return values


def _run_once(invocation: Invocation, context: Context) -> Values:
    function = invocation.function
    if function.options.memo:
        context.tally.add(Calls(made=invocation.count))
    if function.batch_size is None:
        return plain_calls.run_rows(invocation.calling.body, invocation)
    return plain_calls.run_batches(invocation, context.engine, largest=_largest(invocation, context))
