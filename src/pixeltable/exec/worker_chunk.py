"""One chunk of rows in a worker process: which row is under way, and whose fault it is when the process ends."""

import contextlib
import pickle
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.exceptions import InvalidState, UnknownFunction
from pixeltable.exec.bodies import Row, Values, failed_row
from pixeltable.exec.chunk import FAILURE, READY, SPLIT, UNLOADABLE, Chunk, pickled, split
from pixeltable.exec.parcel import FunctionParcels
from pixeltable.exec.worker_link import WorkerDied, WorkerLink, value_of

_LOADING_TRIES = 2


class Stopped(Exception):
    """The chunk was given up, and its process killed."""


class WorkerSeat:
    """The place of one worker process: it is started when a chunk comes, and again after it ended."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._link: WorkerLink | None = None
        self._stopped = False

    def link(self) -> WorkerLink:
        """The process, started if there is none.

        Raises:
            Stopped: `stop` was called.
            InvalidState: it cannot be started.
        """
        with self._mutex:
            if self._stopped:
                raise Stopped
            if self._link is not None and not self._link.alive:  # killed by somebody while it was idle
                self._link.discard()
                self._link = None
            if self._link is None:
                self._link = WorkerLink()
            return self._link

    def replace(self) -> None:
        """Kill the process, if it is still there; the next `link` starts another.

        Raises:
            Stopped: `stop` was called.
        """
        with self._mutex:
            link, self._link = self._link, None
            stopped = self._stopped
        if link is not None:
            link.discard()
        if stopped:
            raise Stopped

    def stop(self) -> None:
        """Give up the chunk under way, and kill the process it runs in. For other threads."""
        with self._mutex:
            self._stopped = True
            if self._link is not None:
                self._link.kill()

    def resume(self) -> None:
        """Be ready for the next chunk."""
        with self._mutex:
            stopped, self._stopped = self._stopped, False
            if stopped and self._link is not None:  # the chunk had just ended when it was given up
                self._link.discard()
                self._link = None

    def close(self) -> None:
        """End the process."""
        with self._mutex:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def forget(self) -> None:
        """Let go of the process in a fork of this one."""
        link, self._link = self._link, None  # the mutex may be held by a thread that the fork does not have
        if link is not None:
            link.forget()


@dataclass(frozen=True, slots=True)
class ChunkRun:
    """The rows of a chunk and what is to be run on them."""

    name: str
    batched: bool
    parcels: FunctionParcels
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    timeout_s: float | None

    def results(self, seat: WorkerSeat) -> Values:
        """A value or a failure for each row.

        Raises:
            Stopped: the seat was told to stop.
            InvalidState: no worker process can be started.
        """
        progress = _Progress(self)
        while progress.waiting:
            link = seat.link()
            try:
                link.greet()
                progress.take_from(link)
            except _TimedOut:
                seat.replace()
                progress.after_timeout()
            except WorkerDied as end:
                seat.replace()
                if not link.greeted:
                    raise InvalidState(f"a worker process ended while it started: {end}") from None
                progress.after_death(end)
        return progress.values


class _TimedOut(Exception):
    """A call takes longer than it may."""


class _Progress:
    """How far a chunk has got: which rows wait for a result, and how many of them each call takes."""

    def __init__(self, run: ChunkRun) -> None:
        self._run = run
        self.values: Values = [None] * len(run.rows)
        self.waiting: deque[tuple[int, bytes]] = deque()
        self._loaded = False
        self._loading_deaths = 0
        self._parcel = 0
        self._problem: UnknownFunction | None = None
        for place, row in enumerate(run.rows):
            try:
                self.waiting.append((place, pickled(row)))
            except TypeError as error:
                fact = f"an argument cannot be passed to a worker process: {error.__cause__}"
                self.values[place] = failed_row(TypeError(fact), row)
        count = len(self.waiting)
        self._calls = deque([count] if run.batched and count else [1] * count)
        """The first one is under way."""

    def take_from(self, link: WorkerLink) -> None:
        """Send the rows that wait and take results, until none is left or the function turns out not to be loadable.

        Raises:
            WorkerDied: the process ended.
            _TimedOut: the call under way takes too long.
        """
        try:
            parcel = self._run.parcels.parcel(self._parcel)
        except UnknownFunction as error:
            self._try_next_parcel(error)
            return
        rows = tuple(data for _, data in self.waiting)
        self._loaded = False
        link.send(Chunk(parcel.key, parcel.data, self._run.names, tuple(self._calls), rows, None))
        message = link.receive(None)
        assert message is not None
        if message[:1] == UNLOADABLE:
            path, reason = self._run.parcels.path, message[1:].decode(errors="replace")
            self._try_next_parcel(UnknownFunction(path, reason=reason))
            return
        assert message == READY
        self._loaded = True
        link.loaded()
        self._take_results(link)

    def _take_results(self, link: WorkerLink) -> None:
        while self.waiting:
            message = link.receive(self._run.timeout_s)
            if message is None:
                raise _TimedOut
            if message == SPLIT:
                split(self._calls)
            else:
                self._settle(self._result(message))

    def _result(self, message: bytes | bytearray) -> Any:
        data = memoryview(message)[1:]
        if message[:1] == FAILURE:
            failure, exception = pickle.loads(data)
            with contextlib.suppress(TypeError):  # then type and message are what is left of the exception
                return failure if exception is None else replace(failure, exception=value_of(exception))
            return failure
        try:
            return value_of(data)
        except TypeError as error:
            return failed_row(error, self._run.rows[self.waiting[0][0]])

    def after_timeout(self) -> None:
        """Note that the process was killed because a call took too long."""
        assert self._run.timeout_s is not None
        self._blame(TimeoutError(f"{self._run.name}() did not return within {self._run.timeout_s:g} s"))

    def after_death(self, end: WorkerDied) -> None:
        """Note that the process ended by itself."""
        if self._loaded:
            self._blame(ChildProcessError(f"{self._run.name}() ended its process: {end}"))
            return
        self._loading_deaths += 1
        if self._loading_deaths < _LOADING_TRIES:  # it may have been killed from outside
            return
        error = ChildProcessError(f"loading {self._run.name}() ended its process: {end}")
        while self.waiting:
            self._fail(error)

    def _blame(self, error: Exception) -> None:
        """Fail the row that was under way, if it was one alone; else have each half tried."""
        if self._calls[0] > 1:
            split(self._calls)
        else:
            self._fail(error)

    def _try_next_parcel(self, problem: UnknownFunction) -> None:
        self._problem = self._problem or problem  # the others only follow from the first
        self._parcel += 1
        if self._parcel not in self._run.parcels.tries:
            while self.waiting:
                self._fail(self._problem)

    def _fail(self, error: Exception) -> None:
        self._settle(failed_row(error, self._run.rows[self.waiting[0][0]]))

    def _settle(self, result: Any) -> None:
        place, _ = self.waiting.popleft()
        self.values[place] = result
        self._calls[0] -= 1
        if not self._calls[0]:
            self._calls.popleft()
