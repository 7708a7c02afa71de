"""A database server that is killed: what was acknowledged is there once, and calls go on when it is back."""

import os
import signal
import time
from collections import Counter

import pytest

from tests.crash.programs import Program, Programs
from tests.storage.server_places import Place

pytestmark = pytest.mark.xdist_group("killed-server")

INSERTS = """
table = pxt.create_table("t", {"n": pxt.Int})
table.insert(n=-1)
end = Path(sys.argv[1])

def insert(start):
    n = start
    while not end.exists():
        n += 1
        try:
            table.insert(n=n)
            say("DONE", n)
        except pxt.Error as error:
            say("RETRYABLE" if error.is_retryable else f"FAILED {error}", n)

threads = [threading.Thread(target=insert, args=(start,)) for start in (0, 1_000_000)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
versions = [version["version"] for version in table.get_versions()]
assert versions == list(range(len(versions) - 1, -1, -1)), versions
for row in table.collect():
    say("FOUND", row["n"])
"""


def kill_server(place: Place) -> None:
    """Kill the server, once there is one: the last kill may have been so recent that the next is being started."""
    deadline = time.monotonic() + 30
    while not (found := place.postmasters()):
        assert time.monotonic() < deadline, "no server to kill"
        time.sleep(0.01)
    os.kill(found[0], signal.SIGKILL)


def read_until_done(program: Program, count: int) -> list[str]:
    lines: list[str] = []
    while sum(line.startswith("DONE") for line in lines) < count:
        lines.append(program.line())
        assert lines[-1], lines
    return lines


def numbers(lines: list[str], word: str) -> Counter[int]:
    return Counter(int(line.split()[-1]) for line in lines if line.startswith(word))


@pytest.mark.slow
def test_acknowledged_rows_survive_and_none_is_there_twice(place: Place, own_programs: Programs) -> None:
    end = own_programs.folder / "end"
    program = own_programs.start(INSERTS, end)
    lines = read_until_done(program, 100)
    for _ in range(3):
        kill_server(place)
        lines += read_until_done(program, 100)
    end.touch()
    lines += program.succeed()
    done, failed, found = (numbers(lines, word) for word in ("DONE", "RETRYABLE", "FOUND"))
    assert not numbers(lines, "FAILED")
    assert set(found.values()) == {1}
    assert done.keys() <= found.keys()
    assert found.keys() - done.keys() <= failed.keys() | {-1}


@pytest.mark.slow
def test_a_server_killed_while_nobody_is_connected_is_started_by_the_next_call(
    place: Place, own_programs: Programs
) -> None:
    program = own_programs.start(
        """
        from pixeltable.session.current import current_session
        table = pxt.create_table("t", {"n": pxt.Int})
        table.insert(n=1)
        current_session().database.close_idle()
        say("IDLE")
        while not Path(sys.argv[1]).exists():
            time.sleep(0.01)
        start = time.monotonic()
        table.insert(n=2)
        say(table.count())
        """,
        own_programs.folder / "go",
    )
    program.expect("IDLE")
    kill_server(place)
    (own_programs.folder / "go").touch()
    assert program.succeed() == ["2"]


@pytest.mark.slow
def test_a_backfill_goes_on_after_the_server_was_killed(place: Place, own_programs: Programs) -> None:
    (own_programs.folder / "slow.py").write_text(
        "import time\nimport pixeltable as pxt\n\n@pxt.udf\ndef slow(n: int) -> int:\n"
        "    time.sleep(0.002)\n    return n * 2\n"
    )
    program = own_programs.start(
        """
        from slow import slow
        table = pxt.create_table("t", {"n": pxt.Int})
        table.insert([{"n": n} for n in range(1000)])
        say("START")
        table.add_computed_column(doubled=slow(table.n))
        say(sum(row["doubled"] == 2 * row["n"] for row in table.collect()))
        """
    )
    program.expect("START")
    kill_server(place)
    assert program.succeed() == ["1000"]
