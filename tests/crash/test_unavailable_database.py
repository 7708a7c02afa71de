"""A database that is down, or whose disk is full: an error that says so, in bounded time, and nothing half done."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import pixeltable as pxt
from pixeltable.exceptions import DatabaseUnavailable, InvalidState
from pixeltable.storage.database import Connection, Database
from tests.crash.programs import Programs
from tests.storage.server_places import Place

DEAD = "postgresql://nobody@/none?host=/nonexistent"


def test_a_database_that_is_down_is_an_error_that_can_be_retried(programs: Programs) -> None:
    programs.environment = {**programs.environment, "PIXELTABLE_DB_URL": DEAD, "PIXELTABLE_RECOVERY_S": "0.5"}
    lines = programs.run(
        """
        for _ in range(2):
            start = time.monotonic()
            try:
                pxt.list_tables()
            except pxt.ServiceUnavailableError as error:
                say(error.is_retryable, time.monotonic() - start < 3, "/nonexistent" in str(error))
        say(threading.active_count())
        """
    )
    assert lines == ["True True True", "True True True", "1"]


def database(conninfo: str, **settings: object) -> Database:
    defaults = {"max_connections": 1, "zone_name": "UTC", "recovery_s": 0.2, "revive": lambda: None}
    return Database(conninfo, **defaults | settings)


def test_a_dead_database_is_not_asked_all_the_time() -> None:
    asked = []
    with pytest.raises(DatabaseUnavailable):
        database(DEAD, revive=lambda: asked.append(time.monotonic())).read(lambda _: None)
    assert len(asked) < 10


def test_waiting_for_a_free_connection_ends(session_settings: dict[str, str]) -> None:
    found = database(session_settings["PIXELTABLE_DB_URL"])
    with found.connection(), pytest.raises(DatabaseUnavailable, match="max_connections"):
        found.read(lambda _: None)
    assert found.read(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    found.close()


def test_no_connection_is_lost_by_work_that_fails(session_settings: dict[str, str]) -> None:
    found = database(session_settings["PIXELTABLE_DB_URL"])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            found.read(lambda connection: connection.execute("BEGIN") and 1 / 0)
    assert found.read(lambda connection: connection.info.transaction_status.name) == "IDLE"
    found.close()


def test_threads_share_the_connections(session_settings: dict[str, str]) -> None:
    found = database(session_settings["PIXELTABLE_DB_URL"], max_connections=2, recovery_s=20)
    pids: set[int] = set()

    def work() -> None:
        for _ in range(20):
            pids.add(found.read(lambda connection: connection.info.backend_pid))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.close()
    assert len(pids) <= 2


def test_a_full_disk_is_an_error_that_says_so(ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's own error stands for a disk that is full; the test below fills one, where that is permitted."""
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    original = Database.connection

    @contextmanager
    def full(found: Database) -> Iterator[Connection]:
        with original(found) as connection:
            yield connection
            raise psycopg.errors.DiskFull("could not extend file")

    monkeypatch.setattr(Database, "connection", full)
    with pytest.raises(InvalidState, match="disk is full"):
        table.insert(n=1)


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    """The folders of `place` on a disk of their own, with room for a new database and little else."""
    size = "size=300m"
    command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place.folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk of its own for the test is not permitted here")
    place.folder.chmod(0o755)
    yield place.folder
    try:
        place.end()
    finally:
        subprocess.run(["umount", str(place.folder)], check=True)


FILL = """
import os
table = pxt.create_table("t", {"n": pxt.Int, "text": pxt.String})
table.insert(n=1, text="before")
filler = Path(sys.argv[1])
room = os.statvfs(filler.parent)
with open(filler, "wb") as file:
    os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 5_000_000)
rows = [{"n": n, "text": os.urandom(500).hex()} for n in range(20_000)]
try:
    table.insert(rows)
    say("INSERTED")
except pxt.Error as error:
    say(error.error_code.name)
say(table.count())
filler.unlink()
for _ in range(20):
    try:
        table.insert(n=2, text="after")
        break
    except pxt.Error as error:
        time.sleep(0.5)
say(table.count())
say(*[version["version"] for version in table.get_versions()])
"""


@pytest.mark.slow
@pytest.mark.xdist_group("killed-server")
def test_an_insert_that_fills_the_disk_leaves_nothing(own_programs: Programs, small_disk: Path) -> None:
    program = own_programs.start(FILL, small_disk / "filler")
    code, *rest = program.succeed()
    assert code in ("INVALID_STATE", "DATABASE_UNAVAILABLE")
    assert rest == ["1", "2", "2 1 0"]
