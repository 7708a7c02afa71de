"""Reading ahead of, and writing behind, what the caller's thread computes: one item each, in order."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from pixeltable.exec.aside import aside

Item = TypeVar("Item")


def ahead(items: Generator[Item]) -> Generator[Item]:
    """The items; while the caller works on one, the next is being made in another thread."""
    upcoming: Future[Item | None] = aside(next, items, None)
    try:
        while (item := upcoming.result()) is not None:
            upcoming = aside(next, items, None)
            yield item
    finally:
        upcoming.exception()  # waits, so that nothing goes on behind the back of a caller who stopped
        items.close()


class WriteBehind:
    """Runs one piece of work at a time in another thread, while the caller goes on; its error is raised at the next."""

    def __init__(self) -> None:
        self._running: Future[Any] | None = None

    def put(self, work: Callable[..., Any], *args: Any) -> None:
        """Start `work(*args)` when what was put before is done."""
        self.wait()
        self._running = aside(work, *args)

    def wait(self) -> None:
        """Wait for what was put last."""
        if self._running is not None:
            try:
                self._running.result()
            finally:
                if self._running.done():  # else waiting was interrupted: it is still what was put last
                    self._running = None

    def __enter__(self) -> "WriteBehind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif self._running is not None:
            self._running.exception()  # waits; the error at hand is the one to raise
