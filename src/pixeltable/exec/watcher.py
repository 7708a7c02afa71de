"""`Watcher`: a thread that looks at operations under way, and has those shown that last.

How they are shown is the business of a `Display`, which only this thread touches; what goes wrong there costs the
display, and never the operation.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pixeltable.exec.tally import Calls, Tally

PATIENCE_S = 1.0
"""What is done sooner is not shown."""

_LOOK_S = 0.2
"""How often it is looked, while something is shown."""

_RATE_OVER_S = 15.0
"""The rate is that of the last seconds: what was remembered, or waited for, before that says little of what comes."""

_LEAVE_S = 2.0
"""An operation waits so long for its bar to go; a terminal that takes no output (Ctrl-S) shall not hold it."""

_log = logging.getLogger("pixeltable.progress")


@dataclass(frozen=True, slots=True)
class Sight:
    """An operation as it is seen at one moment; `rate` is rows per second, lately."""

    number: int
    title: str
    done: int
    total: int | None
    failed: int
    calls: Calls
    elapsed_s: float
    rate: float

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at this rate, if that can be told."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


class Display(Protocol):
    """Shows operations; an empty list ends it, until it is given another."""

    def show(self, sights: Sequence[Sight]) -> None:
        """Show these and no others."""


@dataclass(eq=False, slots=True)
class Watch:
    """One operation under way."""

    title: str
    tally: Tally
    display: Callable[[], Display | None]
    started: float
    number: int = 0
    due: bool = False
    """Whether it is shown; then the thread says when it is `gone`."""

    gone: threading.Event | None = None
    _trail: "deque[tuple[float, int]]" = field(default_factory=deque)

    def sight(self, now: float) -> Sight:
        """How far it is."""
        done, total = self.tally.rows, self.tally.total
        trail = self._trail
        if not trail:
            trail.append((self.started, 0))
        trail.append((now, done))
        while len(trail) > 2 and trail[1][0] < now - _RATE_OVER_S:
            trail.popleft()
        since, before = trail[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        if total is not None:
            total = max(total, done)  # rows of a try that met another writer are counted again
        return Sight(
            self.number, self.title, done, total, self.tally.failed, self.tally.calls, now - self.started, rate
        )


class Watcher:
    """The operations of a session; the thread is started with the first, and sleeps while there are none."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self.audience: tuple[tuple[object, object], bool] | None = None
        """For whoever makes watches: the streams there were last, and whether a person looks at one of them."""

        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._watches: dict[Watch, None] = {}
        self._nudged = threading.Event()
        self._thread: threading.Thread | None = None
        self._asleep = False
        self._closing = threading.Event()
        self._number = 0
        self._pid = os.getpid()

    @property
    def is_running(self) -> bool:
        """Whether the thread was started and has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def enter(self, watch: Watch) -> None:
        """Look at an operation from now on."""
        with self._lock:
            self._watches[watch] = None
            if self._asleep:
                self._asleep = False
                self._nudged.set()
            elif self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="pixeltable-progress", daemon=True)
                self._thread.start()

    def leave(self, watch: Watch) -> None:
        """Look no longer; when this returns, nothing of the operation is to be seen any more."""
        if self._pid != os.getpid():
            return  # forked in the middle of an operation: its display is the parent's
        with self._lock:
            self._watches.pop(watch, None)
            gone = watch.gone
        if gone is not None:
            self._nudged.set()
            gone.wait(_LEAVE_S)

    def close(self) -> None:
        """End the thread, and what is shown."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._closing.set()
            thread = self._thread
        self._nudged.set()
        if thread is not None:
            thread.join(_LEAVE_S)

    def _run(self) -> None:
        show = _Show()
        while not self._closing.is_set():
            self._nudged.wait(self._pause_s())
            self._nudged.clear()
            show.these([] if self._closing.is_set() else self._due())
        show.these([])

    def _pause_s(self) -> float | None:
        """How long to sleep: to the next look, until the first operation has lasted, or till there is one."""
        with self._lock:
            if not self._watches:
                self._asleep = not self._nudged.is_set()
                return None
            if any(watch.due for watch in self._watches):
                return _LOOK_S
            return max(0.01, min(watch.started for watch in self._watches) + self._patience_s - time.perf_counter())

    def _due(self) -> list[Watch]:
        """The operations to be shown."""
        now = time.perf_counter()
        with self._lock:
            for watch in self._watches:
                if not watch.due and now - watch.started >= self._patience_s:
                    self._number += 1
                    watch.due, watch.number, watch.gone = True, self._number, threading.Event()
            return [watch for watch in self._watches if watch.due]


class _Show:
    """What the thread shows."""

    def __init__(self) -> None:
        self._display: Display | None = None
        self._shown: list[Watch] = []
        self._is_broken = False

    def these(self, watches: list[Watch]) -> None:
        """Show these operations, and tell the others that they are gone."""
        begun = [watch for watch in watches if watch not in self._shown]
        for watch in begun:
            count_total(watch.tally)
        if (watches or self._shown) and not self._is_broken:
            try:
                self._show(watches)
            except Exception:  # noqa: BLE001  # a display that fails, say on a closed terminal, is given up: the work goes on
                self._is_broken = True
                _log.debug("progress cannot be shown", exc_info=True)
        for watch in self._shown:
            if watch not in watches and watch.gone is not None:
                watch.gone.set()
        self._shown = watches

    def _show(self, watches: list[Watch]) -> None:
        if self._display is None and watches:
            self._display = watches[0].display()
        if self._display is None:
            return
        now = time.perf_counter()
        self._display.show([watch.sight(now) for watch in watches])
        if not watches:
            self._display = None  # the next one is made for the streams there are by then


def count_total(tally: Tally) -> None:
    """Have the rows counted that there are to do, if nobody knows: in another thread, since that may take long."""
    count = tally.count_total
    if tally.total is not None or count is None:
        return

    def work() -> None:
        try:
            tally.total = count()
        except Exception:  # noqa: BLE001  # then it is shown without
            _log.debug("the rows to do could not be counted", exc_info=True)

    threading.Thread(target=work, name="pixeltable-count", daemon=True).start()
