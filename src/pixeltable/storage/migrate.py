"""Bringing the catalog's schema to the one this version works with, and refusing one it does not know."""

from pathlib import Path

from pixeltable.exceptions import InvalidConfiguration, InvalidState
from pixeltable.lazy import psycopg
from pixeltable.storage.database import Connection

SCRIPTS = sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql"))
"""The migrations in order; each begins with its number."""

NEWEST = int(SCRIPTS[-1].name.partition("_")[0])

_LOCK = 7_205_759_403_792_793
"""Advisory lock under which migrations run; any constant of ours does."""

_MINIMUM_SERVER = 160_000


def migrate(connection: Connection) -> None:
    """Create or upgrade the catalog, all or nothing; several processes may do so at once.

    Raises:
        InvalidState: the catalog was written by a newer version.
        InvalidConfiguration: the server is too old or lacks pgvector.
    """
    if _number(connection) == NEWEST:
        return
    if connection.info.server_version < _MINIMUM_SERVER:
        raise InvalidConfiguration("the PostgreSQL server is older than 16", hint="Upgrade it.")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        number = _number(connection)  # another process may have been quicker
        if number == 0:
            connection.execute("CREATE SCHEMA IF NOT EXISTS pixeltable")
            connection.execute("CREATE TABLE pixeltable.migration (number int NOT NULL)")
            connection.execute("INSERT INTO pixeltable.migration VALUES (0)")
        for script in SCRIPTS[number:]:
            _run(connection, script)
        connection.execute("UPDATE pixeltable.migration SET number = %s", (NEWEST,))


def _number(connection: Connection) -> int:
    """The number of the last migration that ran, 0 where there is no catalog."""
    # Not to_regclass(): it may answer from a cache that is older than the lock under which this asks again.
    exists = connection.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = 'pixeltable' AND tablename = 'migration'"
    ).fetchone()
    if exists is None:
        return 0
    row = connection.execute("SELECT number FROM pixeltable.migration").fetchone()
    assert row is not None
    if row[0] > NEWEST:
        raise InvalidState(
            f"the catalog has schema {row[0]}, this version of pixeltable works with {NEWEST}",
            hint="Upgrade pixeltable; an older version must not write into a newer catalog.",
        )
    return int(row[0])


def _run(connection: Connection, script: Path) -> None:
    try:
        connection.execute(script.read_bytes())
    except psycopg.errors.FeatureNotSupported as error:  # no control file: the extension is not installed
        raise InvalidConfiguration(
            f"the PostgreSQL server cannot load pgvector: {error.diag.message_primary}", hint="Install pgvector >= 0.8."
        ) from None
