"""Full-table updates of a column that nothing reads, and columns added, beside a 256-d embedding index."""

from scalar_udfs import inc
from small_vector_udfs import embed
from timing import measure, parse

import pixeltable as pxt

n = parse(20_000).n
schema = {"a": pxt.Int, "b": pxt.Int, "s": pxt.String}
source = [{"a": i, "b": 0, "s": str(i)} for i in range(n)]

plain = pxt.create_table("bench_plain", schema)
plain.insert(source)
plain.add_computed_column(warm=inc(plain.b))
measure("add_column_plain", n, lambda: plain.add_computed_column(c=inc(plain.a)))

indexed = pxt.create_table("bench_indexed", schema)
indexed.insert(source)
indexed.add_computed_column(warm=inc(indexed.b))
indexed.add_embedding_index("s", idx_name="ix", string_embed=embed)
measure("add_column_beside_index", n, lambda: indexed.add_computed_column(c=inc(indexed.a)))


def update_three_times() -> None:
    for _ in range(3):
        indexed.update({"b": indexed.b + 1})


measure("update_beside_index_x3", n, update_three_times)
assert indexed.where(indexed.b == 3).count() == n
