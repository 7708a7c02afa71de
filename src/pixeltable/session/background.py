"""Calls in the background: each in a thread of the process that made it, recorded where every process sees it."""

import logging
import threading
import time
from dataclasses import asdict
from typing import Any

from pixeltable.catalog import background
from pixeltable.catalog.background import BackgroundRecord, Progress
from pixeltable.exceptions import Error, InvalidState, JobCancelled, UnknownJob
from pixeltable.exec.tally import Tally
from pixeltable.exec.watcher import Watch, count_total
from pixeltable.session.claims import claim, claim_new_id, is_claimed
from pixeltable.session.session import Session
from pixeltable.session.tasks import Task, decode_task, encode_task
from pixeltable.storage.database import Connection
from pixeltable.types.cell_error import message_of, storable_text
from pixeltable.types.status import RowCountStats, UpdateStatus

_REPORT_S = 0.5
"""How often it is recorded how far a call is, and looked whether it is to stop."""

_LOOK_S = 0.5

_log = logging.getLogger("pixeltable.background")


class Run:
    """One call under way in this process, with the claim on its id."""

    def __init__(self, session: Session, connection: Connection, job_id: int, task: Task) -> None:
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.status: UpdateStatus | None = None
        self.progress = Progress()
        self._session = session
        self._connection = connection
        self._id = job_id
        self._task = task
        self._tally = Tally()
        self.is_prepared = False
        self._settled = threading.Event()
        self._tally.on_prepared = self._prepare
        self._looking = threading.Lock()
        self._watch = Watch(task.title, self._tally, lambda: None, time.perf_counter())
        self._is_leaving = False

    def start(self) -> None:
        """Begin; return when the call is beyond what can be wrong with it, or has ended."""
        self._session.runs[self._id] = self
        threading.Thread(target=self._work, name=f"pixeltable-job-{self._id}", daemon=True).start()
        threading.Thread(target=self._report, name=f"pixeltable-report-{self._id}", daemon=True).start()
        while not self._settled.wait(_LOOK_S):
            pass  # in short turns: a Ctrl-C just before a wait would else be heard after it

    def _prepare(self) -> None:
        self.is_prepared = True
        self._settled.set()

    def stop(self) -> None:
        """Have the call end soon; what it has done is kept."""
        self._tally.stopping = self._task.title

    def leave(self) -> None:
        """As `stop`, since the process ends: the call is not over, anyone may go on with it."""
        self._is_leaving = True
        self.stop()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the end, at most so long."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.ended.wait(_LOOK_S if until is None else max(0.0, min(_LOOK_S, until - time.monotonic()))):
            if until is not None and time.monotonic() >= until:
                return

    def _work(self) -> None:
        try:
            self.status = self._task.run(self._session, self._tally)
        except BaseException as error:  # noqa: BLE001  # it is the caller's, who asks for the result
            self.error = error
        finally:
            try:
                self._end()
            except Error:  # it stays recorded as running, and is interrupted once the claim is given back
                _log.warning("how job %s ended could not be recorded", self._id, exc_info=True)
            finally:
                self._session.database.release(self._connection)  # before anybody is told: they may resume it
                self._session.runs.pop(self._id, None)
                self.ended.set()
                self._settled.set()

    def _end(self) -> None:
        if isinstance(self.error, JobCancelled) and self._is_leaving:
            return
        self._look()
        outcome: dict[str, Any] | None = None
        if self.status is not None:
            outcome = asdict(self.status)
        elif isinstance(self.error, Error):
            outcome = self.error.to_dict()
        elif self.error is not None:
            outcome = {
                "error_code": "INTERNAL_ERROR",
                "message": f"{type(self.error).__name__}: {message_of(self.error)}",
            }
        if outcome is not None and "message" in outcome:
            outcome["message"] = storable_text(outcome["message"])
        ended = "cancelled" if isinstance(self.error, JobCancelled) else "done" if self.error is None else "failed"
        self._session.database.read(
            lambda connection: background.end_background(connection, self._id, ended, self.progress, outcome)
        )

    def _report(self) -> None:
        is_counted = False
        while not self.ended.wait(_REPORT_S):
            self._look()
            if not is_counted and self._tally.count_total is not None:
                is_counted = True
                count_total(self._tally)
            try:
                is_asked = self._session.database.read(
                    lambda connection: background.report_background(connection, self._id, self.progress)
                )
            except Error:  # the call itself will say that there is no database
                _log.debug("the progress of job %s could not be recorded", self._id, exc_info=True)
                continue
            if is_asked:
                self.stop()

    def _look(self) -> None:
        with self._looking:
            sight = self._watch.sight(time.perf_counter())
        self.progress = Progress(sight.done, sight.failed, sight.total, round(sight.rate, 2), sight.eta_s)


