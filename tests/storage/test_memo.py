"""What is remembered is found again, by any session, within the limit; the least recently used goes first."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from pixeltable.storage.database import Connection, Database
from pixeltable.storage.memo import FunctionMemo, Memo, MemoEntry
from pixeltable.storage.migrate import migrate
from tests.architecture.source_tree import REPOSITORY

MIB = 1 << 20


def key(number: int) -> bytes:
    return number.to_bytes(32)


def entries(numbers: Sequence[int], *, value: str | None = "result", function: str = "lib.f") -> list[MemoEntry]:
    return [MemoEntry(key(number), function, value) for number in numbers]


def open_database(url: str) -> Database:
    return Database(url, max_connections=4, zone_name="UTC", recovery_s=5.0, revive=lambda: None)


@pytest.fixture(scope="module")
def own_url(database_url: str) -> Iterator[str]:
    """A database of these tests alone, that waits for the disk as one of users does."""
    name = f"memo_{id(object())}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield psycopg.conninfo.make_conninfo(database_url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(own_url: str) -> Iterator[Database]:
    database = open_database(own_url)
    database.read(migrate)
    database.read(lambda connection: connection.execute("TRUNCATE pixeltable.memo"))
    yield database
    database.close()


@pytest.fixture
def memo(database: Database) -> Memo:
    return Memo(database, MIB)


def age(database: Database, number: int, *, hours: int) -> None:
    """Make an entry look as if it was last used so long ago."""
    database.read(
        lambda connection: connection.execute(
            "UPDATE pixeltable.memo SET used_at = now() - %s * interval '1 hour' WHERE key = %s", (hours, key(number))
        )
    )


def hours_unused(database: Database, number: int) -> float:
    def work(connection: Connection) -> float:
        query = "SELECT extract(epoch FROM now() - used_at)::float / 3600 FROM pixeltable.memo WHERE key = %s"
        row = connection.execute(query, (key(number),)).fetchone()
        assert row is not None
        return float(row[0])

    return database.read(work)


def test_only_what_was_put_is_found(memo: Memo) -> None:
    memo.put(entries([1, 2]))
    assert memo.get([key(1), key(3)]) == {key(1): "result"}


def test_null_is_a_result(memo: Memo) -> None:
    memo.put(entries([1], value=None))
    assert memo.get([key(1)]) == {key(1): None}


@pytest.mark.parametrize(
    "value", ["", "naïve ☃ 🙂", "line\n\ttab\\\"quote'", "x" * 200_000], ids=["", "text", "odd", "long"]
)
def test_value_comes_back_as_it_was(memo: Memo, value: str) -> None:
    memo.put(entries([1], value=value))
    assert memo.get([key(1)]) == {key(1): value}


def test_nothing_is_asked_for_no_keys(memo: Memo) -> None:
    memo.put([])
    assert memo.get([]) == {}


def test_put_keeps_what_is_known(memo: Memo) -> None:
    memo.put(entries([1], value="first"))
    memo.put(entries([1], value="second"))
    assert memo.get([key(1)]) == {key(1): "first"}


def test_replace_overwrites(memo: Memo) -> None:
    memo.put(entries([1], value="first"))
    memo.replace(entries([1, 2], value="second"))
    assert memo.get([key(1), key(2)]) == {key(1): "second", key(2): "second"}


def test_another_session_finds_it(memo: Memo, own_url: str) -> None:
    memo.put(entries([1]))
    other = open_database(own_url)
    assert Memo(other, MIB).get([key(1)]) == {key(1): "result"}
    other.close()


WRITER = """
import os, signal, sys
from tests.storage.test_memo import Memo, entries, open_database
Memo(open_database(sys.argv[1]), 1 << 20).put(entries([1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_survives_the_death_of_the_process(memo: Memo, own_url: str) -> None:
    run = subprocess.run([sys.executable, "-c", WRITER, own_url], cwd=REPOSITORY, check=False)
    assert run.returncode == -signal.SIGKILL
    assert memo.get([key(1)]) == {key(1): "result"}


def test_use_is_noted_once_an_hour(memo: Memo, database: Database) -> None:
    memo.put(entries([1, 2]))
    age(database, 1, hours=3)
    age(database, 2, hours=0)
    before = hours_unused(database, 2)
    memo.get([key(1), key(2)])
    assert hours_unused(database, 1) < 1
    assert hours_unused(database, 2) >= before


def test_reader_does_not_wait_for_who_holds_an_entry(memo: Memo, database: Database) -> None:
    memo.put(entries([1]))
    age(database, 1, hours=3)
    with database.connection() as holder, holder.transaction():
        holder.execute("SELECT FROM pixeltable.memo FOR UPDATE")
        assert memo.get([key(1)]) == {key(1): "result"}


def test_least_recently_used_goes_first(memo: Memo, database: Database) -> None:
    memo.put(entries(range(8), value="x" * (MIB // 9)))
    for number in range(8):
        age(database, number, hours=10 - number)
    memo.get([key(0)])  # used again, hence the last to go
    memo.put(entries([8, 9], value="x" * (MIB // 9)))
    memo.trim()
    found = memo.get([key(number) for number in range(10)])
    assert sorted(found) == [key(0), *(key(number) for number in range(4, 10))]


def test_trimming_leaves_alone_what_is_within_the_limit(memo: Memo) -> None:
    memo.put(entries(range(20)))
    assert memo.trim() == 0


def test_writers_trim_by_themselves(memo: Memo) -> None:
    for number in range(40):
        memo.put(entries([number], value="x" * (MIB // 10)))
    assert memo.stats().size_bytes <= MIB


def test_small_writes_trim_by_chance(database: Database) -> None:
    Memo(database, 1_000_000).put(entries(range(5000)))
    rolls = iter([0.9, 0.001])
    small = Memo(database, 100_000, chance=lambda: next(rolls))
    small.put(entries([9001]))
    before = small.stats().size_bytes
    small.put(entries([9002]))
    assert before > 100_000 >= small.stats().size_bytes


def test_second_trimmer_leaves_it_to_the_first(database: Database) -> None:
    Memo(database, MIB).put(entries(range(100)))
    with database.connection() as first, first.transaction():
        first.execute("SELECT pg_advisory_xact_lock(7205759403792801)")
        assert Memo(database, 1000).trim() == 0


def test_huge_value_is_not_kept(memo: Memo) -> None:
    memo.put([*entries([1], value="x" * (MIB // 4)), *entries([2])])
    assert memo.get([key(1), key(2)]) == {key(2): "result"}


def test_limit_of_zero_switches_it_off(database: Database) -> None:
    off = Memo(database, 0)
    off.put(entries([1]))
    assert off.get([key(1)]) == {}
    assert off.stats().entries == 0


def test_stats_tell_functions_and_look_ups_apart(memo: Memo) -> None:
    memo.put([*entries([1, 2], value="12345678"), *entries([3], value=None, function="lib.g")])
    memo.get([key(1), key(2), key(4)])
    stats = memo.stats()
    assert stats.functions == {"lib.f": FunctionMemo(2, 336), "lib.g": FunctionMemo(1, 160)}
    assert (stats.entries, stats.size_bytes, stats.limit_bytes) == (3, 496, MIB)
    assert (stats.hits, stats.misses) == (2, 1)


def test_clear_forgets_one_function_or_all(memo: Memo) -> None:
    memo.put([*entries([1, 2]), *entries([3, 4, 5], function="lib.g")])
    assert memo.clear("lib.f") == 2
    assert memo.clear() == 3
    assert memo.stats().entries == 0


def test_writes_do_not_wait_for_the_disk(memo: Memo, database: Database) -> None:
    """Seen by a trigger, which runs in the statement's transaction; afterwards the connection is as before."""
    database.read(
        lambda connection: connection.execute(
            "CREATE TABLE noted (setting text);"
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;"
            "CREATE TRIGGER noting AFTER INSERT OR UPDATE OR DELETE ON pixeltable.memo EXECUTE FUNCTION note()"
        )
    )
    memo.put(entries([1]))
    memo.replace(entries([1]))
    age(database, 1, hours=2)
    database.read(lambda connection: connection.execute("TRUNCATE noted"))
    memo.get([key(1)])
    Memo(database, 100).trim()
    memo.put(entries([2]))
    noted = database.read(lambda connection: connection.execute("SELECT setting FROM noted").fetchall())
    after = database.read(lambda connection: connection.execute("SHOW synchronous_commit").fetchone())
    database.read(lambda c: c.execute("DROP TABLE noted; DROP FUNCTION note CASCADE"))
    assert {setting for (setting,) in noted} == {"off"}
    assert after == ("on",)


def test_writers_of_the_same_keys_do_not_lock_one_another_out(memo: Memo) -> None:
    errors: list[BaseException] = []

    def run(order: int) -> None:
        try:
            for _ in range(20):
                memo.replace(entries(list(range(50))[::order]))
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
