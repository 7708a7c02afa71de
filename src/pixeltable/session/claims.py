"""Claims: who is at work on something tells others so, by its id, for as long as the connection lives."""

from collections.abc import Iterator
from contextlib import contextmanager

from pixeltable.catalog import store
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection

_SPACE = 1_667_522_925
"""First number of the advisory lock; any constant of ours does."""


@contextmanager
def claimed_id(session: Session) -> Iterator[tuple[Connection, int]]:
    """A new id, and the connection that claims it; if this process dies, the database lets go of the claim."""
    connection, claimed = claim_new_id(session)
    try:
        yield connection, claimed
    finally:
        session.database.release(connection)


def claim_new_id(session: Session) -> tuple[Connection, int]:
    """As `claimed_id`, for who gives back the connection in another place."""
    connection = session.database.dedicated()
    try:
        (claimed,) = store.new_ids(connection, 1)
        claim(connection, claimed)
    except BaseException:
        session.database.release(connection)
        raise
    return connection, claimed


def claim(connection: Connection, claimed: int) -> bool:
    """Claim an id by a dedicated connection; False if another one has claimed it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_SPACE, claimed)).fetchone()
    return bool(row and row[0])


def is_unclaimed(connection: Connection, claimed: int) -> bool:
    """Whether nobody is at work on what has that id; nobody begins to until the caller's transaction ends."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (_SPACE, claimed)).fetchone()
    return bool(row and row[0])


def is_claimed(connection: Connection, claimed: int) -> bool:
    """Whether somebody is at work on what has that id. To look is in nobody's way, and says nothing of what comes."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
        "AND classid = %s::bigint::oid AND objid = %s::bigint::oid "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        (_SPACE, claimed),
    ).fetchone()
    return bool(row and row[0])
