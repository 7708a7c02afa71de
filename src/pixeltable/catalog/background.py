"""Calls that run in the background, as the database knows them: what is called, how far it is, how it ended."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pixeltable.storage.database import Connection, jsonb

_MOST_KEPT = 1_000
"""Records of calls that have ended."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows that are done, those of them with a failed cell, rows to do in all; rows a second, and seconds to go."""

    done: int = 0
    failed: int = 0
    total: int | None = None
    rate: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class BackgroundRecord:
    """A call. `task` says what is called; `outcome` is a receipt or an error, once it has ended.

    That it is `running` may mean that its process died: then nobody has a claim on its id.
    """

    id: int
    title: str
    task: Any
    status: Literal["running", "done", "failed", "cancelled"]
    progress: Progress
    outcome: dict[str, Any] | None = None


_COLUMNS = "id, title, task, status, progress, outcome"


def insert_background(connection: Connection, record: BackgroundRecord) -> None:
    """Record a call that begins."""
    connection.execute(
        f"INSERT INTO pixeltable.background ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)",
        (record.id, record.title, jsonb(record.task), record.status, jsonb(asdict(record.progress)), None),
    )


def restart_background(connection: Connection, job_id: int) -> None:
    """Record that a call is made again."""
    connection.execute(
        "UPDATE pixeltable.background SET status = 'running', cancel = false, progress = %s, outcome = NULL, "
        "ended_at = NULL WHERE id = %s",
        (jsonb(asdict(Progress())), job_id),
    )


def report_background(connection: Connection, job_id: int, progress: Progress) -> bool:
    """Record how far a call is, unless it has ended; whether it was asked to stop meanwhile."""
    row = connection.execute(
        "UPDATE pixeltable.background SET progress = %s WHERE id = %s AND status = 'running' RETURNING cancel",
        (jsonb(asdict(progress)), job_id),
    ).fetchone()
    return row is None or bool(row[0])


def end_background(
    connection: Connection, job_id: int, status: str, progress: Progress, outcome: dict[str, Any] | None
) -> None:
    """Record how a call ended; of those that ended long ago, some are forgotten."""
    connection.execute(
        "UPDATE pixeltable.background SET status = %s, progress = %s, outcome = %s, ended_at = clock_timestamp() "
        "WHERE id = %s",
        (status, jsonb(asdict(progress)), None if outcome is None else jsonb(outcome), job_id),
    )
    connection.execute(
        "DELETE FROM pixeltable.background WHERE id IN (SELECT id FROM pixeltable.background "
        "WHERE status <> 'running' ORDER BY ended_at DESC OFFSET %s)",
        (_MOST_KEPT,),
    )


def cancel_background(connection: Connection, job_id: int) -> None:
    """Ask whoever makes a call to stop."""
    connection.execute("UPDATE pixeltable.background SET cancel = true WHERE id = %s", (job_id,))


def delete_background(connection: Connection, job_id: int) -> None:
    """Forget a call."""
    connection.execute("DELETE FROM pixeltable.background WHERE id = %s", (job_id,))


def find_background(connection: Connection, job_id: int) -> BackgroundRecord | None:
    """The call of that id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM pixeltable.background WHERE id = %s", (job_id,)).fetchone()
    return None if row is None else _record(*row)


def list_background(connection: Connection) -> list[BackgroundRecord]:
    """All calls, the newest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM pixeltable.background ORDER BY id DESC").fetchall()
    return [_record(*row) for row in rows]


def _record(
    job_id: int, title: str, task: Any, status: Any, progress: dict[str, Any], outcome: Any
) -> BackgroundRecord:
    return BackgroundRecord(job_id, title, task, status, Progress(**progress), outcome)
