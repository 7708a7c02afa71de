"""Programs that end, fork, or fall over while calls run: no word on stderr that is not the user's, nobody left behind.

Memory of a large backfill is measured here too, since it takes a program of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pixeltable as pxt
from pixeltable.storage import server_user
from tests.crash.programs import PRELUDE

pytestmark = pytest.mark.slow

FUNCTIONS = """
import asyncio
from pixeltable.func import Batch

@pxt.udf
async def hangs(n: int) -> int:
    say("STARTED")
    await asyncio.sleep(600)
    return n

@pxt.udf(parallel="threads")
def hangs_in_thread(n: int) -> int:
    say("STARTED")
    time.sleep(600)
    return n

@pxt.udf(parallel="processes")
def hangs_in_process(n: int) -> int:
    say("STARTED")
    time.sleep(600)
    return n

@pxt.udf(memo=True)
async def kept_hangs(n: int) -> int:
    say("STARTED")
    await asyncio.sleep(600)
    return n

@pxt.udf
async def later(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1

@pxt.udf(parallel="threads")
def threaded(n: int) -> int:
    return n + 1

@pxt.udf(parallel="processes")
def in_process(n: int) -> int:
    return n + 1

@pxt.udf(memo=True)
async def kept(n: int) -> int:
    return n + 1

@pxt.udf
def plain(n: int) -> int:
    return n + 1

t = pxt.get_table(sys.argv[1])
"""


def run(source: str, ns: str, folder: Path, settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    file = folder / "program.py"
    file.write_text(PRELUDE.format(account=server_user.SERVICE_NAME) + FUNCTIONS + source)
    environment = (
        os.environ
        | settings
        | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONASYNCIODEBUG": "1", "PIXELTABLE_PROGRESS": "off"}
    )
    return subprocess.run(
        [sys.executable, str(file), f"{ns}/t"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=100,
        check=False,
    )


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(20)])
    return t


@pytest.mark.usefixtures("t")
@pytest.mark.parametrize("function", ["hangs", "hangs_in_thread", "hangs_in_process", "kept_hangs"])
def test_a_program_ends_while_another_thread_waits_for_calls(
    ns: str, tmp_path: Path, session_settings: dict[str, str], function: str
) -> None:
    ended = run(
        f"""
started = threading.Event()
def query():
    try:
        t.select({function}(t.n)).collect()
    except pxt.Error:
        pass
threading.Thread(target=query, daemon=True).start()
time.sleep(2)
""",
        ns, tmp_path, session_settings,
    )  # fmt: skip
    assert ended.stdout.startswith("STARTED")
    assert ended.stderr == ""
    assert ended.returncode == 0


@pytest.mark.usefixtures("t")
@pytest.mark.parametrize("function", ["later", "threaded", "in_process", "kept", "plain"])
def test_a_forked_child_makes_calls_of_its_own(
    ns: str, tmp_path: Path, session_settings: dict[str, str], function: str
) -> None:
    ended = run(
        f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
ask = lambda: sum(t.select(c={function}(t.n)).collect()["c"])
assert ask() == 210
child = os.fork()
if not child:
    say("CHILD", ask())
    pxt.get_table(sys.argv[1]).insert(n=1000)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0
say("PARENT", ask())
""",
        ns, tmp_path, session_settings,
    )  # fmt: skip
    assert ended.stderr == ""
    assert ended.stdout.split("\n")[:2] == ["CHILD 210", "PARENT 1211"]


@pytest.mark.usefixtures("t")
def test_a_program_that_raises_in_the_midst_says_that_alone(
    ns: str, tmp_path: Path, session_settings: dict[str, str]
) -> None:
    ended = run(
        """
@pxt.udf
async def raises(n: int) -> int:
    if n == 19:
        raise ValueError("no")
    await asyncio.sleep(0 if n < 5 else 600)
    return n
t.where(t.n == 19).select(raises(t.n)).collect() if False else None
t.add_computed_column(c=raises(t.n), timeout_s=1)
""",
        ns, tmp_path, session_settings,
    )  # fmt: skip
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if not line.startswith("Executing <")]  # on a slow machine
    assert said[0] == "Traceback (most recent call last):"
    assert "CellFailure" in said[-1]
    assert "never awaited" not in ended.stderr
    assert "was destroyed" not in ended.stderr


ROWS = 300_000


@pytest.mark.usefixtures("t")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("function", ["plain"])
def test_a_large_backfill_takes_little_memory(
    ns: str, tmp_path: Path, session_settings: dict[str, str], function: str
) -> None:
    ended = run(
        f"""
import re
from pathlib import Path

def peak_mb() -> int:  # that of getrusage() begins with the memory of the process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

wide = pxt.create_table(sys.argv[1] + "wide", {{"n": pxt.Int}})
for start in range(0, {ROWS}, 50_000):
    wide.insert([{{"n": n}} for n in range(start, start + 50_000)])
before = peak_mb()
receipt = wide.add_computed_column(c={function}(wide.n))
say(receipt.num_rows, before, peak_mb())
""",
        ns, tmp_path, session_settings,
    )  # fmt: skip
    assert ended.stderr == ""
    rows, before, peak = map(int, ended.stdout.split())
    assert rows == ROWS
    assert peak < 500, (before, peak)
