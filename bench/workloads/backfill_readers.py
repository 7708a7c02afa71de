"""Reads, inserts and DDL here, while another process backfills n rows with a UDF of 2 ms a row."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from scalar_udfs import slow_inc
from timing import emit, emit_latencies, parse, timed

import pixeltable as pxt


def backfill() -> None:
    t = pxt.get_table("bench_backfill")
    t.count()
    print("START", flush=True)
    t.add_computed_column(c=slow_inc(t.a))


def during(case: str, operate: Callable[[int], Any], n: int) -> None:
    """Run `operate` in a loop while the backfill runs; its latencies, its errors, and how long the backfill took."""
    t = pxt.get_table("bench_backfill")
    if "c" in t.columns():
        t.drop_column("c")
    operate(0)
    command = [sys.executable, __file__, "--n", str(n), "--worker", "yes"]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    any("START" in line for line in worker.stdout)
    start_s = time.perf_counter()
    ending = threading.Thread(target=worker.communicate)
    ending.start()
    time.sleep(0.3)
    seconds, errors = [], []
    while ending.is_alive():
        try:
            seconds.append(timed(lambda: operate(len(seconds) + 1))[0])
        except Exception as error:  # noqa: BLE001 - errors during a backfill are a result
            errors.append(f"{type(error).__name__}: {str(error)[:150]}")
        time.sleep(0.02)
    took_s = time.perf_counter() - start_s
    notes = [f"{len(errors)} errors, such as {errors[0]}"] if errors else []
    notes += [f"the longest of {len(seconds)} calls waited {max(seconds):.1f} s"] if max(seconds, default=0) > 1 else []
    notes += [f"the backfill failed with status {worker.returncode}"] if worker.returncode else []
    emit_latencies(case, seconds, note="; ".join(notes) or None)
    emit(f"{case}_longest", len(seconds), took_s, value=max(seconds, default=0.0))


def read(i: int) -> None:
    t = pxt.get_table("bench_backfill")
    t.where(t.a == i).collect()


def replace_table(_: int) -> None:
    pxt.create_table("bench_new", {"a": pxt.Int}, if_exists="replace")


args = parse(5_000, worker="")
n = args.n
if args.worker:
    backfill()
    raise SystemExit

t = pxt.create_table("bench_backfill", {"a": pxt.Int})
t.insert([{"a": i} for i in range(n)])
other = pxt.create_table("bench_other", {"a": pxt.Int})
during("read_during_backfill", read, n)
during("count_during_backfill", lambda _: t.count(), n)
during("insert_during_backfill", lambda i: pxt.get_table("bench_backfill").insert([{"a": n + i}]), n)
during("insert_other_table_during_backfill", lambda i: other.insert([{"a": i}]), n)
during("create_table_during_backfill", replace_table, n)
