"""Tables and views declared as classes: what a class says, and what becomes of it in the catalog."""

import datetime
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.api import models
from pixeltable.api.model_apply import apply_plans
from pixeltable.functions.uuid import uuid7
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


def test_models_are_bound_in_one_directory(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int

    with pytest.raises(pxt.NotFoundError, match=f"{ns}/docs"):
        Base.bind_all(ns)
    with pytest.raises(pxt.NotFoundError, match="directory 'nowhere' does not exist"):
        Base.create_all("nowhere")
    assert not Docs.is_bound
    Base.create_all(ns)
    Base.bind_all(ns)
    pxt.create_dir(f"{ns}/other")
    with pytest.raises(pxt.RequestError) as caught:
        Base.create_all(f"{ns}/other")
    assert caught.value.error_code is pxt.ErrorCode.ALREADY_BOUND
    assert pxt.list_tables(f"{ns}/other") == []


def test_a_table_may_have_more_than_the_model_that_is_bound_to_it(ns: str) -> None:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "more": pxt.String | None})
    t.insert(id=1, more="a")
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int

    Base.bind_all(ns)
    assert Docs.select(Docs.id, Docs.more).collect()[0] == {"id": 1, "more": "a"}
    with pytest.raises(pxt.RequestError) as caught:
        Base.create_all(ns)
    assert caught.value.error_code is pxt.ErrorCode.SCHEMA_MISMATCH
    assert f"{ns}/docs: drop column more [destructive]" in caught.value.message


