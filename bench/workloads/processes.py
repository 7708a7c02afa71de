"""Four processes insert n single rows each: into one table, then each into its own. Lost rows and errors are noted."""

import json
import subprocess
import sys
import time
from collections import Counter

from timing import emit, parse

import pixeltable as pxt

WORKERS = 4


def work(table: str, worker: int, n: int) -> None:
    """Insert, and print errors and the span of time on the clock all processes share."""
    t = pxt.get_table(table)
    errors: Counter[str] = Counter()
    start_s = time.monotonic()
    for i in range(n):
        try:
            t.insert([{"w": worker, "i": i}])
        except Exception as error:  # noqa: BLE001 - errors under contention are a result
            errors[f"{type(error).__name__}: {str(error)[:120]}"] += 1
    print("RESULT" + json.dumps({"errors": errors, "start": start_s, "end": time.monotonic()}))


def run(case: str, names: list[str], n: int) -> None:
    for name in set(names):
        pxt.create_table(name, {"w": pxt.Int, "i": pxt.Int})
    commands = [[sys.executable, __file__, "--n", str(n), "--worker", f"{name}:{k}"] for k, name in enumerate(names)]
    started = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands]
    outputs = [process.communicate() for process in started]
    results = [json.loads(out.split("RESULT")[1]) for out, _ in outputs if "RESULT" in out]
    errors: Counter[str] = Counter()
    for result in results:
        errors.update(result["errors"])
    for out, err in outputs:
        if "RESULT" not in out:
            errors[f"a process died: {err.strip()[-200:]}"] += 1
    present = sum(pxt.get_table(name).count() for name in set(names))
    seconds = max(r["end"] for r in results) - min(r["start"] for r in results)
    note = f"{present} of {WORKERS * n} rows present, {errors.total()} errors {dict(errors.most_common(2))}"
    whole = present == WORKERS * n and not errors
    emit(case, present, seconds, value=present / seconds, unit="1/s", note=None if whole else note)


args = parse(200, worker="")
if args.worker:
    table_name, number = args.worker.split(":")
    work(table_name, int(number), args.n)
else:
    run("4_processes_one_table", ["bench_shared"] * WORKERS, args.n)
    run("4_processes_own_tables", [f"bench_own{k}" for k in range(WORKERS)], args.n)
