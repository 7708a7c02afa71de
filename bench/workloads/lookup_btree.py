"""Fetch single rows by a column with and without a b-tree index, from a table of n rows."""

from data import rows
from timing import latencies, measure, parse

import pixeltable as pxt

n = parse(100_000).n
t = pxt.create_table("bench_btree", {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json})
t.insert(rows(n))


def look_up(i: int) -> None:
    key = (i * 7919) % n
    assert t.where(t.a == key).select(t.a, t.s).collect()[0]["a"] == key


latencies("lookup_no_index", look_up, 50)
measure("add_btree_index", n, lambda: t.add_btree_index("a"))
latencies("lookup_btree", look_up, 200)
