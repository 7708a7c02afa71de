"""Insert one row at a time: the latency of n calls."""

from data import row
from timing import latencies, parse

import pixeltable as pxt

n = parse(200).n
t = pxt.create_table("bench_single", {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json})
latencies("insert_single_row", lambda i: t.insert([row(i)]), n)
assert t.count() == n + 1
