"""Calls in all when a backfill of n calls is killed at 40 % and the same statement is run again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from timing import emit, parse

CALLS = Path(os.environ["PIXELTABLE_HOME"]) / "calls.txt"
DEADLINE_S = 120


def set_up(n: int) -> None:
    import pixeltable as pxt  # noqa: PLC0415 - each step is a process of its own

    t = pxt.create_table("resume", {"a": pxt.Int})
    t.insert([{"a": i} for i in range(n)])


def backfill(n: int) -> None:
    from counted_udfs import counted  # noqa: PLC0415

    import pixeltable as pxt  # noqa: PLC0415

    t = pxt.get_table("resume")
    t.add_computed_column(c=counted(t.a), if_exists="ignore")
    assert t.where(t.c == None).count() == 0  # noqa: E711 - builds an expression
    assert t.count() == n


def calls() -> int:
    return len(CALLS.read_bytes()) if CALLS.exists() else 0


def start(worker: str, n: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "--n", str(n), "--worker", worker])


def run(worker: str, n: int) -> None:
    if start(worker, n).wait():
        sys.exit(f"{worker} failed")


WORKERS = {"set_up": set_up, "backfill": backfill}
args = parse(400, worker="")
if args.worker:
    WORKERS[args.worker](args.n)
else:
    run("set_up", args.n)
    process = start("backfill", args.n)
    deadline = time.monotonic() + DEADLINE_S
    while calls() < 0.4 * args.n and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run("backfill", args.n)
    emit("calls_after_kill", args.n, 0.0, value=calls(), unit="calls")
