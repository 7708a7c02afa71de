"""`Engine`: where calls run that do not run in the caller's thread. The session owns it, parts are made when used."""

import math
from collections.abc import Callable, Coroutine
from typing import Any

from pixeltable.exec.event_loop import EventLoop
from pixeltable.exec.threads import Threads
from pixeltable.exec.watcher import Watcher
from pixeltable.exec.workers import Workers
from pixeltable.lazy import asyncio

CONCURRENT_CALLS = 256
"""Most calls of one async function that are under way at once."""

POOLED_CALLS = 4096
"""The same for a function whose resource pool paces its calls: only so many may be waiting for an answer."""


class Engine:
    """The event loop of async functions, threads, worker processes, who watches; what was learnt of functions."""

    def __init__(self) -> None:
        self.loop = EventLoop()
        self.threads = Threads()
        self.workers = Workers()
        self.watcher = Watcher()
        self._gates: dict[tuple[str, bool], asyncio.Semaphore] = {}
        self._batch_limits: dict[str, int] = {}
        self._row_costs_s: dict[str, float] = {}

    def close(self, *, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """End threads and processes; what still runs is cancelled. `last` is what the loop runs in the end."""
        self.watcher.close()
        self.loop.close(last=last)
        self.threads.close()
        self.workers.close()

    def gate(self, path: str, *, pooled: bool, patient: bool) -> "asyncio.Semaphore":
        """What bounds the calls of one async function that are under way, in all operations together.

        Jobs, which are `patient`, have bounds of their own, so that others need not wait behind them.
        """
        found = self._gates.get((path, patient))
        if found is None:
            found = self._gates[path, patient] = asyncio.Semaphore(POOLED_CALLS if pooled else CONCURRENT_CALLS)
        return found

    def batch_limit(self, path: str, declared: int) -> int:
        """The most rows a batched function is given at once: what it declares, less where memory did not suffice."""
        return min(declared, self._batch_limits.get(path, declared))

    def lower_batch_limit(self, path: str, size: int) -> None:
        """A batch of `size` rows was too much for the memory."""
        self._batch_limits[path] = self.batch_limit(path, max(1, size // 2))

    def learn_cost(self, path: str, rows: int, seconds: float) -> None:
        """Calls for so many rows, made in the caller's thread, took so long."""
        if rows:
            self._row_costs_s[path] = seconds / rows

    def cost_s(self, path: str, rows: int) -> float:
        """How long calls for so many rows may take, by the last ones; infinite for a function not called yet."""
        return self._row_costs_s.get(path, math.inf) * rows
