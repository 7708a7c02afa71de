"""Peak memory: what an insert or a collect of n rows adds, and all that a backfill of n ints takes; see `--what`."""

import resource
import subprocess
import sys

from data import rows
from scalar_udfs import inc
from timing import emit, parse

import pixeltable as pxt

KILOBYTE = 2**10 if sys.platform == "darwin" else 1  # ru_maxrss: bytes on macOS, kB on Linux (getrusage(2))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTE / 1024


def create() -> pxt.Table:
    return pxt.create_table("bench_memory", {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json})


args = parse(100_000, what="insert")
n = args.n
if args.what == "fill":
    create().insert(rows(n))
elif args.what == "ints":
    pxt.create_table("bench_ints", {"a": pxt.Int}).insert([{"a": i} for i in range(n)])
elif args.what == "backfill":
    subprocess.run([sys.executable, __file__, "--n", str(n), "--what", "ints"], check=True)
    t = pxt.get_table("bench_ints")
    t.add_computed_column(c=inc(t.a))
    emit("backfill_memory", n, 0.0, value=peak_mb(), unit="MB")
elif args.what == "insert":
    t, data = create(), rows(n)
    before_mb = peak_mb()
    t.insert(data)
    emit("insert_added_memory", n, 0.0, value=peak_mb() - before_mb, unit="MB")
else:
    subprocess.run([sys.executable, __file__, "--n", str(n), "--what", "fill"], check=True)
    t = pxt.get_table("bench_memory")
    t.where(t.a == 1).select(t.a).collect()
    before_mb = peak_mb()
    assert len(t.collect()) == n
    emit("collect_added_memory", n, 0.0, value=peak_mb() - before_mb, unit="MB")
