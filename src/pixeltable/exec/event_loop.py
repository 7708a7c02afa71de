"""An event loop in a thread of its own, where all async functions of a session run."""

import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from pixeltable.exceptions import InvalidState, Unsupported
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
    """The result of calls that run elsewhere, once it is there.

    Raises:
        InvalidState: they were given up.
    """
    try:
        return future.result()
    except Leaving as leaving:
        raise leaving.carried from None
    except CancelledError:
        raise InvalidState(
            "calls were given up: the session was ended, or a function cancelled tasks that are not its own"
        ) from None


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
        self._pending: set[Future[Any]] = set()
        self._last: Callable[[], Coroutine[Any, Any, None]] | None = None

    def submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start a coroutine; cancelling the future cancels it.

        Raises:
            InvalidState: the loop was closed.
        """
        with self._lock:  # until the loop has it: what comes before `close` is cancelled there, not forgotten
            if self._closing:
                work.close()
                raise InvalidState("the session was ended", hint="Look the table up again, with pxt.get_table().")
            future = asyncio.run_coroutine_threadsafe(work, self._running())
            self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def refuse_to_wait(self) -> None:
        """To be called before waiting for calls: in the loop's own thread the wait would never end.

        Raises:
            Unsupported: this is the loop's thread.
        """
        if threading.current_thread() is self._thread:
            raise Unsupported(
                "an async function cannot wait for the calls of other functions, as queries and inserts do",
                hint="Run the query in a thread: await asyncio.to_thread(query.collect).",
            )

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
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, args=(self._loop,), name="pixeltable-loop", daemon=True)
            self._thread.start()
        return self._loop

    def _serve(self, loop: "asyncio.AbstractEventLoop") -> None:
        asyncio.set_event_loop(loop)
        while not self._closing:
            with suppress(SystemExit, KeyboardInterrupt):  # raised by what a function left behind on the loop
                loop.run_forever()  # again, if a function stopped the loop it runs in
        with suppress(RuntimeError):  # a function left something behind that does not let itself be cancelled
            loop.run_until_complete(_cancel_all())
            if self._last is not None:
                loop.run_until_complete(self._last())
            loop.run_until_complete(loop.shutdown_asyncgens())
        for future in [*self._pending]:
            future.cancel()  # else who waits for what did not let itself be cancelled would wait for ever
        loop.close()

    def close(self, *, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Cancel what runs, and end the thread; `last` is what it runs in the end, if it ever ran."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._last = last
            self._closing = True
            self._loop = None
        if loop is not None and thread is not None:
            with suppress(RuntimeError):  # it has come to its end already
                loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSING_S)


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSING_S)
