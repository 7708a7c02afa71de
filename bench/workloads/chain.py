"""Ten computed columns, each on the one before, on insert of n rows and as ten backfills."""

from scalar_udfs import inc
from timing import measure, parse

import pixeltable as pxt

n = parse(10_000).n
data = [{"a": i} for i in range(n)]


def add_chain(t: pxt.Table) -> None:
    previous = t.a
    for i in range(10):
        t.add_computed_column(**{f"c{i}": inc(previous)})
        previous = getattr(t, f"c{i}")


t = pxt.create_table("bench_chain", {"a": pxt.Int})
add_chain(t)
measure("insert_chain10", n, lambda: t.insert(data))
assert t.where(t.c9 == t.a + 10).count() == n

late = pxt.create_table("bench_chain_late", {"a": pxt.Int})
late.insert(data)
measure("backfill_chain10", n, lambda: add_chain(late))
