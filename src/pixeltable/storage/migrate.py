"""Bringing the catalog's schema to the one this version works with, and refusing one it does not know."""

from pathlib import Path

import psycopg

from pixeltable.exceptions import InvalidConfiguration, InvalidState

HEAD = "0001"
"""Revision of the newest migration; known here so that an ordinary start need not load alembic."""

_LOCK = 7_205_759_403_792_793
"""Advisory lock under which migrations run; any constant of ours does."""

_MINIMUM_SERVER = 160_000


def migrate(connection: psycopg.Connection) -> None:
    """Create or upgrade the catalog; several processes may do so at once.

    Raises:
        InvalidState: the catalog was written by a newer version.
        InvalidConfiguration: the server is too old or lacks pgvector.
    """
    if _revision(connection) == HEAD:
        return
    if connection.info.server_version < _MINIMUM_SERVER:
        raise InvalidConfiguration("the PostgreSQL server is older than 16", hint="Upgrade it.")
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        if _revision(connection) != HEAD:
            _upgrade(connection)
    except psycopg.errors.FeatureNotSupported as error:  # no control file: the extension is not installed
        raise InvalidConfiguration(
            f"the PostgreSQL server cannot load pgvector: {error.diag.message_primary}", hint="Install pgvector >= 0.8."
        ) from None
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _revision(connection: psycopg.Connection) -> str | None:
    """The catalog's revision, None where there is no catalog."""
    exists = connection.execute("SELECT to_regclass('pixeltable.alembic_version')").fetchone()
    if exists is None or exists[0] is None:
        return None
    found = connection.execute("SELECT version_num FROM pixeltable.alembic_version").fetchone()
    if found is not None and found[0] > HEAD:
        raise InvalidState(
            f"the catalog has schema {found[0]}, this version of pixeltable works with {HEAD}",
            hint="Upgrade pixeltable; an older version must not write into a newer catalog.",
        )
    return found[0] if found else None


def _upgrade(connection: psycopg.Connection) -> None:
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config

    connection.execute("CREATE SCHEMA IF NOT EXISTS pixeltable")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=sa.pool.StaticPool)
    connection.autocommit = False
    try:
        with engine.begin() as bound:
            config.attributes["connection"] = bound
            command.upgrade(config, "head")
    finally:
        connection.rollback()
        connection.autocommit = True
