"""An event loop whose clock jumps to the next timer, so that minutes take no time, and the machine does not matter."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


_STUCK_S = 30.0


class _Jumping(selectors.SelectSelector):
    """A selector that does not wait: it moves the clock by as much as it was to wait.

    With no timer to wait for, only another thread can go on: the loop's own, as it ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            ready = super().select(_STUCK_S)
            assert ready, "everything waits, and nothing is planned"
        elif not ready and timeout is not None:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, on a virtual clock that starts at 1000."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    """The time of the running loop."""
    return asyncio.get_running_loop().time()
