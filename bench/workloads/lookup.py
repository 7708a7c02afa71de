"""Fetch single rows by primary key from a table of n rows."""

from data import rows
from timing import latencies, measure, parse

import pixeltable as pxt

n = parse(100_000).n
schema = {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json}
t = pxt.create_table("bench_lookup", schema, primary_key="a")
data = rows(n)
measure("insert_list_with_pk", n, lambda: t.insert(data))


def look_up(i: int) -> None:
    key = (i * 7919) % n
    assert t.where(t.a == key).select(t.a, t.s).collect()[0]["a"] == key


latencies("lookup_pk", look_up, 200)
