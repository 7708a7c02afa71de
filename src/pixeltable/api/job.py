"""`Job`: a call that runs in the background, in this process or another."""

import time

from pixeltable.api.arguments import one_of
from pixeltable.catalog.background import BackgroundRecord, Progress
from pixeltable.exceptions import Error, InvalidState
from pixeltable.session.background import (
    cancel_background,
    find_background,
    list_background,
    receipt_of,
    resume_background,
    start_background,
    status_of,
)
from pixeltable.session.current import current_session
from pixeltable.session.running import refuse_in_transaction
from pixeltable.session.session import Session
from pixeltable.session.tasks import Task
from pixeltable.types.status import UpdateStatus

_STATUSES = ("running", "done", "failed", "cancelled", "interrupted")
_LOOK_S = 0.2


class Job:
    """What `background=True` gives: a handle of work that goes on, which every process can get by `pxt.job(id)`.

    It is done by a thread of the process that made the call. When that ends or dies the job is `interrupted`; nothing
    that was computed is lost, and `resume()`, in any process, goes on with it.
    """

    def __init__(self, session: Session, job_id: int, title: str) -> None:
        self._session = session
        self.id = job_id
        self.title = title

    @property
    def status(self) -> str:
        """'running', 'done', 'failed', 'cancelled', or 'interrupted'."""
        return status_of(self._session, self._record)

    @property
    def progress(self) -> Progress:
        """How far it is; in another process, as of the last half second."""
        run = self._session.runs.get(self.id)
        return self._record.progress if run is None else run.progress

    @property
    def error(self) -> Error | None:
        """Why it failed, or was stopped."""
        record = self._record
        failed = record.status in ("failed", "cancelled")
        return Error.from_dict(record.outcome) if failed and record.outcome is not None else None

    def wait(self, timeout_s: float | None = None) -> str:
        """Wait until it is no longer running, at most so long; its status then."""
        run = self._session.runs.get(self.id)
        if run is not None:
            run.wait(timeout_s)
            return self.status
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status) == "running" and (until is None or time.monotonic() < until):
            time.sleep(_LOOK_S)
        return status

    def result(self) -> UpdateStatus:
        """The receipt, once it is done; waits for that.

        Raises:
            RequestError: it was stopped or interrupted.
            Error: what made it fail.
        """
        status = self.wait()
        record = self._record
        if status == "done" and record.outcome is not None:
            return receipt_of(record.outcome)
        if status == "interrupted":
            raise InvalidState(f"{self.title}: its process ended before it was done", hint="resume() goes on with it.")
        error = self.error
        assert error is not None
        raise error

    def cancel(self) -> None:
        """Have it stop soon, wherever it runs; what was computed is kept for `resume()`."""
        cancel_background(self._session, self.id)

    def resume(self) -> "Job":
        """Go on with it, in this process, after it failed, was stopped or interrupted; the job itself.

        Raises:
            RequestError: it is running, or done.
            Error: it cannot go on: its table was dropped, say, or its function is gone.
        """
        resume_background(self._session, self.id)
        return self

    @property
    def _record(self) -> BackgroundRecord:
        return find_background(self._session, self.id)

    def __repr__(self) -> str:
        progress = self.progress
        total = "" if progress.total is None else f" of {progress.total}"
        return f"<job {self.id}: {self.title}, {self.status}, {progress.done}{total} rows>"


def started(session: Session, task: Task) -> Job:
    """A call, made in the background."""
    refuse_in_transaction("a job")
    record = start_background(session, task)
    return Job(session, record.id, record.title)


def jobs(status: str | None = None) -> list[Job]:
    """The calls that were made with `background=True`, in any process, the newest first.

    Args:
        status: only those that are 'running', 'done', 'failed', 'cancelled' or 'interrupted'.
    """
    wanted = None if status is None else one_of("status", status, _STATUSES)
    session = current_session()
    found = list_background(session)
    return [
        Job(session, record.id, record.title)
        for record in found
        if wanted is None or status_of(session, record) == wanted
    ]


def job(job_id: int) -> Job:
    """The job of that id.

    Raises:
        NotFoundError: there is none.
    """
    session = current_session()
    record = find_background(session, job_id)
    return Job(session, record.id, record.title)
