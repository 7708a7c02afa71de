"""The watcher of the embedded server, with real processes: programs that die without leaving, in every order."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pixeltable.storage import server_process, server_user, server_watch
from pixeltable.storage.locks import exclusive, is_free
from pixeltable.storage.server_data import DataFolder
from tests.storage.server_places import Place, query, socket_folder, wait_until

MAX_RSS_BYTES = 12 << 20
STOP_S = 5.0

LEAVE_BY_ATEXIT = """
import atexit, sys
from pathlib import Path
from pixeltable.storage import server_user
from pixeltable.storage.server import EmbeddedServer

server_user.SERVICE_NAME = sys.argv[3]
server = EmbeddedServer(Path(sys.argv[1]), state_dir=Path(sys.argv[2]))
atexit.register(server.leave)
server.join()
"""


def wait_until_stopped(place: Place) -> None:
    started_s = time.monotonic()
    wait_until(lambda: not place.postmasters())
    assert time.monotonic() - started_s < STOP_S


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_of_a_program_that_dies_is_stopped(place: Place, number: int) -> None:
    client = place.client()
    client.call("join")
    client.kill(number)
    wait_until_stopped(place)
    assert not (place.home / "postgres" / "postmaster.pid").exists()


def test_a_program_that_dies_early_leaves_no_server(place: Place) -> None:
    client = place.client()
    client.ask("join")
    wait_until(lambda: bool(place.postmasters()))
    client.kill()
    wait_until_stopped(place)


def test_the_server_stays_for_those_who_live(place: Place) -> None:
    dead, alive = place.client(), place.client()
    conninfo = dead.call("join")
    alive.call("join")
    watcher = place.watcher()
    dead.kill()
    assert query(conninfo, "SELECT 1") == 1
    assert place.watchers() == [watcher]
    alive.call("leave")
    assert not place.postmasters()


def test_the_last_to_die_counts(place: Place) -> None:
    clients = [place.client() for _ in range(3)]
    for client in clients:
        client.call("join")
    for client in clients:
        client.kill()
    wait_until_stopped(place)


def test_the_watcher_ends_after_an_ordinary_leave(place: Place) -> None:
    client = place.client()
    client.call("join")
    place.watcher()
    client.call("leave")
    wait_until(lambda: not place.watchers())


def test_nothing_is_left_of_a_program_that_ends(place: Place) -> None:
    command = [sys.executable, "-c", LEAVE_BY_ATEXIT, place.home, place.state_dir, server_user.SERVICE_NAME]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, env=environment, check=True)
    assert not place.postmasters()
    wait_until(lambda: not place.watchers())


def test_an_ended_watcher_leaves_no_zombie(place: Place) -> None:
    server = place.server()
    server.join()
    watcher = place.watcher()
    server.leave()
    wait_until(lambda: not psutil.pid_exists(watcher))


@pytest.mark.slow
def test_the_last_to_leave_stops_the_server_itself(place: Place) -> None:
    server = place.server()
    for _ in range(20):
        server.join()
        place.watcher()
        server.leave()
        assert not place.postmasters()


def test_a_killed_watcher_is_replaced_by_the_next_to_join(place: Place) -> None:
    first, second = place.client(), place.client()
    first.call("join")
    before = place.watcher()
    place.kill_watcher()
    second.call("join")
    assert place.watcher() != before
    for client in (first, second):
        client.kill()
    wait_until_stopped(place)


def test_a_watcher_outlives_the_server_it_was_started_with(place: Place) -> None:
    client = place.client()
    client.call("join")
    watcher = place.watcher()
    os.kill(place.postmasters()[0], signal.SIGKILL)
    client.call("ensure_running")
    assert place.watcher() == watcher
    client.kill()
    wait_until_stopped(place)


def test_a_watcher_ends_if_the_server_is_gone_already(place: Place) -> None:
    client = place.client()
    client.call("join")
    place.watcher()
    os.kill(place.postmasters()[0], signal.SIGKILL)
    client.kill()
    wait_until(lambda: not place.watchers())


def test_a_second_watcher_ends_at_once(place: Place) -> None:
    server = place.server()
    server.join()
    watcher = place.watcher()
    server_watch.watch(str(place.home), str(place.home / "postgres"))
    assert place.watchers() == [watcher]


@pytest.mark.slow
def test_whoever_joins_while_the_watcher_stops_gets_a_server(place: Place) -> None:
    dying = place.client()
    dying.call("join")
    for _ in range(20):
        following = place.client()
        dying.kill()
        assert query(following.call("join"), "SELECT 1") == 1
        dying = following
    dying.kill()
    wait_until_stopped(place)


def test_joining_waits_for_the_moment_in_which_the_watcher_looks(place: Place) -> None:
    place.home.joinpath(server_watch.USERS_LOCK_NAME).touch()
    client = place.client()
    with exclusive(place.home / server_watch.USERS_LOCK_NAME, timeout_s=1):
        client.ask("join")
        wait_until(lambda: not is_free(place.home / server_watch.START_LOCK_NAME))
    assert query(client.answer(), "SELECT 1") == 1


def test_a_watcher_takes_nothing_of_its_parent_with_it(place: Place) -> None:
    client = place.client()
    client.call("join")
    watcher = psutil.Process(place.watcher())
    assert {os.path.basename(file.path) for file in watcher.open_files()} == {"server.watch", "server.users"}
    assert os.getsid(watcher.pid) == watcher.pid
    assert watcher.cwd() == "/"
    assert watcher.uids().real == os.geteuid()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count other memory")
def test_a_watcher_is_small(place: Place) -> None:
    place.server().join()
    watcher = place.watcher()
    assert psutil.Process(watcher).memory_info().rss < MAX_RSS_BYTES


def test_ctrl_c_does_not_end_the_watcher(place: Place) -> None:
    client = place.client()
    client.call("join")
    os.kill(place.watcher(), signal.SIGINT)
    client.kill()
    wait_until_stopped(place)


def test_the_watcher_of_a_deleted_home_ends(copied: Place) -> None:
    client = copied.client()
    client.call("join")
    copied.watcher()
    (postmaster,) = copied.postmasters()
    shutil.rmtree(copied.home)
    client.kill()
    wait_until(lambda: not copied.watchers())
    os.kill(postmaster, signal.SIGQUIT)  # it would notice within a minute
    wait_until(lambda: not copied.postmasters())
    assert not copied.home.exists()


@pytest.mark.slow
def test_a_home_made_anew_is_left_alone_by_the_watcher_of_the_old_one(copied: Place) -> None:
    old, new = copied.client(), copied.client()
    old.call("join")
    old_watcher = copied.watcher()
    os.kill(copied.postmasters()[0], signal.SIGKILL)
    shutil.rmtree(copied.home)
    conninfo = new.call("join")
    old.kill()
    wait_until(lambda: old_watcher not in copied.watchers())
    assert query(conninfo, "SELECT 1") == 1


def test_a_socket_folder_outside_of_the_data_is_removed(copied: Place) -> None:
    copied.home.rename(copied.folder / ("long" * 30))
    copied.home_name = "long" * 30
    client = copied.client()
    folder = socket_folder(client.call("join"))
    assert not folder.is_relative_to(copied.home)
    client.kill()
    wait_until(lambda: not folder.exists())


def test_a_process_is_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ps") is None:
        pytest.skip("there is no ps")
    monkeypatch.setattr(os.path, "exists", lambda _: False)
    sleeper = subprocess.Popen(["sleep", "60.0"])
    try:
        assert server_watch._command_line(sleeper.pid).strip() == "sleep 60.0"  # noqa: SLF001  # what macOS uses
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_program_that_embeds_python_starts_no_watcher(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    monkeypatch.setattr(subprocess, "Popen", pytest.fail)
    data = DataFolder(place.home / "postgres", server_user.own_account())
    server_process.start_watcher(data, home=place.home)
