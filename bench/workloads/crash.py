"""Kill a process in the middle of an insert of n rows and of a backfill over n / 10.

Then: is the table whole, how long does the next start take, does the table still work?
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from timing import emit, parse


def set_up(n: int) -> None:
    import pixeltable as pxt  # noqa: PLC0415 - `check` times the import

    t = pxt.create_table("crash", {"a": pxt.Int, "s": pxt.String})
    t.insert([{"a": i, "s": "x"} for i in range(n // 10)])


def insert(n: int) -> None:
    import pixeltable as pxt  # noqa: PLC0415

    t = pxt.get_table("crash")
    data = [{"a": i, "s": "y"} for i in range(n)]
    print("START", flush=True)
    t.insert(data)
    print("DONE", flush=True)


def backfill(_: int) -> None:
    from scalar_udfs import slow_inc  # noqa: PLC0415

    import pixeltable as pxt  # noqa: PLC0415

    t = pxt.get_table("crash")
    print("START", flush=True)
    t.add_computed_column(c=slow_inc(t.a))
    print("DONE", flush=True)


def check(label: str, n: int) -> None:
    """Print how long the start after the crash took, and note every sign of a half-done write."""
    start_s = time.perf_counter()
    import pixeltable as pxt  # noqa: PLC0415

    t = pxt.get_table("crash")
    count = t.count()
    half = t.where(t.c == None).count() if "c" in t.columns() else 0  # noqa: E711 - builds an expression
    ready_s = time.perf_counter()
    base = n // 10
    notes = [] if (count - base) % n == 0 else [f"{count} rows, which is no whole number of inserts"]
    notes += [f"{half} rows without their computed cell"] if half else []
    emit(f"start_after_crash_{label}", count, ready_s - start_s, note="; ".join(notes) or None)
    t.insert([{"a": -1, "s": "after"}])
    t.delete(where=t.a == -1)
    emit(f"write_after_crash_{label}", count, time.perf_counter() - ready_s)


def run(worker: str, n: int, kill_after_s: float | None = None) -> None:
    command = [sys.executable, __file__, "--n", str(n), "--worker", worker]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if kill_after_s is not None:
        any("START" in line for line in process.stdout)
        time.sleep(kill_after_s)
        process.send_signal(signal.SIGKILL)
    print(process.communicate()[0], end="", flush=True)
    if process.returncode and kill_after_s is None:
        sys.exit(f"{worker} failed")


def count_files() -> int:
    """Files outside the database server's own folder."""
    home = Path(os.environ["PIXELTABLE_HOME"])
    return sum(len(files) for folder, _, files in os.walk(home) if "pgdata" not in Path(folder).parts)


WORKERS = {"set_up": set_up, "insert": insert, "backfill": backfill}
args = parse(100_000, worker="")
if args.worker in WORKERS:
    WORKERS[args.worker](args.n)
elif args.worker:
    check(args.worker.removeprefix("check_"), args.n)
else:
    run("set_up", args.n)
    before = count_files()
    for worker, delays_s in (("insert", (0.5, 1.5)), ("backfill", (0.5, 2.0))):
        for delay_s in delays_s:
            run(worker, args.n, delay_s)
            run(f"check_{worker}_{delay_s}s", args.n)
    emit("files_left_by_crashes", 4, 0.0, value=count_files() - before, unit="files")
