"""`Workers`: the worker processes of a session, and the queue of chunks that they work off."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

from pixeltable.exec.bodies import Row, Values
from pixeltable.exec.parcel import FunctionParcels
from pixeltable.exec.worker_chunk import ChunkRun, Stopped, WorkerSeat
from pixeltable.udfs.function import Function

_JOIN_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    future: "Future[Values]"
    run: ChunkRun


class Workers:
    """Worker processes for functions with `parallel="processes"`; started when they are needed, then used again.

    Each has a thread here that starts it, gives it one chunk at a time, and takes its results.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or os.cpu_count() or 1
        self._reset()

    def submit(
        self,
        function: Function,
        rows: Sequence[Row],
        timeout_s: float | None = None,
        *,
        names: Sequence[str] = (),
    ) -> "Future[Values]":
        """Have a plain or batched function run on some rows: one value or `Failure` for each, in their order.

        The last values of each row are for the parameters `names`, those before by place. A batched function is called
        for all rows at once; if that fails, for each half, and so on. The future can be cancelled until a worker takes
        the chunk.
        """
        future: Future[Values] = Future()
        with self._changed:
            if self._closed:
                future.set_exception(CancelledError())
                return future
            parcels = self._parcels.get(function)
            if parcels is None:
                parcels = self._parcels[function] = FunctionParcels(function)
            batched = function.kind == "batched"
            run = ChunkRun(function.name, batched, parcels, tuple(names), tuple(rows), timeout_s)
            self._queue.append(_Task(future, run))
            if self._idle < len(self._queue) and len(self._seats) < self.count:
                self._add_seat()
            self._changed.notify()
        return future

    def abandon(self, future: "Future[Values]") -> None:
        """Cancel a chunk; if it runs, with the process it runs in."""
        if not future.cancel():
            with self._changed:
                seat = self._busy.get(future)
                if seat is not None:
                    seat.stop()

    def close(self) -> None:
        """End all processes, also in the midst of a chunk. Chunks that have not ended raise `CancelledError`."""
        with self._changed:
            self._closed = True
            tasks = list(self._queue)
            self._queue.clear()
            for seat in self._busy.values():
                seat.stop()
            self._changed.notify_all()
        for task in tasks:
            if task.future.cancel():
                task.future.set_running_or_notify_cancel()  # so that `concurrent.futures.wait` sees it too
        for thread in self._threads:
            thread.join(_JOIN_S)

    def after_fork(self) -> None:
        """In a forked process: the workers stay with the parent, and this process gets its own when it needs some.

        What was submitted before is not answered here.
        """
        for seat in self._seats:
            seat.forget()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[_Task] = deque()
        # A parcel lives as long as chunks of it do, so that the next operation sees what the function refers to then.
        self._parcels: weakref.WeakValueDictionary[Function, FunctionParcels] = weakref.WeakValueDictionary()
        self._seats: list[WorkerSeat] = []
        self._threads: list[threading.Thread] = []
        self._busy: dict[Future[Values], WorkerSeat] = {}
        self._idle = 0
        self._closed = False

    def _add_seat(self) -> None:
        seat = WorkerSeat()
        thread = threading.Thread(target=self._serve, args=(seat,), name="pixeltable-worker", daemon=True)
        self._seats.append(seat)
        self._threads.append(thread)
        thread.start()

    def _serve(self, seat: WorkerSeat) -> None:
        try:
            while (task := self._next(seat)) is not None:
                self._run(task, seat)
                del task  # its rows would stay until the next one comes
        finally:
            seat.close()

    def _next(self, seat: WorkerSeat) -> _Task | None:
        with self._changed:
            while not self._closed:
                while self._queue:
                    task = self._queue.popleft()
                    if task.future.set_running_or_notify_cancel():
                        self._busy[task.future] = seat
                        return task
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _run(self, task: _Task, seat: WorkerSeat) -> None:
        values: Values = []
        raised: BaseException | None = None
        try:
            values = task.run.results(seat)
        except Stopped:
            raised = CancelledError()
        except BaseException as error:  # noqa: BLE001  # raised again where the future is waited for
            raised = error
        with self._changed:
            del self._busy[task.future]
            if not self._closed:
                seat.resume()
        if raised is None:
            task.future.set_result(values)
        else:
            task.future.set_exception(raised)


def shares(rows: Sequence[Any], workers: int) -> list[Sequence[Any]]:
    """Rows cut into chunks as `Workers.submit` likes them while nothing is known of how long a row takes.

    Some four chunks for each worker even out rows that take longer; more than 64 rows spare no more overhead.

    >>> [len(share) for share in shares(range(20), 2)]
    [3, 3, 3, 3, 3, 3, 2]
    """
    size = min(max(-(-len(rows) // (4 * workers)), 1), 64)
    return [rows[start : start + size] for start in range(0, len(rows), size)]
