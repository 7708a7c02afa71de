"""`Threads`: the threads of a session that run plain functions side by side, or with a timeout."""

import contextvars
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any

from pixeltable.exceptions import PixeltableWarning
from pixeltable.exec.bodies import Row, Values, call_row, failed_row
from pixeltable.exec.calls import Ended, unheard

_TURN_S = 0.005
"""How long a thread stays with one call while there are others."""
_SHORTEST_LOOK_S = 0.002
_JOIN_S = 0.2
_WAIT_S = 0.5
_MAX_ABANDONED = 256
"""As many threads may be lost to functions that do not come back; then rows with a timeout fail without being run."""


_SERVING: "contextvars.ContextVar[Threads | None]" = contextvars.ContextVar("pixeltable_threads", default=None)
"""The pool of whose thread the caller is part: it is that thread, or one that the thread waits for."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Group:
    """Calls that count as one where threads are shared out, and how many threads they have."""

    threads: int = 0


class _Call:
    """The rows of one `submit`, handed out one by one. Numbers change under the lock of the pool."""

    def __init__(
        self, run: Callable[..., Any], rows: Sequence[Row], timeout_s: float | None, at_once: int, name: str,
        ended: Ended,
        group: _Group,
        turn: int,
    ) -> None:  # fmt: skip
        self.run = run
        self.ended = ended
        self.name = name
        self.rows = rows
        self.timeout_s = timeout_s
        self.at_once = at_once
        self.values: Values = [None] * len(rows)
        self.missing = len(rows)
        self.threads = 0
        self.group = group
        self.turn = turn
        # One iterator for all threads: taking the next row needs no lock.
        self.places: Iterator[int] = iter(range(len(rows)))
        self.stopped = False
        self.context = contextvars.copy_context()
        self.future: Future[Values] = Future()
        self._answered = threading.Lock()
        self.future.add_done_callback(self._stop)

    @property
    def has_rows(self) -> bool:
        """Whether some were not handed out yet."""
        return not self.stopped and length_hint(self.places) > 0

    @property
    def wants_thread(self) -> bool:
        """Whether one more thread would find a row."""
        return self.group.threads < self.at_once and self.has_rows

    def result(self, place: int) -> Any:
        """The result of one row, or its failure."""
        row = self.rows[place]
        try:
            return call_row(self.run, row)
        except BaseException as error:  # noqa: BLE001  # the function's own doing: Ctrl-C reaches the main thread alone
            return failed_row(error, row)

    def answer(self) -> None:
        """Give the values to who waits for them, once none is missing."""
        if self._answered.acquire(blocking=False) and self.future.set_running_or_notify_cancel():
            self.future.set_result(self.values)

    def _stop(self, future: "Future[Values]") -> None:
        self.stopped = True
        if future.cancelled() and self._answered.acquire(blocking=False):
            future.set_running_or_notify_cancel()  # so that `concurrent.futures.wait` sees it too


@dataclass(slots=True, eq=False)
class _Seat:
    """A thread of the pool, and what it is at."""

    mutex: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None
    call: _Call | None = None
    done: int = 0
    """Rows of the call that it ran in this turn."""
    row: tuple[int, float] | None = None
    """Place of the row that it runs, and when the time for it is up."""
    abandoned: bool = False


class Threads:
    """Up to `most` threads, shared by all calls; started when they are needed, some more for calls within calls.

    Groups of calls under way at the same time get the same number of threads, as far as they have rows; in a group,
    calls are served by their turns.
    """

    def __init__(self, most: int = 32) -> None:
        self.most = most
        self._reset()

    def _reset(self) -> None:
        self._mutex = threading.Lock()
        self._work = threading.Condition(self._mutex)
        self._timed_changed = threading.Condition(self._mutex)
        self._calls: list[_Call] = []
        self._timed: set[_Call] = set()
        self._seats: set[_Seat] = set()
        self._groups: weakref.WeakValueDictionary[Hashable, _Group] = weakref.WeakValueDictionary()
        # Calls made by functions that run here: each may have one more thread, else all could wait for one another.
        self._nested: set[Future[Values]] = set()
        self._idle = 0
        self._abandoned: list[threading.Thread] = []
        self._watching = False
        self._warned: bool = False
        self._closed = False

    def submit(
        self,
        run: Callable[..., Any],
        rows: Sequence[Row],
        timeout_s: float | None = None,
        *,
        at_once: int | None = None,
        name: str = "function",
        ended: Ended = unheard,
        group: Hashable | None = None,
        turn: int = 0,
    ) -> "Future[Values]":
        """Have `run` called with each row: one value or `Failure` for each, in their order.

        At most `at_once` rows run at a time, in all calls of the same `group`; without one, a call is one by itself.
        In a group the call with the lowest `turn` comes first, whenever it was submitted.
        A row that takes longer than `timeout_s` fails, with a message that says `name`; its thread is left to itself,
        since nothing can stop it. To cancel the future, at any time, keeps further rows from being started. `ended` is
        told the place and result of each row that is done, by its thread.
        """
        call = _Call(run, rows, timeout_s, min(at_once or self.most, self.most), name, ended, _Group(), turn)
        if not rows:
            call.answer()
            return call.future
        with self._mutex:
            closed = self._closed
            if group is not None:
                call.group = self._groups.setdefault(group, call.group)
            if not closed:
                if _SERVING.get() is self:
                    self._nested.add(call.future)
                self._calls = [*(other for other in self._calls if other.has_rows), call]
                self._bring_thread()
                if timeout_s is not None:
                    self._watch_over(call)
        call.future.add_done_callback(self._nested.discard)
        if closed:
            call.future.cancel()
        return call.future

    def run(
        self,
        run: Callable[..., Any],
        rows: Sequence[Row],
        timeout_s: float | None = None,
        *,
        at_once: int | None = None,
        name: str = "function",
    ) -> Values:
        """As `submit`, and wait. KeyboardInterrupt, or whatever else is raised here, stops handing out further rows.

        Raises:
            CancelledError: the pool was closed meanwhile.
        """
        future = self.submit(run, rows, timeout_s, at_once=at_once, name=name)
        try:
            while not wait([future], timeout=_WAIT_S).done:
                pass  # in short turns: a Ctrl-C just before a wait would else be heard after it
            values = future.result()
        finally:
            future.cancel()
        self.warn()
        return values

    def warn(self) -> None:
        """Say, once, if functions were left running after their timeout. To be called in the user's thread."""
        with self._mutex:
            due = self._abandoned and not self._warned
            self._warned = self._warned or bool(due)
        if due:
            text = "a function goes on in the background after its timeout, since Python cannot stop a thread; "
            warnings.warn(f"{text}with parallel='processes' it would be ended", PixeltableWarning, stacklevel=3)

    def close(self) -> None:
        """Cancel what is under way and end all threads; rows that run now run on in threads nobody waits for."""
        with self._mutex:
            self._closed = True
            calls = [*self._calls, *(seat.call for seat in self._seats if seat.call is not None)]
            idle = [seat.thread for seat in self._seats if seat.call is None]
            self._work.notify_all()
            self._timed_changed.notify_all()
        for call in calls:
            call.future.cancel()
        for thread in idle:
            if thread is not None:
                thread.join(_JOIN_S)

    def after_fork(self) -> None:
        """In a forked process, which has none of the threads: start afresh. Calls of the parent are not answered."""
        self._reset()

    def _bring_thread(self) -> None:
        if self._idle:
            self._idle -= 1  # not by the thread that wakes up: until it does, it would be woken again
            self._work.notify()
        elif len(self._seats) < self.most + len(self._nested):
            seat = _Seat()
            seat.thread = threading.Thread(target=self._serve, args=(seat,), name="pixeltable-function", daemon=True)
            self._seats.add(seat)
            try:
                seat.thread.start()
            except RuntimeError:  # the system gives no more threads: those that are there do the work
                self._seats.discard(seat)
                if not self._seats:
                    raise

    def _serve(self, seat: _Seat) -> None:
        while (call := self._next_call(seat)) is not None:
            # A context can be entered once at a time.
            call.context.copy().run(self._take_turn, seat, call)
            if seat.abandoned:
                return
            self._leave(seat, call)
            del call  # with its rows

    def _next_call(self, seat: _Seat) -> _Call | None:
        with self._mutex:
            while not self._closed:
                waiting = (call for call in self._calls if call.wants_thread)
                call = min(waiting, key=lambda call: (call.group.threads, call.turn), default=None)
                if call is not None:
                    call.threads += 1
                    call.group.threads += 1
                    seat.call, seat.done = call, 0
                    return call
                self._idle += 1
                self._work.wait()
            self._seats.discard(seat)
            return None

    def _take_turn(self, seat: _Seat, call: _Call) -> None:
        _SERVING.set(self)
        turn = self._timed_turn if call.timeout_s is not None else self._turn
        turn(seat, call)

    def _turn(self, seat: _Seat, call: _Call) -> None:
        started = time.monotonic()
        for place in call.places:
            if not seat.done:
                self._share(call)
            value = call.values[place] = call.result(place)
            call.ended(place, value)
            seat.done += 1
            if call.stopped or (len(self._calls) > 1 and time.monotonic() - started > _TURN_S):
                return

    def _timed_turn(self, seat: _Seat, call: _Call) -> None:
        assert call.timeout_s is not None
        started = time.monotonic()
        for place in call.places:
            if not seat.done:
                self._share(call)
            seat.row = (place, time.monotonic() + call.timeout_s)
            value = call.result(place)
            with seat.mutex:
                if seat.abandoned:
                    return
                seat.row = None
                call.values[place] = value
                call.ended(place, value)
                seat.done += 1
            if call.stopped or (len(self._calls) > 1 and time.monotonic() - started > _TURN_S):
                return

    def _share(self, call: _Call) -> None:
        """Have the next thread come when this one has its first row, so that quick rows do not wake all of them."""
        with self._mutex:
            if call.wants_thread:
                self._bring_thread()

    def _leave(self, seat: _Seat, call: _Call) -> None:
        with self._mutex:
            seat.call = None
            call.threads -= 1
            call.group.threads -= 1
            call.missing -= seat.done
            self._calls = [other for other in self._calls if other.has_rows]
            complete = not call.missing
        if complete:
            call.answer()

    def _watch_over(self, call: _Call) -> None:
        self._timed.add(call)
        if self._watching:
            self._timed_changed.notify()
        else:
            self._watching = True
            threading.Thread(target=self._watch, name="pixeltable-timeouts", daemon=True).start()

    def _watch(self) -> None:
        """Fail the rows whose time is up, as long as there are calls with a timeout."""
        with self._mutex:
            while not self._closed:
                self._timed = {call for call in self._timed if call.threads or call.has_rows}
                if not self._timed:
                    break
                now = time.monotonic()
                complete = [call for seat in list(self._seats) if (call := self._expired(seat, now)) is not None]
                if complete:
                    self._mutex.release()
                    try:
                        for call in complete:
                            call.answer()
                    finally:
                        self._mutex.acquire()
                self._timed_changed.wait(self._pause_s(now))
            self._watching = False

    def _pause_s(self, now: float) -> float:
        """Until the next row can be overdue: one that runs now, or that starts right now."""
        rows = [row for seat in self._seats if (row := seat.row) is not None]
        starting = min((call.timeout_s for call in self._timed if call.timeout_s is not None), default=1.0)
        return max(min([now + starting, *(until for _, until in rows)]) - now, _SHORTEST_LOOK_S)

    def _expired(self, seat: _Seat, now: float) -> _Call | None:
        """Give up on a thread whose row is overdue; returns its call if that was the last row missing."""
        with seat.mutex:
            row, call = seat.row, seat.call
            if row is None or call is None or now < row[1]:
                return None
            seat.abandoned = True
        assert seat.thread is not None
        error = TimeoutError(f"{call.name}() did not return within {call.timeout_s:g} s")
        call.values[row[0]] = failed_row(error, call.rows[row[0]])
        call.threads -= 1
        call.group.threads -= 1
        call.missing -= seat.done + 1
        self._seats.discard(seat)
        self._abandoned = [*(thread for thread in self._abandoned if thread.is_alive()), seat.thread]
        if len(self._abandoned) >= _MAX_ABANDONED:
            self._give_up(call)
        self._bring_thread()
        return None if call.missing else call

    def _give_up(self, call: _Call) -> None:
        for place in call.places:
            error = TimeoutError(f"{call.name}() was not run: {_MAX_ABANDONED} calls still go on after their timeout")
            call.values[place] = failed_row(error, call.rows[place])
            call.missing -= 1
