import numpy as np
import pytest
from numpy.typing import NDArray

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import letters, twice
from tests.api.refusals import refused

VECTORS = {"x": [1, 0, 0], "y": [0, 2, 0], "xy": [3, 4, 0], "none": None}


def vector(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Vectors with an index each metric, at full precision."""
    t = pxt.create_table(f"{ns}/t", {"name": pxt.String, "v": pxt.Array[(3,), pxt.Float] | None})
    t.insert([{"name": name, "v": numbers} for name, numbers in VECTORS.items()])
    for metric in ("cosine", "ip", "l2"):
        t.add_embedding_index("v", idx_name=metric, metric=metric, precision="fp32")
    return t


@pytest.mark.parametrize(
    ("metric", "expected"), [("cosine", [1, 0, 0.6, None]), ("ip", [1, 0, 3, None]), ("l2", [0, 5**0.5, 20**0.5, None])]
)
def test_the_value_follows_the_metric(t: pxt.Table, metric: str, expected: list[float]) -> None:
    found = t.select(x=t.v.similarity(vector=vector(1, 0, 0), idx=metric)).collect()["x"]
    assert found[:3] == pytest.approx(expected[:3])
    assert found[3] is None


@pytest.mark.parametrize(("metric", "asc"), [("cosine", False), ("ip", False), ("l2", True)])
def test_nearest_first_puts_rows_without_vector_last(t: pxt.Table, metric: str, asc: bool) -> None:
    sim = t.v.similarity(vector=vector(0, 1, 0), idx=metric)
    found = t.order_by(sim, asc=asc).limit(4).collect()["name"]
    assert found[0] == {"cosine": "y", "ip": "xy", "l2": "y"}[metric]
    assert found[3] == "none"


@pytest.mark.parametrize(("metric", "asc"), [("cosine", True), ("ip", True), ("l2", False)])
def test_farthest_first_is_the_reverse(t: pxt.Table, metric: str, asc: bool) -> None:
    sim = t.v.similarity(vector=vector(0, 1, 0), idx=metric)
    there = t.where(t.v != None)  # noqa: E711  # null test
    nearest = there.order_by(sim, asc=not asc).collect()["name"]
    assert there.order_by(sim, asc=asc).collect()["name"] == nearest[::-1]


def test_the_score_can_be_selected_beside_other_columns(t: pxt.Table) -> None:
    sim = t.v.similarity(vector=vector(1, 0, 0), idx="ip")
    found = t.order_by(sim, asc=False).limit(2).select(t.name, score=sim, double=sim * 2).collect()
    assert list(found) == [{"name": "xy", "score": 3.0, "double": 6.0}, {"name": "x", "score": 1.0, "double": 2.0}]


def test_the_score_can_be_filtered_by(t: pxt.Table) -> None:
    sim = t.v.similarity(vector=vector(1, 0, 0), idx="cosine")
    assert t.where(sim > 0.5).collect()["name"] == ["x", "xy"]
    assert t.where(sim > 0.5).count() == 2


def test_a_list_is_a_vector(t: pxt.Table) -> None:
    assert t.select(x=t.v.similarity(vector=[1, 0, 0], idx="ip")).collect()["x"][0] == 1


def test_a_filtered_search_returns_as_many_rows_as_match(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "v": pxt.Array[(8,), pxt.Float]})
    vectors = np.random.default_rng(1).normal(size=(1500, 8)).astype(np.float32)
    t.insert([{"n": n, "v": row} for n, row in enumerate(vectors)])
    t.add_embedding_index("v", metric="ip")
    best = t.order_by(t.v.similarity(vector=vectors[0]), asc=False)
    assert len(best.limit(1200).collect()) == 1200
    for where, matches in ((t.n < 7, 7), (t.n % 100 == 0, 15), (twice(t.n) < 10, 5)):
        assert len(best.where(where).limit(10).collect()) == min(10, matches)


def test_a_filtered_search_finds_the_best_matches(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "v": pxt.Array[(8,), pxt.Float]})
    vectors = np.random.default_rng(2).normal(size=(500, 8)).astype(np.float32)
    t.insert([{"n": n, "v": row} for n, row in enumerate(vectors)])
    t.add_embedding_index("v", metric="l2", precision="fp32")
    found = t.where(t.n >= 450).order_by(t.v.similarity(vector=vectors[0])).limit(5).collect()["n"]
    distances = np.linalg.norm(vectors - vectors[0], axis=1)
    assert found == sorted(range(450, 500), key=lambda n: distances[n])[:5]


def test_offset_skips_the_nearest(t: pxt.Table) -> None:
    ordered = t.order_by(t.v.similarity(vector=vector(1, 0, 0), idx="cosine"), asc=False)
    assert ordered.limit(2, offset=1).collect()["name"] == ["xy", "y"]


# Text


@pytest.fixture
def texts(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/texts", {"s": pxt.String | None})
    t.insert([{"s": text} for text in ("a", "ab", "b", "ccc", None)])
    t.add_embedding_index("s", embedding=letters)
    return t


def nearest(t: pxt.Table, text: str) -> str:
    return t.order_by(t.s.similarity(string=text), asc=False).limit(1).collect()["s"][0]


def test_a_text_is_embedded(texts: pxt.Table) -> None:
    assert [nearest(texts, text) for text in ("aa", "ba", "c")] == ["a", "ab", "ccc"]


def test_a_text_may_be_given_by_place(texts: pxt.Table) -> None:
    assert texts.order_by(texts.s.similarity("c"), asc=False).limit(1).collect()["s"] == ["ccc"]


def test_a_vector_may_be_given_by_place(t: pxt.Table) -> None:
    assert t.select(x=t.v.similarity(vector(1, 0, 0), idx="ip")).collect()["x"][0] == 1


def test_a_vector_may_be_given_for_a_text_index(texts: pxt.Table) -> None:
    sim = texts.s.similarity(vector=vector(0, 0, 1))
    assert texts.order_by(sim, asc=False).limit(1).collect()["s"] == ["ccc"]


def test_inserted_rows_are_found(texts: pxt.Table) -> None:
    texts.insert(s="bc")
    assert nearest(texts, "bc") == "bc"


def test_updated_rows_are_found_by_their_new_value_alone(texts: pxt.Table) -> None:
    texts.update({"s": "abc"}, where=texts.s == "ccc")
    assert nearest(texts, "abc") == "abc"
    assert nearest(texts, "c") == "abc"


def test_a_value_set_to_null_leaves_the_index(texts: pxt.Table) -> None:
    texts.update({"s": None}, where=texts.s == "ccc")
    found = texts.order_by(texts.s.similarity(string="c"), asc=False).limit(10).collect()["s"]
    assert sorted(found, key=str)[:2] == [None, None]
    assert found[-2:] == [None, None]


def test_deleted_rows_are_not_found(texts: pxt.Table) -> None:
    texts.delete(where=texts.s == "ccc")
    assert "ccc" not in texts.order_by(texts.s.similarity(string="c"), asc=False).limit(10).collect()["s"]


def test_reverted_rows_are_found_again(texts: pxt.Table) -> None:
    texts.delete(where=texts.s == "ccc")
    texts.revert()
    assert nearest(texts, "c") == "ccc"


BAD = {
    "no index": (lambda t: t.name.similarity(string="x"), NotFoundError, "INDEX_NOT_FOUND"),
    "unknown index": (lambda t: t.v.similarity(vector=vector(1, 0, 0), idx="x"), NotFoundError, "INDEX_NOT_FOUND"),
    "several indexes": (lambda t: t.v.similarity(vector=vector(1, 0, 0)), RequestError, "INVALID_ARGUMENT"),
    "modality": (lambda t: t.v.similarity(string="x", idx="ip"), RequestError, "UNSUPPORTED_OPERATION"),
    "length": (lambda t: t.v.similarity(vector=vector(1, 0), idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "shape": (lambda t: t.v.similarity(vector=np.ones((3, 1)), idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "not finite": (lambda t: t.v.similarity(vector=vector(1, 0, np.nan), idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "text in a vector": (lambda t: t.v.similarity(vector=["a", "b", "c"], idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "ragged": (lambda t: t.v.similarity(vector=[[1], [1, 2], 3], idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "nothing": (lambda t: t.v.similarity(idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "two queries": (lambda t: t.v.similarity(string="x", vector=[1], idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "an expression": (lambda t: t.v.similarity(vector=t.v, idx="ip"), RequestError, "INVALID_ARGUMENT"),
    "no column": (lambda t: t.name.upper().similarity(string="x"), RequestError, "INVALID_EXPRESSION"),
}


@pytest.mark.parametrize(("sim", "kind", "code"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_searched_is_refused(t: pxt.Table, sim: object, kind: type[pxt.Error], code: str) -> None:
    refused(t, lambda: t.select(x=sim(t)).collect(), kind, code)


@pytest.mark.parametrize("query", [3, b"x", ["a"], None])
def test_a_query_of_another_type_is_refused(texts: pxt.Table, query: object) -> None:
    with pytest.raises(RequestError):
        texts.select(texts.s.similarity(string=query)).collect()


def test_a_query_that_cannot_be_embedded_is_refused(texts: pxt.Table) -> None:
    with pytest.raises(RequestError, match="none of a, b, c"):
        texts.select(texts.s.similarity(string="xyz")).collect()


def test_a_similarity_cannot_be_stored(texts: pxt.Table) -> None:
    add = lambda: texts.add_computed_column(x=texts.s.similarity(string="a"))  # noqa: E731
    refused(texts, add, RequestError, "UNSUPPORTED_OPERATION")


def test_a_similarity_can_choose_the_rows_to_delete(texts: pxt.Table) -> None:
    texts.delete(where=texts.s.similarity(string="c") > 0.9)
    assert texts.collect()["s"] == ["a", "ab", "b", None]


def test_a_search_after_the_index_was_dropped_is_refused(texts: pxt.Table) -> None:
    query = texts.select(texts.s.similarity(string="a"))
    texts.drop_embedding_index(column="s")
    refused(texts, query.collect, NotFoundError, "INDEX_NOT_FOUND")
