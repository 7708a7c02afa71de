"""The floor of an embedding index: the same vectors in one matrix, searched exactly by numpy."""

import numpy as np
from data import vector
from timing import latencies, measure, parse

n = parse(10_000).n
matrix = measure("index_build", n, lambda: np.stack([vector(i) for i in range(n)]))


def top10(i: int) -> None:
    np.argpartition(-(matrix @ vector(50_000_000 + i)), 10)[:10]


latencies("similarity_top10", top10, 200)
