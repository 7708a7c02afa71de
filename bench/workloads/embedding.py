"""An embedding index over n vectors of 384: build, insert, top 10, recall, filtered top 10, eight threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from data import vector
from timing import emit, latencies, measure, parse, timed
from vector_udfs import embed

import pixeltable as pxt

n = parse(10_000).n
t = pxt.create_table("bench_embedding", {"a": pxt.Int, "s": pxt.String})
t.insert([{"a": i, "s": str(i)} for i in range(n)])
measure("index_build", n, lambda: t.add_embedding_index("s", idx_name="ix", string_embed=embed))
late = [{"a": i, "s": str(i)} for i in range(n, n + 1000)]
measure("index_insert_1k", 1000, lambda: t.insert(late))
latencies("index_insert_single", lambda i: t.insert([{"a": n + 1000 + i, "s": str(n + 1000 + i)}]), 50)
total = t.count()
queries = [50_000_000 + i for i in range(201)]


def top10(query: int) -> list[int]:
    similarity = t.s.similarity(string=str(query))
    found = t.order_by(similarity, asc=False).limit(10).select(t.a, score=similarity).collect()
    return [row["a"] for row in found]


latencies("similarity_top10", lambda i: top10(queries[i]), 200)
matrix = np.stack([vector(i) for i in range(total)])
hits = 0
for query in queries[:100]:
    truth = np.argpartition(-(matrix @ vector(query)), 10)[:10]
    hits += len(set(truth.tolist()) & set(top10(query)))
emit("recall_at_10", 100, 0.0, value=hits / 1000, unit="recall")

counts: list[int] = []


def filtered(i: int) -> None:
    similarity = t.s.similarity(string=str(queries[i]))
    query = t.where(t.a % 50 == 3).order_by(similarity, asc=False).limit(10).select(t.a, score=similarity)
    counts.append(len(query.collect()))


latencies("similarity_filtered_2pct", filtered, 30)
note = None if min(counts) == 10 else f"asked for 10 rows, got as few as {min(counts)}"
emit("similarity_filtered_rows", 30, 0.0, value=min(counts), unit="rows of 10", note=note)
with ThreadPoolExecutor(8) as pool:
    seconds, _ = timed(lambda: list(pool.map(top10, queries * 2)))
emit("similarity_8_threads", 2 * len(queries), seconds, value=2 * len(queries) / seconds, unit="1/s")
