"""Making the calls of functions that are not async in threads or worker processes, for a caller that waits."""

from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from pixeltable.exec.aside import Stops
from pixeltable.exec.batch import Failure
from pixeltable.exec.calls import Ended, Invocation, Values, unheard
from pixeltable.exec.engine import Engine
from pixeltable.exec.event_loop import result_of
from pixeltable.exec.plain_calls import arguments, checked_batch, halves, is_out_of_memory, parts
from pixeltable.exec.workers import shares
from pixeltable.udfs.function import Function


def rows_in_threads(
    invocation: Invocation,
    engine: Engine,
    stops: Stops,
    ended: Ended = unheard,
    *,
    timeout_s: float | None,
    operation: object = None,
) -> Values:
    """The results of one call for each row; one at a time where the function was declared with a timeout alone.

    That holds for all batches of one `operation`, whose batches are also served in their order.
    """
    function, rows = invocation.function, list(invocation.rows())
    at_once = None if function.options.parallel else 1
    future = engine.threads.submit(
        invocation.calling.body, rows, timeout_s, at_once=at_once, name=function.name, ended=ended,
        group=_group(function, operation), turn=invocation.turn,
    )  # fmt: skip
    stops.add(future.cancel)
    return _waited(engine, future)


def _group(function: Function, operation: object) -> Hashable | None:
    return None if operation is None else (operation, function.spec.path)


def _waited(engine: Engine, future: "Future[Values]") -> Values:
    try:
        return result_of(future)
    finally:
        engine.threads.warn()


def batches_in_threads(
    invocation: Invocation,
    engine: Engine,
    stops: Stops,
    ended: Ended = unheard,
    *,
    largest: int,
    timeout_s: float | None,
    operation: object = None,
) -> Values:
    """As `rows_in_threads`, in calls that take up to `largest` rows; of one that fails, each half is tried."""
    function, body = invocation.function, invocation.calling.body
    at_once = None if function.options.parallel else 1

    def call(part: range) -> Any:
        return checked_batch(body(*arguments(invocation, part)), invocation, part)

    values: Values = [None] * invocation.count
    waiting = list(parts(invocation, lambda: engine.batch_limit(function.spec.path, largest)))
    while waiting:
        calls = [(part,) for part in waiting]
        told = partial(_tell_parts, ended, waiting)
        future = engine.threads.submit(
            call, calls, timeout_s, at_once=at_once, name=function.name, ended=told,
            group=_group(function, operation), turn=invocation.turn,
        )  # fmt: skip
        stops.add(future.cancel)
        found = _waited(engine, future)
        again: list[range] = []
        for part, results in zip(waiting, found, strict=True):
            if type(results) is not Failure:
                values[part.start : part.stop] = results
            elif len(part) == 1:
                values[part.start] = Failure(results.error, results.exception, invocation.show(part.start))
            else:
                again += halves(part)
                if results.exception is not None and is_out_of_memory(results.exception):
                    engine.lower_batch_limit(function.spec.path, len(part))
        waiting = again
    return values


def _tell_parts(ended: Ended, parts_run: Sequence[range], number: int, results: Any) -> None:
    """A batch has ended; one that failed as a whole may be tried in halves."""
    if type(results) is not Failure:
        for row, value in zip(parts_run[number], results, strict=True):
            ended(row, value)


def in_processes(
    invocation: Invocation,
    engine: Engine,
    stops: Stops,
    ended: Ended = unheard,
    *,
    largest: int,
    timeout_s: float | None,
) -> Values:
    """The results of calls in worker processes. What was begun is ended if waiting for it is interrupted."""
    workers = engine.workers
    function, rows = invocation.function, list(invocation.rows())
    if function.batch_size is None:
        chunks = shares(rows, workers.count)
    else:
        size = engine.batch_limit(function.spec.path, largest)
        chunks = [rows[part.start : part.stop] for part in parts(invocation, lambda: size)]
    names = invocation.calling.names
    futures = [workers.submit(function, chunk, timeout_s, names=names) for chunk in chunks]
    first = 0
    for future, chunk in zip(futures, chunks, strict=True):
        stops.add(partial(workers.abandon, future))
        future.add_done_callback(partial(_tell_chunk, ended, first))
        first += len(chunk)
    try:
        return [value for future in futures for value in result_of(future)]
    except BaseException:
        stops.stop()
        raise


def _tell_chunk(ended: Ended, first: int, future: "Future[Values]") -> None:
    if not future.cancelled() and future.exception() is None:
        for place, value in enumerate(future.result()):
            ended(first + place, value)
