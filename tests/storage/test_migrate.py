"""The catalog is created once, whoever comes first, and a newer one is left alone."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from pixeltable.exceptions import InvalidState
from pixeltable.storage.migrate import NEWEST, SCRIPTS, migrate


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """A database without a catalog."""
    name = f"empty_{id(object())}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield psycopg.conninfo.make_conninfo(database_url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_scripts_are_numbered_without_gaps() -> None:
    assert [int(script.name[:4]) for script in SCRIPTS] == list(range(1, NEWEST + 1))


def test_second_run_changes_nothing(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        migrate(connection)
        before = connection.execute("SELECT catalog FROM pixeltable.state").fetchone()
        migrate(connection)
        assert connection.execute("SELECT catalog FROM pixeltable.state").fetchone() == before


def test_concurrent_first_runs_make_one_catalog(empty_database: str) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with psycopg.connect(empty_database, autocommit=True) as connection:
                migrate(connection)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [repr(error) for error in errors] == []


def test_newer_catalog_is_refused_and_left_as_it_is(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        migrate(connection)
        connection.execute("UPDATE pixeltable.migration SET number = %s", (NEWEST + 1,))
        with pytest.raises(InvalidState, match="Upgrade pixeltable"):
            migrate(connection)
        assert connection.execute("SELECT number FROM pixeltable.migration").fetchone() == (NEWEST + 1,)