def start_background(session: Session, task: Task) -> BackgroundRecord:
    """Make a call in the background: it is recorded, checked and begun when this returns.

    Raises:
        Error: what the call raises before its rows are computed; nothing is recorded then.
    """
    encoded = encode_task(task)
    connection, job_id = claim_new_id(session)
    record = BackgroundRecord(job_id, task.title, encoded, "running", Progress())
    try:
        session.database.read(lambda connection: background.insert_background(connection, record))
        run = Run(session, connection, job_id, task)
    except BaseException:
        session.database.release(connection)
        raise
    run.start()
    if run.error is not None and not run.is_prepared:
        session.database.read(lambda connection: background.delete_background(connection, job_id))
        raise run.error
    return record


def resume_background(session: Session, job_id: int) -> None:
    """Make a call again that has ended, or whose process died; it goes on where it was.

    Raises:
        UnknownJob: there is none of that id.
        InvalidState: it is under way, or done.
    """
    connection = session.database.dedicated()
    try:
        if not claim(connection, job_id):
            raise InvalidState(f"job {job_id} is under way", hint="wait() waits for its end.")
        record = find_background(session, job_id)  # now that nobody else goes on with it
        if record.status == "done":
            raise InvalidState(f"job {job_id} is done", hint="Its receipt is what result() returns.")
        task = decode_task(record.task)
        if task.is_done(session, since=job_id):
            _record_as_done(session, record)
            session.database.release(connection)
            return
        session.database.read(lambda connection: background.restart_background(connection, job_id))
        run = Run(session, connection, job_id, task)
    except BaseException:
        session.database.release(connection)
        raise
    run.start()
    if run.error is not None and not run.is_prepared:
        raise run.error


def _record_as_done(session: Session, record: BackgroundRecord) -> None:
    """Of a call whose process died after its work, before it said so; what its receipt was is not known."""
    outcome = asdict(UpdateStatus())
    session.database.read(
        lambda connection: background.end_background(connection, record.id, "done", record.progress, outcome)
    )


def cancel_background(session: Session, job_id: int) -> None:
    """Ask a call to stop, in whichever process it is; it does so within a second or, in the middle of one, a row."""
    run = session.runs.get(job_id)
    if run is not None:
        run.stop()
    else:
        session.database.read(lambda connection: background.cancel_background(connection, job_id))


def find_background(session: Session, job_id: int) -> BackgroundRecord:
    """The call of that id.

    Raises:
        UnknownJob: there is none.
    """
    found = session.database.read(lambda connection: background.find_background(connection, job_id))
    if found is None:
        raise UnknownJob(job_id)
    return found


def list_background(session: Session) -> list[BackgroundRecord]:
    """All calls, the newest first."""
    return session.database.read(background.list_background)


def status_of(session: Session, record: BackgroundRecord) -> str:
    """'running', 'done', 'failed', 'cancelled', or 'interrupted': its process died, or ended."""
    if record.status != "running":
        return record.status

    if session.database.read(lambda connection: is_claimed(connection, record.id)):
        return "running"
    found = find_background(session, record.id)  # it may have ended between two looks
    return "interrupted" if found.status == "running" else found.status


def receipt_of(outcome: dict[str, Any]) -> UpdateStatus:
    """The receipt that a call left."""
    stats = {name: RowCountStats(**outcome[name]) for name in ("row_count_stats", "cascade_row_count_stats")}
    return UpdateStatus(**{**outcome, **stats})
