"""Ctrl-C: it ends what runs, soon and quietly; nothing of an insert is seen, what is finished of a backfill kept."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import pixeltable as pxt
from pixeltable.storage import server_user
from tests.crash.programs import PRELUDE, calls, wait_until

pytestmark = [
    pytest.mark.slow,
    # The columns' functions are in modules that only the programs find.
    pytest.mark.filterwarnings("ignore:column 'c' of table:pixeltable.exceptions.PixeltableWarning"),
]

LANES = {
    "plain": ("@pxt.udf", "def", "n: int) -> int", "time.sleep(0.05)"),
    "batched": ("@pxt.udf(batch_size=4)", "def", "n: Batch[int]) -> Batch[int]", "time.sleep(0.1)"),
    "async": ("@pxt.udf", "async def", "n: int) -> int", "await asyncio.sleep(0.05 if n < 40 else 600)"),
    "batched async": (
        "@pxt.udf(batch_size=4)", "async def", "n: Batch[int]) -> Batch[int]",
        "await asyncio.sleep(0.05 if n[0] < 40 else 600)",
    ),
    "threads": ("@pxt.udf(parallel='threads')", "def", "n: int) -> int", "time.sleep(0.1)"),
    "processes": ("@pxt.udf(parallel='processes')", "def", "n: int) -> int", "time.sleep(0.05)"),
    "timeout": ("@pxt.udf(timeout_s=30)", "def", "n: int) -> int", "time.sleep(0.05)"),
    "memo": ("@pxt.udf(memo=True)", "def", "n: int) -> int", "time.sleep(0.05)"),
    "memo async": (
        "@pxt.udf(memo=True)", "async def", "n: int) -> int", "await asyncio.sleep(0.05 if n < 40 else 600)",
    ),
    "memo threads": ("@pxt.udf(memo=True, parallel='threads')", "def", "n: int) -> int", "time.sleep(0.1)"),
}  # fmt: skip
MODULE = """
import asyncio, os, time
from pathlib import Path
import pixeltable as pxt
from pixeltable.func import Batch

def note(folder, name, n):
    numbers = n if isinstance(n, list) else [n]
    with open(Path(folder) / name, "a") as log:
        log.write("".join(f"{{number}}\\n" for number in numbers))

