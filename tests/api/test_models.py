"""Tables and views declared as classes: what a class says, and what becomes of it in the catalog."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from tests.api.model_library import letters, loud, words


def test_a_program_declares_its_tables_and_uses_them(ns: str) -> None:
    TableModel = pxt.model_base()

    class Docs(TableModel, name="docs", comment="what is read"):
        id: pxt.Int = pxt.Column(primary_key=True)
        text: pxt.String
        stars: pxt.Int | None
        shout = loud(text)
        louder = pxt.Column(value=loud(shout), comment="twice")

        __indexes__ = [pxt.EmbeddingIndex(text, embedding=letters, name="near"), pxt.BtreeIndex(stars)]

    class Rated(TableModel, name="rated", base=Docs.where(Docs.stars > 3).select(Docs.text, half=Docs.stars / 2)):
        note: pxt.String | None
        whispered = text.lower()
        twice = half * 4

    class Words(TableModel, name="words", base=Docs, iterator=words(Docs.text)):
        upper = word.upper()
        place = pos + 1
        first = Docs.text.startswith(word)

    assert not Docs.is_bound
    best = Docs.where(Docs.stars > 4).order_by(Docs.id).select(Docs.id, Docs.louder)
    plan = TableModel.get_model_diff(ns)
    assert str(plan).splitlines()[0].startswith(f"{ns}/docs: create table")

    TableModel.create_all(ns)
    assert Docs.is_bound
    assert Docs.table_path() == f"{ns}/docs"
    Docs.insert([{"id": 1, "text": "ab c", "stars": 5}, {"id": 2, "text": "c", "stars": 1}])
    assert best.collect()["louder"] == ["ab c!!"]
    assert Docs.order_by(Docs.text.similarity(string="a"), asc=False).limit(1).select(Docs.id).collect()["id"] == [1]
    assert Rated.select(Rated.text, Rated.half, Rated.whispered, Rated.twice, Rated.note).collect()[0] == {
        "text": "ab c", "half": 2.5, "whispered": "ab c", "twice": 10.0, "note": None,
    }  # fmt: skip
    found = Words.where(Words.id == 1).select(Words.upper, Words.place, Words.first).collect()
    assert list(zip(found["upper"], found["place"], found["first"], strict=True)) == [("AB", 1, True), ("C", 2, False)]
    assert Words.group_by(Docs).select(Docs.id, n=pxtf.count(Words.pos)).order_by(Docs.id).collect()["n"] == [2, 1]
    assert pxt.get_table(f"{ns}/docs").columns() == ["id", "text", "stars", "shout", "louder"]
    assert all(diff.resolution == "up_to_date" for diff in TableModel.create_all(ns).values())


def test_a_changed_model_is_brought_to_the_catalog(ns: str) -> None:
    First = pxt.model_base()

    class Old(First, name="docs"):
        id: pxt.Int
        text: pxt.String
        n: pxt.Int | None
        old = text.upper()

    First.create_all(ns)
    Old.insert([{"id": 1, "text": "A b", "n": 3}])
    Second = pxt.model_base()

    class Docs(Second, name="docs"):
        id: pxt.Int
        text: pxt.String
        n: pxt.Float | None
        old = text.lower()
        half = n / 2
        quarter = half / 2

        __indexes__ = [pxt.BtreeIndex(id)]

    lines = str(Second.get_model_diff(ns)).splitlines()
    assert lines == [
        f"{ns}/docs: alter column n from Int | None to Float | None",
        f"{ns}/docs: alter column old from upper(text) to lower(text), and compute it again",
        f"{ns}/docs: add column half = n / 2",
        f"{ns}/docs: add column quarter = half / 2",
        f"{ns}/docs: add b-tree index on id",
    ]
    with pytest.raises(pxt.RequestError) as caught:
        Second.bind_all(ns)
    assert caught.value.error_code is pxt.ErrorCode.SCHEMA_MISMATCH
    applied = Second.update_all(ns)
    assert applied["docs"].resolution == "update_additive"
    assert Docs.collect()[0] == {"id": 1, "text": "A b", "n": 3.0, "old": "a b", "half": 1.5, "quarter": 0.75}
    assert not Second.get_model_diff(ns)["docs"].ops
