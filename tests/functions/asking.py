"""Running the body of a provider's function as the engine does, without an engine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pixeltable.providers.clients import Clients, use_clients
from pixeltable.providers.sections import load_sections
from pixeltable.settings import load_settings
from pixeltable.udfs.report import CallReport, begin_report

Result = TypeVar("Result")


def ask(call: Callable[[], Awaitable[Result]]) -> Result:
    """What one call returns."""
    return reported(call)[0]


def reported(call: Callable[[], Awaitable[Result]]) -> tuple[Result, CallReport]:
    """What one call returns, and its report."""
    report = CallReport()

    async def work() -> Result:
        nonlocal report
        report = begin_report()
        return await call()

    return in_session(work), report


def in_session(work: Callable[[], Awaitable[Result]]) -> Result:
    """Work on an event loop of its own, with clients that are closed after it."""

    async def run() -> Result:
        clients = Clients(load_sections(load_settings()))
        use_clients(clients)
        try:
            return await work()
        finally:
            await clients.close()

    return asyncio.run(run())


def failed(call: Callable[[], Awaitable[object]], report: CallReport | None = None) -> Exception:
    """What one call raises."""

    async def work() -> Exception:
        found = begin_report()
        try:
            answer = await call()
        except Exception as error:  # noqa: BLE001  # the test looks at it
            if report is not None:
                report.limits.update(found.limits)
            return error
        raise AssertionError(f"no failure, but {answer!r}")

    return in_session(work)
