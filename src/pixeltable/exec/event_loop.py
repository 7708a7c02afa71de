"""An event loop in a thread of its own, where all async functions of a session run."""

import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from pixeltable.exec.aside import Stops
from pixeltable.lazy import asyncio

Result = TypeVar("Result")

_CLOSING_S = 5.0


class Leaving(Exception):  # no error of ours: it carries one
    """Carries a KeyboardInterrupt or SystemExit that a function raised to its caller; bare, it would end the loop."""

    def __init__(self, carried: BaseException) -> None:
        super().__init__(carried)
        self.carried = carried


def result_of(future: "Future[Result]") -> Result:
    """The result of what runs on a loop, once it is there."""
    try:
        return future.result()
    except Leaving as leaving:
        raise leaving.carried from None


class EventLoop:
    """Started when it is first needed. What runs there must not block.

    One loop for all calls lets clients of providers keep their connections; a thread of its own works as well in
    programs that run a loop themselves (Jupyter, async applications).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self._last: Callable[[], Coroutine[Any, Any, None]] | None = None

    def submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start a coroutine; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def run(self, work: Coroutine[Any, Any, Result], stops: Stops | None = None) -> Result:
        """The result of a coroutine; it is cancelled if waiting for it is interrupted, or by `stops`."""
        future = self.submit(work)
        if stops is not None:
            stops.add(future.cancel)
        try:
            return result_of(future)
        except BaseException:
            future.cancel()
            raise

    def _running(self) -> "asyncio.AbstractEventLoop":
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name="pixeltable-loop", daemon=True
                )
                self._thread.start()
            return self._loop

    def _serve(self, loop: "asyncio.AbstractEventLoop") -> None:
        asyncio.set_event_loop(loop)
        while not self._closing:
            loop.run_forever()  # again, if a function stopped the loop it runs in
        with suppress(RuntimeError):  # a function left something behind that does not let itself be cancelled
            loop.run_until_complete(_cancel_all())
            if self._last is not None:
                loop.run_until_complete(self._last())
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def close(self, *, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Cancel what runs, and end the thread; `last` is what it runs in the end, if it ever ran."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._last = last
            self._closing = True
            self._loop = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSING_S)


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSING_S)
