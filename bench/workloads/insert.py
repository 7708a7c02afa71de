"""Insert a list of n dicts (int, float, string, json) in one call."""

from data import rows
from timing import measure, parse

import pixeltable as pxt

n = parse(100_000).n
t = pxt.create_table("bench_insert", {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json})
data = rows(n)
measure("insert_list", n, lambda: t.insert(data))
assert t.count() == n
