"""Similarity searches as functions: the rows of a plain search, with all questions embedded together."""

from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable.index import vectors
from tests.api import query_library
from tests.api.query_library import letters
from tests.conftest import CONFIGURATION

QUESTIONS = ["a", "ab", "abc", "cc", "bca", "a"]


@pytest.fixture
def docs(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/docs", {"text": pxt.String, "n": pxt.Int})
    texts = ["".join(sorted(f"{n:b}".replace("0", "a").replace("1", "bc"))) for n in range(1, 40)]
    t.insert([{"text": text, "n": n} for n, text in enumerate(texts)])
    t.add_embedding_index("text", embedding=letters, precision="fp32")
    return t


@pytest.fixture
def asked(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/asked", {"q": pxt.String, "k": pxt.Int})
    t.insert([{"q": q, "k": k} for k, q in enumerate(QUESTIONS, start=1)])
    return t


def plain(docs: pxt.Table, question: str, k: int) -> list[dict[str, Any]]:
    sim = docs.text.similarity(string=question)
    found = docs.order_by(sim, asc=False).limit(k).select(docs.n, score=sim).collect()
    return list(map(dict, found))


def nearest(docs: pxt.Table) -> pxt.Function:
    @pxt.query
    def search(q: str, k: int):
        sim = docs.text.similarity(string=q)
        return docs.order_by(sim, asc=False).limit(k).select(docs.n, score=sim)

    return search


def test_the_rows_are_those_of_a_plain_search(docs: pxt.Table, asked: pxt.Table) -> None:
    found = asked.select(r=nearest(docs)(asked.q, asked.k)).collect()["r"]
    assert found == [plain(docs, q, k) for k, q in enumerate(QUESTIONS, start=1)]


@pytest.mark.skipif(CONFIGURATION == "batch-1", reason="is about more than one row")
def test_questions_are_embedded_together_and_each_once(docs: pxt.Table, asked: pxt.Table) -> None:
    query_library.BATCHES.clear()
    asked.select(r=nearest(docs)(asked.q, asked.k)).collect()
    (together,) = query_library.BATCHES
    assert together == len(set(QUESTIONS))


def test_a_search_with_a_filter_finds_as_many_rows_as_match(docs: pxt.Table, asked: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def search(q: str, k: int):
        return docs.where(docs.n % k == 0).order_by(docs.text.similarity(string=q), asc=False).limit(8).select(docs.n)

    found = asked.select(r=search(asked.q, asked.k)).collect()["r"]
    assert [len(rows) for rows in found] == [8, 8, 8, 8, 8, 7]
    assert found[5] == docs.where(docs.n % 6 == 0).order_by(docs.text.similarity(string="a"), asc=False).collect()["n"]


def test_a_question_that_cannot_be_embedded_fails_its_cell(docs: pxt.Table, asked: pxt.Table) -> None:
    asked.insert(q="xyz", k=1)
    asked.add_computed_column(r=nearest(docs)(asked.q, asked.k), on_error="ignore")
    found = asked.select(asked.r, asked.r.errormsg).collect()
    assert "none of a, b, c" in found["r_errormsg"][6]
    assert found["r"][:6] == [plain(docs, q, k) for k, q in enumerate(QUESTIONS, start=1)]


def test_a_vector_can_be_the_parameter(docs: pxt.Table, asked: pxt.Table) -> None:
    @pxt.query(param_types=[pxt.Array[(3,), pxt.Float]], return_scalar=True)
    def search(v):
        return docs.order_by(docs.text.similarity(vector=v), asc=False).limit(3).select(docs.n)

    by_text = asked.select(r=nearest(docs)(asked.q, 3)).collect()["r"]
    by_vector = asked.select(r=search(letters(asked.q))).collect()["r"]
    assert by_vector == [[row["n"] for row in rows] for rows in by_text]


def test_a_parameter_and_a_fixed_question_beside_each_other(docs: pxt.Table, asked: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def search(q: str):
        both = docs.text.similarity(string=q) + docs.text.similarity(string="c")
        return docs.order_by(both, asc=False).limit(4).select(docs.n)

    found = asked.select(r=search(asked.q)).collect()["r"]
    for q, rows in zip(QUESTIONS, found, strict=True):
        both = docs.text.similarity(string=q) + docs.text.similarity(string="c")
        assert rows == docs.order_by(both, asc=False).limit(4).collect()["n"]


def test_retrieval_in_a_computed_column(docs: pxt.Table, asked: pxt.Table) -> None:
    asked.add_computed_column(context=nearest(docs)(asked.q, 2))
    asked.insert([{"q": "abc", "k": 0}, {"q": "bb", "k": 0}])
    assert asked.collect()["context"] == [plain(docs, q, 2) for q in [*QUESTIONS, "abc", "bb"]]


@pytest.mark.slow
def test_the_rows_are_those_of_a_plain_search_where_a_vector_index_answers(
    ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "PARTITION_ENTRIES", 2000)
    rng = np.random.default_rng(3)
    stored = rng.normal(size=(7000, 16)).astype(np.float32)
    docs = pxt.create_table(f"{ns}/many", {"n": pxt.Int, "v": pxt.Array[(16,), pxt.Float]})
    docs.add_embedding_index("v", metric="cosine")
    for start in range(0, len(stored), 1000):
        docs.insert([{"n": start + n, "v": row} for n, row in enumerate(stored[start : start + 1000])])

    @pxt.query(param_types=[pxt.Array[(16,), pxt.Float], pxt.Int], return_scalar=True)
    def search(v, least):
        return docs.where(docs.n >= least).order_by(docs.v.similarity(vector=v), asc=False).limit(10).select(docs.n)

    asked = pxt.create_table(f"{ns}/asked", {"v": pxt.Array[(16,), pxt.Float], "least": pxt.Int})
    questions = [(rng.normal(size=16).astype(np.float32), least) for least in (0, 10, 3000, 6900, 6995)]
    asked.insert([{"v": v, "least": least} for v, least in questions])
    found = asked.select(r=search(asked.v, asked.least)).collect()["r"]
    assert [len(rows) for rows in found] == [10, 10, 10, 10, 5]
    for (v, least), rows in zip(questions, found, strict=True):
        by_hand = docs.where(docs.n >= least).order_by(docs.v.similarity(vector=v), asc=False).limit(10)
        assert rows == by_hand.collect()["n"]
