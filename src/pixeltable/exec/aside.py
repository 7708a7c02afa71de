"""Blocking work of our own beside the caller: reading ahead, writing behind, waiting for threads and processes."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class Stops:
    """What ends work that is under way elsewhere, when nobody wants its results any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], object]] = []
        self.stopped = False

    def add(self, stop: Callable[[], object]) -> None:
        """Call `stop` when the work is stopped; now, if it is already."""
        with self._lock:
            if not self.stopped:
                self._stops.append(stop)
                return
        stop()

    def stop(self) -> None:
        """Stop the work."""
        with self._lock:
            self.stopped = True
            stops, self._stops = self._stops, []
        for stop in stops:
            stop()


class Aside(Future[Result]):
    """The result of work in a thread of its own; cancelling it also stops what the work waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = Stops()

    def cancel(self) -> bool:
        cancelled = super().cancel()
        self.stops.stop()
        return cancelled


def aside(work: Callable[..., Result], *args: Any) -> Aside[Result]:
    """Run `work(*args)` in a thread made for it: from a pool it could have to wait for work that itself waits."""
    return aside_stoppable(lambda _: work(*args))


def aside_stoppable(work: Callable[[Stops], Result]) -> Aside[Result]:
    """As `aside`, for work that says by its argument how to stop what it waits for.

    The work sees the context variables of the caller: those of the user, and what says that it is part of other work.
    """
    future: Aside[Result] = Aside()
    context = contextvars.copy_context()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work(future.stops))
        except BaseException as error:  # noqa: BLE001  # raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=context.run, args=(run,), name="pixeltable-aside", daemon=True).start()
    return future
