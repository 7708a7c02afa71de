"""An embedding index straight over an array column of n ready-made vectors of 384."""

from data import vector
from timing import latencies, measure, parse

import pixeltable as pxt

n = parse(10_000).n
vectors = [vector(i) for i in range(n)]
t = pxt.create_table("bench_array", {"a": pxt.Int, "v": pxt.Array[(384,), pxt.Float]})
measure("array_insert", n, lambda: t.insert([{"a": i, "v": vectors[i]} for i in range(n)]))
measure("array_collect", n, lambda: t.select(t.a, t.v).collect())
measure("array_index_build", n, lambda: t.add_embedding_index("v"))


def top10(i: int) -> None:
    similarity = t.v.similarity(vector=vector(60_000_000 + i))
    t.order_by(similarity, asc=False).limit(10).select(t.a, score=similarity).collect()


latencies("array_similarity_top10", top10, 100)
