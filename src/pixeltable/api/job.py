"""`Job`: a call that runs in the background, in this process or another."""

import time

from pixeltable.api.arguments import one_of
from pixeltable.catalog.background import BackgroundRecord, Progress
from pixeltable.exceptions import Error, InvalidArgument, InvalidState, UnknownJob
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
        return _error_of(self._record)

    def wait(self, timeout_s: float | None = None) -> str:
        """Wait until it is no longer running, at most so long; its status then."""
        if timeout_s is not None and (isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float)):
            raise InvalidArgument(f"wait() takes a number of seconds, or None, got {timeout_s!r}")
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
        while self.wait() != "interrupted":
            record = self._record
            if record.status == "done" and record.outcome is not None:
                return receipt_of(record.outcome)
            error = _error_of(record)
            if error is not None:
                raise error
            # somebody goes on with it by now
        raise InvalidState(f"{self.title}: its process ended before it was done", hint="resume() goes on with it.")

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        try:
            progress, status = self.progress, self.status
        except UnknownJob:
            return f"<job {self.id}: {self.title}, forgotten>"
        total = "" if progress.total is None else f" of {progress.total}"
        return f"<job {self.id}: {self.title}, {status}, {progress.done}{total} rows>"


def _error_of(record: BackgroundRecord) -> Error | None:
    failed = record.status in ("failed", "cancelled")
    return Error.from_dict(record.outcome) if failed and record.outcome is not None else None


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
        InvalidArgument: it is no id.
    """
    if type(job_id) is not int:
        raise InvalidArgument(
            f"job() takes the id of a job, an int, got {job_id!r}", hint="Ids are those of pxt.jobs()."
        )
    session = current_session()
    record = find_background(session, job_id)
    return Job(session, record.id, record.title)
