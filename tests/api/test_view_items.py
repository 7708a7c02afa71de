"""What an iterator yields again, when it is called again, stays the row that it was."""

from collections.abc import Iterator
from typing import TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt

CALLS: list[str] = []


class Word(TypedDict):
    word: str
    length: int


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        if word == "boom":
            raise ValueError("no boom")
        yield {"word": word, "length": len(word)}


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    return f"{s}!"


@pxt.udf
def numbered(s: str, pos: int) -> str:
    return f"{pos}{s}"


@pxt.udf
def vector(s: str) -> pxt.Array[(3,), pxt.Float]:
    CALLS.append(f"vector of {s}")
    return [float(len(s)), 1.0, 0.0]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String, "x": pxt.Int | None}, primary_key="n")
    t.insert([{"n": 1, "text": "a b c"}, {"n": 2, "text": "d d e"}])
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    columns = {"loud": shout(t.text), "note": pxt.String | None}
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.text), additional_columns=columns)
    v.add_computed_column(word_loud=shout(v.word))
    v.add_computed_column(named=numbered(v.word, v.pos))
    for word in "abcde":
        v.update({"note": f"{word} is mine"}, where=v.word == word)
    v.update({"note": "first d"}, where=(v.word == "d") & (v.pos == 0))
    CALLS.clear()
    return v


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_what_users_set_stays_with_its_item(t: pxt.Table, v: pxt.Table) -> None:
    t.update({"text": "x a c b z"}, where=t.n == 1)
    assert rows(v.where(v.n == 1).select(v.pos, v.word, v.note, v.word_loud, v.named)) == [
        (0, "x", None, "x!", "0x"),
        (1, "a", "a is mine", "a!", "1a"),
        (2, "c", "c is mine", "c!", "2c"),
        (3, "b", "b is mine", "b!", "3b"),
        (4, "z", None, "z!", "4z"),
    ]
    assert sorted(set(CALLS)) == ["x", "x a c b z", "z"]
    assert set(rows(v.select(v.loud))) == {("x a c b z!",), ("d d e!",)}


def test_of_items_that_are_alike_that_in_the_same_place_is_the_row(t: pxt.Table, v: pxt.Table) -> None:
    t.update({"text": "e d d d"}, where=t.n == 2)
    assert rows(v.where(v.n == 2).select(v.pos, v.word, v.note)) == [
        (0, "e", "e is mine"), (1, "d", "d is mine"), (2, "d", "first d"), (3, "d", None)
    ]  # fmt: skip


def test_items_that_are_not_there_any_more_leave(t: pxt.Table, v: pxt.Table) -> None:
    status = t.update({"text": "b"}, where=t.n == 1)
    assert rows(v.where(v.n == 1).select(v.pos, v.word, v.note)) == [(0, "b", "b is mine")]
    assert status.cascade_row_count_stats.del_rows == 2
    t.update({"text": "b boom"}, where=t.n == 1)
    assert (v.where(v.n == 1).count(), len(v.errors())) == (0, 1)
    t.update({"text": "b"}, where=t.n == 1)
    assert rows(v.where(v.n == 1).select(v.pos, v.word, v.note)) == [(0, "b", None)]
    assert len(v.errors()) == 0


def test_it_can_be_reverted(t: pxt.Table, v: pxt.Table) -> None:
    before = rows(v)
    t.update({"text": "x a c b z"})
    t.revert()
    assert rows(v) == before
    t.update({"text": t.text + " f"})
    assert rows(v.where(v.note != None).select(v.word)) == [("a",), ("b",), ("c",), ("d",), ("d",), ("e",)]  # noqa: E711  # builds an expression
    assert rows(v.at(version=v.get_versions()[1]["version"])) == before


def test_views_and_vectors_over_it_follow(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    v.add_embedding_index("word", idx_name="ix", string_embed=vector)
    w = pxt.create_view(f"{ns}/w", v.where(v.pos < 3), additional_columns={"own": pxt.Int | None, "l": shout(v.named)})
    w.update({"own": w.pos + 10})
    CALLS.clear()
    t.update({"text": "x a b c"}, where=t.n == 1)
    assert rows(w.where(w.n == 1).select(w.pos, w.word, w.own, w.l)) == [
        (0, "x", None, "0x!"), (1, "a", 10, "1a!"), (2, "b", 11, "2b!")
    ]  # fmt: skip
    assert [call for call in CALLS if call.startswith("vector")] == ["vector of x"]
    nearest = v.order_by(v.word.similarity(string="abc"), asc=False).limit(20)
    assert nearest.count() == v.count() == 7


texts = st.lists(st.sampled_from(["a", "b", "c", "boom"]), max_size=5).map(" ".join)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(texts, min_size=1, max_size=5))
def test_a_view_has_what_the_iterator_yields(t: pxt.Table, v: pxt.Table, changes: list[str]) -> None:
    for text in changes:
        v.update({"note": v.word}, where=v.note == None)  # noqa: E711  # builds an expression
        t.update({"text": text}, where=t.n == 1)
        words = [] if "boom" in text else text.split()
        found = rows(v.where(v.n == 1).select(v.pos, v.word, v.named, v.note))
        assert [row[:3] for row in found] == [(pos, word, f"{pos}{word}") for pos, word in enumerate(words)]
        assert {row[3] for row in found if row[3] and " " not in row[3]} <= set(words)
        assert all(note is None or note[0] == word or note == "first d" for _, word, _, note in found)


class Thing(TypedDict):
    thing: pxt.Json
    size: float | None


@pxt.iterator
def things(items: pxt.Json) -> Iterator[Thing]:
    yield from ({"thing": item, "size": item.get("size")} for item in items)


def test_objects_are_compared_by_value(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"items": pxt.Json})
    t.insert(items=[{"name": "ink", "id": 1, "a": {"yy": 1, "x": [1, 2.5]}}, {"name": "nib", "id": 2, "size": 1}])
    v = pxt.create_view(f"{ns}/v", t, iterator=things(t.items), additional_columns={"note": pxt.String | None})
    v.update({"note": v.thing.name.astype(pxt.String)})
    t.update({"items": [{"id": 2, "name": "nib", "size": 1}, {"a": {"x": [1, 2.5], "yy": 1}, "id": 1, "name": "ink"}]})
    assert rows(v.select(v.pos, v.note)) == [(0, "nib"), (1, "ink")]


def test_a_cell_that_failed_is_not_one_that_is_null(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"items": pxt.Json})
    t.insert([{"items": [{"size": "bad"}, {"size": None}]}], on_error="ignore")
    v = pxt.create_view(f"{ns}/v", t, iterator=things(t.items.map(lambda item: {"size": item["size"], "same": 1})))
    assert rows(v.select(v.pos, v["size"], v["size"].errortype)) == [(0, None, "TypeError"), (1, None, None)]
    t.update({"items": [{"size": None}, {"size": "bad"}]})
    assert rows(v.select(v.pos, v["size"], v["size"].errortype)) == [(0, None, None), (1, None, "TypeError")]


def test_an_update_of_a_row_that_no_view_has(ns: str, t: pxt.Table) -> None:
    f = pxt.create_view(f"{ns}/f", t.where(t.n > 2), additional_columns={"loud": shout(t.text)})
    g = pxt.create_view(f"{ns}/g", f, iterator=words(f.loud))
    t.update({"text": "x y"}, where=t.n == 1)
    assert g.count() == 0
    t.insert(n=3, text="x y")
    t.update({"text": "z"}, where=t.n > 1)
    assert rows(g.select(g.word)) == [("z!",)]
