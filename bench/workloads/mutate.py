"""Update, batch_update and delete n rows of 10n; revert; recompute; single-row updates; history."""

import pandas as pd  # noqa: F401  # the peer loads it with itself, ours where it is first used: not what is timed here
from data import rows
from scalar_udfs import inc
from timing import attempt, latencies, measure, parse

import pixeltable as pxt

n = parse(10_000).n
schema = {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json}
t = pxt.create_table("bench_mutate", schema, primary_key="a")
t.add_computed_column(c=inc(t.a))
t.add_computed_column(e=t.b + 1)
t.insert(rows(10 * n))
measure("update_literal", n, lambda: t.update({"s": "new"}, where=t.a < n))
measure("update_cascade_expr", n, lambda: t.update({"b": t.b + 1}, where=t.a < n))
batch = [{"a": i, "s": f"batch {i}"} for i in range(n)]
measure("batch_update", n, lambda: t.batch_update(batch))
assert t.where(t.s == "batch 5").count() == 1
measure("revert_batch_update", n, t.revert)
assert t.where(t.s == "new").count() == n
measure("delete", n, lambda: t.delete(where=t.a >= 9 * n))
assert t.count() == 9 * n
measure("revert_delete", n, t.revert)
assert t.count() == 10 * n
attempt("recompute_column", 10 * n, lambda: t.recompute_columns("c"))
latencies("update_single_row", lambda i: t.update({"s": f"one {i}"}, where=t.a == i), 50)
latencies("batch_update_single_row", lambda i: t.batch_update([{"a": i, "s": f"batch one {i}"}]), 50)
attempt("history", 1, t.history)
attempt("get_versions", 1, t.get_versions)
