"""Views on n rows, an insert through three of them, a snapshot, and an iterator view of n / 100 rows x 20."""

from data import row, rows
from scalar_udfs import inc
from timing import attempt, latencies, measure, parse
from word_iterator import words

import pixeltable as pxt

n = parse(100_000).n
t = pxt.create_table("bench_base", {"a": pxt.Int, "b": pxt.Float, "s": pxt.String, "j": pxt.Json})
t.insert(rows(n))
t.where(t.a == 1).select(t.a).collect()  # the first query of a process pays for more than itself
v1 = measure("create_filtered_view_50pct", n, lambda: pxt.create_view("bench_v1", t.where(t.a % 2 == 0)))
assert v1.count() == n // 2
v2 = measure(
    "create_view_on_view_expr_column",
    n // 2,
    lambda: pxt.create_view("bench_v2", v1.where(v1.a % 4 == 0), additional_columns={"d": v1.a + 1}),
)
v3 = measure(
    "create_view_on_view_udf_column",
    n // 4,
    lambda: pxt.create_view("bench_v3", v2.where(v2.a % 8 == 0), additional_columns={"e": inc(v2.d)}),
)
assert v3.count() == (n + 7) // 8
attempt("create_snapshot", n, lambda: pxt.create_snapshot("bench_snapshot", t))
pxt.drop_table("bench_snapshot", if_not_exists="ignore", force=True)
data = rows(n // 10, n)
measure("insert_cascade_3_views", n // 10, lambda: t.insert(data))
latencies("insert_single_cascade_3_views", lambda i: t.insert([{**row(n), "a": 2 * n + 8 * i}]), 50)
measure("view_count", n, v3.count)
measure("view_collect", n, lambda: v3.select(v3.a, v3.e).collect())

texts = [{"text": " ".join(f"w{i}_{k}" for k in range(20))} for i in range(n // 100)]
outputs = 20 * len(texts)
d = pxt.create_table("bench_texts", {"text": pxt.String})
d.insert(texts)
w = measure("create_iterator_view_x20", outputs, lambda: pxt.create_view("bench_words", d, iterator=words(d.text)))
assert w.count() == outputs
measure("insert_into_iterator_view_x20", outputs, lambda: d.insert(texts))
got = measure("iterator_view_collect", 2 * outputs, lambda: w.select(w.word, w.position, w.text).collect())
assert len(got) == 2 * outputs