{decorator}
{define} slow({signature}:
    note({folder!r}, "started", n)  # a constant, so that each test has a function of its own to remember
    if os.environ["SLOWLY"] == "yes":
        {wait}
    note({folder!r}, "ended", n)
    return n
"""
INSERT = """
import slowness
try:
    t = pxt.get_table(sys.argv[1])
    t.insert([{"n": n} for n in range(1000)])
except KeyboardInterrupt:
    say("INTERRUPTED")
    raise
say("DONE")
"""
BACKFILL = """
from slowness import slow
try:
    t = pxt.get_table(sys.argv[1])
    t.add_computed_column(c=slow(t.n))
except KeyboardInterrupt:
    say("INTERRUPTED")
    raise
say("DONE")
"""
ROWS = 1000
MOST_LOST = 40
"""Of 32 threads that were in a call, each ends it unheard; of chunks with worker processes, all is lost."""


class Running:
    """A program whose functions are those of a lane."""

    def __init__(self, source: str, table: str, folder: Path, settings: dict[str, str], *, slowly: str) -> None:
        file = folder / "program.py"
        file.write_text(PRELUDE.format(account=server_user.SERVICE_NAME) + source)
        self.process = subprocess.Popen(
            [sys.executable, str(file), table],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | settings
            | {
                "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), "SLOWLY": slowly,
                "PIXELTABLE_PROGRESS": "off", "PYTHONFAULTHANDLER": "1",
            },
            start_new_session=True,
        )  # fmt: skip

    def until(self, condition: Callable[[], bool], *, timeout_s: float = 40) -> None:
        """Wait for something that the program does; one that is stuck says where all its threads are."""
        try:
            wait_until(condition, timeout_s=timeout_s)
        except AssertionError:
            self.process.send_signal(signal.SIGABRT)
            out, err = self.process.communicate(timeout=30)
            pytest.fail(f"the program is stuck; it printed {out!r} and {err}")

    def interrupt(self) -> tuple[str, str, float]:
        """Send it SIGINT, as Ctrl-C does: to all processes of its group. What it prints, and how long it takes."""
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        start = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            out, err = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        return out, err, time.monotonic() - start


@pytest.fixture(params=LANES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    decorator, define, signature, wait = LANES[request.param]
    (tmp_path / "slowness.py").write_text(
        MODULE.format(folder=str(tmp_path), decorator=decorator, define=define, signature=signature, wait=wait)
    )
    return tmp_path


def check_end(program: Running, out: str, err: str, seconds: float) -> None:
    """The interrupt reached the program, which ended soon, with a traceback and nothing else, leaving nobody behind."""
    assert out == "INTERRUPTED\n"
    assert program.process.returncode == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert err.startswith("Traceback (most recent call last):")
    assert err.count("Traceback (most recent call last):") == 1
    assert "never awaited" not in err
    assert "was destroyed" not in err
    assert seconds < 10, "a program that is interrupted ends within moments, also on a machine that is busy"
    psutil.wait_procs(program.children, timeout=10)
    assert not [child for child in program.children if child.is_running() and child.status() != "zombie"]


def test_an_insert(folder: Path, ns: str, session_settings: dict[str, str]) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    done = Running(BACKFILL, f"{ns}/t", folder, session_settings, slowly="no").process.communicate(timeout=60)
    assert done == ("DONE\n", "")
    program = Running(INSERT, f"{ns}/t", folder, session_settings, slowly="yes")
    program.until(lambda: len(calls(folder / "ended")) > 20)
    check_end(program, *program.interrupt())
    assert t.count() == 0
    assert len(t.get_versions()) == 2


def test_a_backfill(folder: Path, ns: str, session_settings: dict[str, str]) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(ROWS)])
    program = Running(BACKFILL, f"{ns}/t", folder, session_settings, slowly="yes")
    program.until(lambda: len(calls(folder / "ended")) >= 40)
    time.sleep(0.5)  # for what has ended to be taken in
    check_end(program, *program.interrupt())
    t = pxt.get_table(f"{ns}/t")
    assert t.columns() == ["n"]
    before = Counter(calls(folder / "ended"))
    done = Running(BACKFILL, f"{ns}/t", folder, session_settings, slowly="no").process.communicate(timeout=60)
    assert done == ("DONE\n", "")
    after = Counter(calls(folder / "ended"))
    twice = [n for n in before if after[n] > before[n]]
    assert len(twice) <= MOST_LOST
    assert sorted(pxt.get_table(f"{ns}/t").collect()["c"]) == list(range(ROWS))


@pytest.mark.parametrize("folder", ["plain", "batched", "threads", "timeout"], indirect=True)
def test_of_a_backfill_that_is_killed_most_is_kept(folder: Path, ns: str, session_settings: dict[str, str]) -> None:
    """Batches are done in their order, so that what is done can be written."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(ROWS)])
    program = Running(BACKFILL, f"{ns}/t", folder, session_settings, slowly="yes")
    program.until(lambda: len(calls(folder / "ended")) >= 300, timeout_s=60)
    program.process.kill()
    program.process.communicate()
    before = Counter(calls(folder / "ended"))
    done = Running(BACKFILL, f"{ns}/t", folder, session_settings, slowly="no").process.communicate(timeout=60)
    assert done == ("DONE\n", "")
    after = Counter(calls(folder / "ended"))
    assert len([n for n in before if after[n] > before[n]]) <= 200
    assert sorted(pxt.get_table(f"{ns}/t").collect()["c"]) == list(range(ROWS))
