"""The embedded server with real processes: sharing, dying, being found again."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from pixeltable.exceptions import InvalidState
from tests.storage.server_places import Place, query, socket_folder, wait_until

# From Python 3.12 on; what it warns of is what these tests are about.
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_data_survive_a_stop_and_a_warm_start(place: Place) -> None:
    server = place.server()
    conninfo = server.join()
    query(conninfo, "CREATE TABLE kept AS SELECT 42 AS a")
    server.leave()
    assert not place.postmasters()
    assert query(server.join(), "SELECT a FROM kept") == 42


def test_strings_sort_by_code_point(shared: Place) -> None:
    words = ["Zoë", "a", "é", "B", "z", "\U0001f600", "\uffee"]
    values = ", ".join(f"('{word}')" for word in words)
    conninfo = shared.servers[0].conninfo
    found = query(conninfo, f"SELECT array_agg(word ORDER BY word) FROM (VALUES {values}) AS words (word)")
    assert found == sorted(words)


def test_settings_are_in_effect(shared: Place) -> None:
    conninfo = shared.servers[0].conninfo
    names = ("listen_addresses", "wal_level", "fsync", "synchronous_commit", "jit", "TimeZone", "max_connections")
    assert [query(conninfo, f"SHOW {name}") for name in names] == ["", "minimal", "on", "on", "off", "UTC", "200"]


def test_nothing_listens_on_tcp(shared: Place) -> None:
    (pid,) = shared.postmasters()
    assert psutil.Process(pid).net_connections(kind="inet") == []


def test_the_last_of_two_processes_stops_the_server(place: Place) -> None:
    first, second = place.client(), place.client()
    assert first.call("join") == second.call("join")
    first.call("leave")
    assert len(place.postmasters()) == 1
    second.call("leave")
    assert not place.postmasters()


def test_a_killed_process_is_no_user(place: Place) -> None:
    killed, server = place.client(), place.server()
    killed.call("join")
    server.join()
    killed.kill()
    server.leave()
    assert not place.postmasters()


def test_a_server_without_users_is_found_again(place: Place) -> None:
    clients = [place.client(), place.client()]
    for client in clients:
        client.call("join")
    before = place.postmasters()
    place.kill_watcher()
    for client in clients:
        client.kill()
    place.server().join()
    assert place.postmasters() == before


def test_a_killed_server_comes_back_with_what_was_committed(place: Place) -> None:
    server = place.server()
    conninfo = server.join()
    query(conninfo, "CREATE TABLE committed AS SELECT 42 AS a")
    connection = psycopg.connect(conninfo)  # so that a child of the killed server lingers
    os.kill(place.postmasters()[0], signal.SIGKILL)
    server.ensure_running()
    connection.close()
    assert query(server.conninfo, "SELECT a FROM committed") == 42


def test_a_pid_file_with_the_pid_of_another_process_does_not_count(place: Place) -> None:
    server = place.server()
    data = Path(str(query(server.join(), "SHOW data_directory")))
    pid_file = data / "postmaster.pid"
    content = pid_file.read_text()
    server.leave()
    # Of the same account as the server, which is what makes PostgreSQL itself refuse.
    owner = data.stat().st_uid if os.geteuid() == 0 else None
    sleeper = subprocess.Popen(["sleep", "60"], user=owner)
    try:
        pid_file.write_text(content.replace(content.split()[0], str(sleeper.pid), 1))
        assert query(server.join(), "SELECT 1") == 1
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_server_whose_socket_was_deleted_is_replaced(place: Place) -> None:
    server = place.server()
    conninfo = server.join()
    socket = socket_folder(conninfo) / ".s.PGSQL.5432"
    socket.unlink()
    server.ensure_running()
    assert query(server.conninfo, "SELECT 1") == 1


def test_a_stopped_server_leaves_no_zombie(place: Place) -> None:
    server = place.server()
    server.join()
    (pid,) = place.postmasters()
    server.leave()
    assert not psutil.pid_exists(pid)


def test_a_killed_server_leaves_no_zombie(place: Place) -> None:
    place.server().join()
    (pid,) = place.postmasters()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_leaving_twice_or_without_joining_does_nothing(place: Place) -> None:
    server = place.server()
    server.leave()
    server.join()
    server.leave()
    server.leave()
    assert not place.postmasters()


@forks
def test_a_forked_child_does_not_stop_the_server(shared: Place) -> None:
    (server,) = shared.servers
    conninfo = server.conninfo
    child = os.fork()
    if child == 0:
        try:
            server.leave()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert query(conninfo, "SELECT 1") == 1


@forks
def test_a_forked_child_keeps_the_server_alive(place: Place) -> None:
    server = place.server()
    conninfo = server.join()
    child = os.fork()
    if child == 0:
        signal.pause()
    server.leave()
    try:
        assert query(conninfo, "SELECT 1") == 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_four_processes_that_start_at_once_share_one_server(bare: Place) -> None:
    clients = [bare.client() for _ in range(4)]
    for client in clients:
        client.ask("join")
    assert len({client.answer() for client in clients}) == 1
    assert len(bare.postmasters()) == 1


def test_create_database_twice_gives_the_same_database(shared: Place) -> None:
    (server,) = shared.servers
    conninfo = server.create_database("worker 1")
    assert server.create_database("worker 1") == conninfo
    assert query(conninfo, "SELECT current_database()") == "worker 1"


def test_conninfo_before_join_is_refused(place: Place) -> None:
    with pytest.raises(InvalidState):
        _ = place.server().conninfo


def test_threads_share_one_membership(place: Place) -> None:
    server = place.server()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: server.join(), range(8)))) == 1
        list(pool.map(lambda _: server.ensure_running(), range(8)))
        list(pool.map(lambda _: server.leave(), range(8)))
    assert not place.postmasters()