def test_models_are_declared_after_others_are_bound(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int
        text: pxt.String

    early = Docs.where(Docs.id > 1)
    Base.create_all(ns)
    Docs.insert([{"id": 1, "text": "a"}, {"id": 2, "text": "b c"}])

    class Late(Base, name="late", base=Docs.where(Docs.id > 1).select(Docs.text), iterator=words(Docs.text)):
        upper = word.upper()
        joined = word + Docs.text

    Base.create_all(ns)
    assert Late.select(Late.upper, Late.joined).collect()["joined"] == ["bb c", "cb c"]
    assert early.select(Docs.text).collect()["text"] == ["b c"]
    assert early.count() == 1
    other = pxt.create_table(f"{ns}/other", {"id": pxt.Int, "n": pxt.Int})
    other.insert(id=2, n=7)
    assert Docs.join(other, on=Docs.id).select(Docs.text, other.n).collect()[0] == {"text": "b c", "n": 7}
    assert other.join(Docs, on=other.id).select(Docs.text).collect()["text"] == ["b c"]
    assert Docs.where(Docs.id.isin(early.select(Docs.id))).count() == 1


def test_what_was_built_before_binding_is_used_after(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int
        n: pxt.Int

    condition, later = Docs.id > 1, Docs.where(Docs.id.isin(Docs.where(Docs.n > 5).select(Docs.id)))
    Base.create_all(ns)
    Docs.insert([{"id": 1, "n": 9}, {"id": 2, "n": 1}])
    Docs.update({"n": Docs.n + 1}, where=condition)
    assert Docs.order_by(Docs.id).collect()["n"] == [9, 2]
    assert later.collect()["id"] == [1]
    Docs.delete(where=condition)
    assert Docs.count() == 1
    assert Docs.where(condition).update({"n": 0}).row_count_stats.upd_rows == 0


def test_a_table_that_was_dropped_is_created_again(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs", has_default_idxs=True, custom_metadata={"a": 1}, media_validation="on_read"):
        id: pxt.Int

    Base.create_all(ns)
    pxt.drop_table(f"{ns}/docs")
    with pytest.raises(pxt.NotFoundError, match="was dropped"):
        Docs.insert(id=1)
    assert Base.create_all(ns)["docs"].resolution == "create"
    assert Docs.insert(id=1).num_rows == 1
    assert Base.update_all(ns)["docs"].resolution == "up_to_date"


def test_a_question_is_asked_of_a_model_before_it_has_a_table(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        text: pxt.String

        __indexes__ = (pxt.EmbeddingIndex("text", string_embed=letters, metric="l2"), pxt.BtreeIndex([text], name="t"))

    best = Docs.order_by(Docs.text.similarity(string="aaa"), asc=True).limit(1)
    Base.create_all(ns)
    Docs.insert({"text": text} for text in ("aaa", "b", "c"))
    assert best.collect()["text"] == ["aaa"]
    assert Docs.get_metadata()["indexes"]["t"]["index_type"] == "btree"


def test_threads_that_create_the_same_models_end_with_one_schema(ns: str) -> None:
    def declare_and_create(_: int) -> str:
        Base = pxt.model_base()

        class Docs(Base, name="docs"):
            id: pxt.Int
            double = id * 2

        class Big(Base, name="big", base=Docs.where(Docs.double > 10)):
            half = Docs.double / 4

        return Base.create_all(ns)["big"].resolution

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(declare_and_create, range(4)))
    assert found == ["create", "up_to_date", "up_to_date", "up_to_date"]
    assert len(pxt.get_table(f"{ns}/docs").get_versions()) == 1


def test_a_view_of_a_sample(ns: str) -> None:
    def declare(seed: int | None, fraction: float = 0.5, least: int = 10) -> Any:
        Base = pxt.model_base()

        class Docs(Base, name="docs"):
            id: pxt.Int

        class Some(Base, name="some", base=Docs.where(Docs.id >= least).sample(fraction=fraction, seed=seed)):
            double = Docs.id * 2

        class Less(Base, name="less", base=Some.sample(fraction=0.5)):
            pass

        return Base

    Base = declare(seed=3)
    assert Base.create_all(ns)["some"].resolution == "create"
    t, some, less = (pxt.get_table(f"{ns}/{name}") for name in ("docs", "some", "less"))
    t.insert({"id": n} for n in range(100))
    assert some.collect()["id"] == t.where(t.id > 9).sample(fraction=0.5, seed=3).collect()["id"]
    assert set(less.collect()["id"]) < set(some.collect()["id"])
    for seed in (3, None):
        assert {diff.resolution for diff in declare(seed).create_all(ns).values()} == {"up_to_date"}
    for seed, fraction in ((4, 0.5), (3, 0.6), (None, 0.6)):
        with pytest.raises(pxt.RequestError, match=r"be of sample\(fraction="):
            declare(seed, fraction).update_all(ns)
    declare(seed=None, least=50).update_all(ns, allow_destructive=True)
    assert some.collect()["id"] == t.where(t.id >= 50).sample(fraction=0.5, seed=3).collect()["id"]


def test_a_table_that_was_dropped_does_not_concern_the_others(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int

    class Big(Base, name="big", base=Docs.where(Docs.id > 1)):
        double = Docs.id * 2

    condition, early = Docs.id > 1, Docs.where(Docs.id > 2)
    with pytest.raises(pxt.RequestError, match="not bound"):
        pxt.create_view(f"{ns}/early", early)
    Base.create_all(ns)
    pxt.drop_table(Big.table)
    Docs.insert([{"id": 1}, {"id": 3}])
    assert Docs.where(condition).count() == 1
    with pytest.raises(pxt.NotFoundError, match="was dropped"):
        Big.count()
    assert pxt.create_view(f"{ns}/early", early).count() == 1


def test_a_path_that_is_a_directory_is_not_taken(ns: str) -> None:
    Base = pxt.model_base()

    class First(Base, name="first"):
        id: pxt.Int

    class Docs(Base, name="docs"):
        id: pxt.Int

    pxt.create_dir(f"{ns}/docs")
    with pytest.raises(pxt.AlreadyExistsError, match="is an existing directory"):
        Base.create_all(ns)
    assert pxt.list_tables(ns) == []


def test_views_over_views_are_added_to_together(ns: str) -> None:
    def models(version: int) -> Any:
        Base = pxt.model_base()

        class Docs(Base, name="docs"):
            id: pxt.Int
            meta: pxt.Json | None
            year = meta.year
            if version > 1:
                fresh = id * 10

            __indexes__ = [pxt.BtreeIndex(meta.year), pxt.BtreeIndex([id, meta.year], name="two")]

        class Some(
            Base, name="some", base=Docs.where(Docs.id > 0).select(Docs.id, when=Docs.meta.year.astype(pxt.String))
        ):
            later = id + 1
            if version > 1:
                fresher = Docs.fresh + 1

        class Words(Base, name="words", base=Some.where(Some.id > 1), iterator=words(Some.when)):
            upper = word.upper()
            if version > 1:
                freshest = Some.fresher + pos

            __indexes__ = [pxt.EmbeddingIndex(word, embedding=letters)]

        if version > 1:

            class Last(Base, name="last", base=Words):
                sum = Words.freshest + later

        return Base, Docs

    base, docs = models(1)
    base.create_all(ns)
    docs.insert({"id": n, "meta": {"year": f"a{n} b"}} for n in range(3))
    assert base.get_model_diff(ns)["words"].resolution == "up_to_date"
    base, docs = models(2)
    assert [diff.resolution for diff in base.update_all(ns).values()] == ["update_additive"] * 3 + ["create"]
    last = pxt.get_table(f"{ns}/last")
    assert last.select(last.upper, last.sum).collect()["sum"] == [24, 25]
    assert [diff.resolution for diff in base.get_model_diff(ns).values()] == ["up_to_date"] * 4


def test_what_a_model_says_is_found_again_in_the_catalog(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs", custom_metadata={"b": (1, 2), "a": None}, comment="", media_validation="on_read"):
        id: pxt.UUID = pxt.Column(primary_key=True, comment="key", custom_metadata=[1.5])
        at: pxt.Timestamp = pxt.Column(default=datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC))
        v: pxt.Array[(2,), pxt.Float] = pxt.Column(default=np.array([1, 2], dtype=np.float32))
        j: pxt.Json = pxt.Column(default={"z": 1, "a": [2.5]})
        made = pxt.Column(value=uuid7(), stored=True)
        text: pxt.String | None
        long = pxt.Column(value=text.upper() + "!", stored=False, comment="not stored", custom_metadata="x")

        __indexes__ = [pxt.BtreeIndex(at), pxt.BtreeIndex([text, at], unique=True), pxt.BtreeIndex(j.z)]

    Base.create_all(ns)
    Docs.insert(id=uuid.uuid4())
    assert str(Base.get_model_diff(ns)) == f"{ns}/docs: up to date"


def test_a_table_that_was_moved_is_found(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int

    pxt.create_dir(f"{ns}/app")
    Base.create_all(f"{ns}/app")
    pxt.move(f"{ns}/app", f"{ns}/moved")
    assert Docs.table_path() == f"{ns}/moved/docs"
    assert Base.update_all(f"{ns}/moved")["docs"].resolution == "up_to_date"
    pxt.move(f"{ns}/moved/docs", f"{ns}/papers")
    with pytest.raises(pxt.RequestError, match=f"is bound to '{ns}/papers'"):
        Base.create_all(f"{ns}/moved")
    pxt.drop_table(Docs)
    Base.create_all(ns)
    assert Docs.table_path() == f"{ns}/docs"


def test_a_model_is_taken_where_a_table_is(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        id: pxt.Int

    with pytest.raises(pxt.RequestError, match="`Docs` is not bound"):
        pxt.create_view(f"{ns}/view", Docs)
    Base.create_all(ns)
    Docs.insert(id=1)
    assert pxt.create_view(f"{ns}/view", Docs).count() == 1
    assert pxt.create_snapshot(f"{ns}/snapshot", Docs).count() == 1
    copy = pxt.create_table(f"{ns}/copy", source=Docs)
    copy.insert(Docs)
    assert copy.count() == 2
    assert pxt.retrieval_udf(Docs).name == "docs"
    pxt.drop_table(Docs, force=True)
    assert pxt.list_tables(ns) == [f"{ns}/copy"]


may_go_on, has_begun = threading.Event(), threading.Event()


def test_a_path_that_is_taken_meanwhile_is_said(ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Base = pxt.model_base()

    class First(Base, name="first"):
        id: pxt.Int

    class Docs(Base, name="docs"):
        id: pxt.Int

    def apply_late(*arguments: Any) -> None:
        pxt.create_table(f"{ns}/docs", {"id": pxt.Int})
        apply_plans(*arguments)

    monkeypatch.setattr(models, "apply_plans", apply_late)
    with pytest.raises(pxt.AlreadyExistsError, match=f"path '{ns}/docs' is an existing table"):
        Base.create_all(ns)
    assert pxt.list_tables(ns) == [f"{ns}/docs"]


def test_columns_may_be_called_like_methods_that_give_way(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        alias: pxt.Int
        table: pxt.Int
        forget = alias + table

    condition = (Docs.alias > 1) & (Docs["table"] > 1)
    Base.create_all(ns)
    Docs.insert([{"alias": 1, "table": 2}, {"alias": 3, "table": 4}])
    assert Docs.where(condition).select(Docs.forget, Docs["table"], Docs.alias).collect()["forget"] == [7]
    assert Docs.table.count() == 2


@pxt.udf
def waiting(n: int) -> int:
    has_begun.set()
    assert may_go_on.wait(30)
    return n


def test_a_view_that_is_being_made_is_not_there_yet(ns: str) -> None:
    Base = pxt.model_base()

    class Docs(Base, name="docs"):
        n: pxt.Int

    Base.create_all(ns)
    Docs.insert(n=1)

    class Slow(Base, name="slow", base=Docs):
        m = waiting(Docs.n)

    job = pxt.create_view(f"{ns}/slow", Docs.table, additional_columns={"m": waiting(Docs.n)}, background=True)
    assert has_begun.wait(30)
    try:
        with pytest.raises(pxt.RequestError, match=f"view '{ns}/slow' is still being made"):
            Base.bind_all(ns)
    finally:
        may_go_on.set()
        job.wait()
    Base.bind_all(ns)
    assert Slow.collect()["m"] == [1]
