"""Vectors of views: however many come by one change of the base, there is room for them."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable.index import vectors
from tests.api.library import letters


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


@pytest.fixture
def t(ns: str, monkeypatch) -> pxt.Table:
    monkeypatch.setattr(vectors, "PARTITION_ENTRIES", 10)
    t = pxt.create_table(f"{ns}/t", {"k": pxt.Int, "s": pxt.String}, primary_key="k")
    t.insert(k=0, s="c")
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.s))
    v.add_embedding_index("word", embedding=letters)
    return v


MANY = "a b " * 40


def grow_by_insert(t: pxt.Table) -> None:
    t.insert(k=1, s=MANY)


def grow_by_update(t: pxt.Table) -> None:
    t.update({"s": MANY})


def grow_by_batch(t: pxt.Table) -> None:
    t.batch_update([{"k": 1, "s": MANY}], if_not_exists="insert")


@pytest.mark.parametrize("grow", [grow_by_insert, grow_by_update, grow_by_batch])
def test_a_view_has_room_for_what_comes(t: pxt.Table, v: pxt.Table, grow) -> None:
    grow(t)
    near = v.word.similarity(string="b")
    assert v.where(v.word == "b").count() == 40
    assert v.order_by(near, asc=False).limit(40).collect()["word"] == ["b"] * 40


def test_a_view_has_room_for_what_comes_back(t: pxt.Table, v: pxt.Table) -> None:
    for _ in range(3):
        t.update({"s": "a b c d"})
        t.restore(1)
    t.update({"s": MANY})
    version = t.get_versions()[0]["version"]
    t.delete()
    t.restore(version)
    assert v.order_by(v.word.similarity(string="b"), asc=False).limit(40).collect()["word"] == ["b"] * 40
