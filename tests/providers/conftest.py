"""Databases with the tables of the catalog, for quotas."""

from collections.abc import Iterator

import psycopg
import pytest

from pixeltable.providers.quota import Quota
from pixeltable.storage.database import Database
from pixeltable.storage.migrate import migrate


def open_database(url: str, *, recovery_s: float = 20.0) -> Database:
    """A pool of connections as a session has one."""
    return Database(url, max_connections=8, zone_name="UTC", recovery_s=recovery_s, revive=lambda: None)


@pytest.fixture
def quota_url(database_url: str) -> str:
    """The address of a database that has the table of quotas, empty."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        migrate(connection)
        connection.execute("TRUNCATE pixeltable.quotas")
    return database_url


@pytest.fixture
def quota(quota_url: str) -> Iterator[Quota]:
    """Quotas in the database of the test process."""
    database = open_database(quota_url)
    yield Quota(database)
    database.close()
