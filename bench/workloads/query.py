"""Queries over a table of n rows: counts, filters, JSON paths, groups, a join, results to pandas, single rows."""

import pandas as pd  # noqa: F401  # the peer loads it with itself, ours where it is first used: not what is timed here
from data import row
from timing import attempt, latencies, parse

import pixeltable as pxt
import pixeltable.functions as pxtf

n = parse(100_000).n
schema = {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json, "g": pxt.Int}
t = pxt.create_table("bench_query", schema)
for start in range(0, n, 100_000):
    t.insert([{**row(i), "g": i % 100} for i in range(start, min(n, start + 100_000))])
r = pxt.create_table("bench_query_right", {"a": pxt.Int, "label": pxt.String})
r.insert([{"a": i * 10, "label": f"l{i}"} for i in range(n // 10)])
t.where(t.a == 1).select(t.a).collect()  # the first query of a process pays for more than itself


def rows_of(case: str, query: pxt.Query, expected: int) -> None:
    result = attempt(case, n, query.collect)
    assert result is None or len(result) == expected, (case, len(result), expected)


attempt("count", n, t.count)
rows_of("where_select_10pct", t.where(t.a < n // 10).select(t.a, t.s), n // 10)
rows_of("order_by_limit10", t.order_by(t.b, asc=False).limit(10).select(t.a, t.b), 10)
rows_of("group_by_100", t.group_by(t.g).select(t.g, total=pxtf.sum(t.a), m=pxtf.mean(t.b)), 100)
attempt("group_by_json_path", n, lambda: t.group_by(t.j.k).select(t.j.k, total=pxtf.sum(t.a)).collect())
rows_of("json_filter", t.where(t.j.k == 7).select(t.a, t.j.nested.v), n // 100)
rows_of("join_10pct_after_load", t.join(r, on=t.a == r.a).select(t.a, t.s, r.label), n // 10)
rows_of("collect_udf_select", t.select(t.a, u=t.s.upper()), n)
attempt("collect_to_pandas", n, lambda: t.select(t.a, t.b, t.s, t.j).collect().to_pandas())
attempt("collect_scalars_to_pandas", n, lambda: t.select(t.a, t.b, t.s).collect().to_pandas())
latencies("lookup_by_value", lambda i: t.where(t.a == (i * 7919) % n).select(t.a, t.s).collect(), 100)


def first_ones(i: int) -> object:
    return t.order_by(t.b, asc=False).limit(10 + i % 3).select(t.a, t.b).collect()


latencies("order_by_limit10_again", first_ones, 30)
latencies("head10", lambda _: t.head(10), 100)
latencies("get_table", lambda _: pxt.get_table("bench_query"), 100)
