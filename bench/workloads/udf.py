"""A computed column on insert and as a backfill of n rows; `--kind` is udf, batch, async or expr."""

from collections.abc import Callable
from typing import Any

from timing import measure, parse

import pixeltable as pxt


def column_function(kind: str) -> Callable[[Any], Any]:
    """What makes the column's expression; imported by kind, so that a kind works without the others."""
    if kind == "batch":
        from batched_udfs import inc_batch  # noqa: PLC0415

        return inc_batch
    if kind == "async":
        from async_udfs import inc_async  # noqa: PLC0415

        return inc_async
    if kind == "udf":
        from scalar_udfs import inc  # noqa: PLC0415

        return inc
    return lambda a: a + 1


args = parse(100_000, kind="udf")
n = args.n
make = column_function(args.kind)
data = [{"a": i} for i in range(n)]

t = pxt.create_table("bench_udf", {"a": pxt.Int})
t.add_computed_column(c=make(t.a))
measure(f"insert_with_{args.kind}", n, lambda: t.insert(data))
assert t.where(t.c == t.a + 1).count() == n
t.drop_column("c")
measure(f"backfill_{args.kind}", n, lambda: t.add_computed_column(c=make(t.a)))
assert t.where(t.c == t.a + 1).count() == n
