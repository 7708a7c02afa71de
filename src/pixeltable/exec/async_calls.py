"""Making the calls of async functions, on the engine's loop: many under way at once, results in the order of rows."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pixeltable.exceptions import ProviderFailure, ProviderRejected
from pixeltable.exec.admission import Admission, is_pooled
from pixeltable.exec.batch import Failure, failure_of
from pixeltable.exec.calls import Ended, Invocation, Values
from pixeltable.exec.context import Context
from pixeltable.exec.engine import CONCURRENT_CALLS
from pixeltable.exec.event_loop import Leaving
from pixeltable.exec.plain_calls import arguments, checked_batch, halves, is_out_of_memory, parts
from pixeltable.exec.tally import Calls
from pixeltable.lazy import asyncio
from pixeltable.providers.clients import use_clients
from pixeltable.providers.failures import PROVIDER_RETRY
from pixeltable.udfs.report import begin_report
from pixeltable.udfs.retry import Retry


@dataclass(frozen=True, slots=True)
class _Caller:
    """Makes single calls of one function: bounded, in time, again where that can help, and counted."""

    name: str
    gate: "asyncio.Semaphore"
    retry: Retry | None
    timeout_s: float | None
    counted: bool
    admission: Admission | None
    context: Context

    async def call(self, start: Callable[[], Awaitable[Any]], given: Sequence[Any], show: Callable[[], str]) -> Any:
        """The result of `start()`, a call with the arguments `given`, or the Failure of its last try."""
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self.gate:
                    return await self._once(start, given)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                return failure_of(error, inputs=show(), attempts=attempt)  # the function cancelled itself
            except (KeyboardInterrupt, SystemExit) as error:
                raise Leaving(error) from None
            except Exception as error:  # noqa: BLE001  # becomes the cell's error
                if self.retry is None or not self.retry.applies(error, attempt=attempt):
                    return failure_of(error, inputs=show(), attempts=attempt)
                self.context.tally.add(Calls(retries=1))
                pause_s = self.retry.pause_s(error, attempt=attempt)
            await asyncio.sleep(pause_s)  # with no place held, so that other calls go on

    async def _once(self, start: Callable[[], Awaitable[Any]], given: Sequence[Any]) -> Any:
        lease = None if self.admission is None else await self.admission.lease(given)
        report = begin_report()
        if self.context.clients is not None:
            use_clients(self.context.clients)
        try:
            result = await self._in_time(start)
        except BaseException as error:
            if lease is not None:
                lease.fail(error, report)
            raise
        else:
            if lease is not None:
                lease.settle(report)
            return result
        finally:
            if self.counted:
                calls = Calls(made=1, input_tokens=report.input_tokens, output_tokens=report.output_tokens)
                self.context.tally.add(calls)

    async def _in_time(self, start: Callable[[], Awaitable[Any]]) -> Any:
        limit = asyncio.timeout(self.timeout_s)
        try:
            async with limit:
                return await start()
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"{self.name}() did not return within {self.timeout_s:g} s") from error
            raise


def _caller(invocation: Invocation, context: Context) -> _Caller:
    function = invocation.function
    options = function.options
    pooled, patient = is_pooled(invocation.calling), context.job is not None
    pools = context.pools if pooled else None
    return _Caller(
        name=function.name,
        gate=context.engine.gate(function.spec.path, pooled=pooled, patient=patient),
        retry=context.policy.retry or options.retry or (PROVIDER_RETRY if pooled else None),
        timeout_s=context.policy.timeout_s or options.timeout_s,
        counted=options.memo or pooled,
        admission=None if pools is None else Admission(invocation.calling, pools, patient=patient),
        context=context,
    )


async def run(invocation: Invocation, context: Context, *, ended: Ended | None = None) -> Values:
    """The results of all calls; `ended` is told each as it comes."""
    if not invocation.count:
        return []
    declared = invocation.function.batch_size
    if declared is None:
        return await run_rows(invocation, context, ended)
    return await run_batches(invocation, context, ended, largest=min(declared, context.batch_size))


async def run_rows(invocation: Invocation, context: Context, ended: Ended | None) -> Values:
    """The results of one call for each row.

    A few workers share one iterator, so that no more coroutines exist than may run.
    """
    caller = _caller(invocation, context)
    body = invocation.calling.body
    values: Values = [None] * invocation.count
    rows: Iterator[tuple[int, tuple[Any, ...]]] = enumerate(invocation.rows())

    async def worker() -> None:
        for place, row in rows:
            values[place] = await caller.call(partial(body, *row), row, partial(invocation.show, place))
            if ended is not None:
                ended(place, values[place])

    await _together(worker() for _ in range(min(invocation.count, CONCURRENT_CALLS)))
    return values


async def _together(work: Iterator[Awaitable[None]]) -> None:
    """Wait for all; if one fails, or the wait is cancelled, the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_batches(invocation: Invocation, context: Context, ended: Ended | None, *, largest: int) -> Values:
    """The results of calls that take up to `largest` rows at once, several calls under way."""
    caller = _caller(invocation, context)
    path, engine = invocation.function.spec.path, context.engine
    values: Values = [None] * invocation.count
    queue: Iterator[range] = parts(invocation, lambda: engine.batch_limit(path, largest))

    async def run_part(part: range) -> None:
        found = await _call_batch(caller, invocation, part)
        if not isinstance(found, Failure):
            values[part.start : part.stop] = found
        elif len(part) == 1 or not _may_be_one_row(found):
            values[part.start : part.stop] = [found] * len(part)
        else:
            if found.exception is not None and is_out_of_memory(found.exception):
                engine.lower_batch_limit(path, len(part))
            for half in halves(part):
                await run_part(half)
            return
        if ended is not None:
            for row in part:
                ended(row, values[row])

    async def worker() -> None:
        for part in queue:
            await run_part(part)

    most = min(-(-invocation.count // engine.batch_limit(path, largest)), CONCURRENT_CALLS)
    await _together(worker() for _ in range(most))
    return values


async def _call_batch(caller: _Caller, invocation: Invocation, part: range) -> "Sequence[Any] | Failure":
    given = arguments(invocation, part)

    async def start() -> Values:
        return checked_batch(await invocation.calling.body(*given), invocation, part)

    found: Sequence[Any] | Failure = await caller.call(start, given, lambda: invocation.show(part.start))
    return found


def _may_be_one_row(failure: Failure) -> bool:
    """Whether smaller calls could succeed: not where the provider was at fault, or does not let us in."""
    error = failure.exception
    return not isinstance(error, ProviderFailure) or isinstance(error, ProviderRejected)
