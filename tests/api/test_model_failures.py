"""What becomes of an `update_all()` that fails half way, or is interrupted, and of what is left to compute."""

from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
from tests.api.model_library import BODY, docs_with, letters, plan, refuses_seven, several

Code = pxt.ErrorCode

calls: list[str] = []


@pxt.udf
def old_length(text: str) -> int:
    calls.append("old")
    return len(text)


@pxt.udf
def new_length(text: str) -> int:
    calls.append("new")
    return len(text) * 10


@pxt.udf
def after(n: int) -> int:
    calls.append("after")
    return n + 1


@pxt.udf
def interrupted(text: str) -> int:
    raise KeyboardInterrupt(text)


@pxt.udf
def interrupted_embedding(text: str) -> pxt.Array[(3,), pxt.Float]:
    if text == "c":
        raise KeyboardInterrupt
    return np.ones(3, dtype=np.float32)


FUNCTIONS: dict[str, Any] = {
    "old_length": old_length, "new_length": new_length, "after": after, "interrupted": interrupted,
    "interrupted_embedding": interrupted_embedding,
}  # fmt: skip


@pytest.fixture
def docs(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String, "n": pxt.Int | None}, primary_key="id")
    t.insert([{"id": 1, "text": "a b", "n": 6}, {"id": 2, "text": "c", "n": 7}])
    calls.clear()
    return t


FAILING = (
    "class Docs(M, name='docs'):\n"
    + BODY.replace("n: pxt.Int", "n: pxt.Float")
    + """  length = text.len()
  __indexes__ = [pxt.BtreeIndex(length), pxt.EmbeddingIndex(text, embedding=letters)]
class New(M, name='new'):
  id: pxt.Int
class Above(M, name='above', base=New):
  more = id + 1
class Over(M, name='over', base=Docs):
  shout = loud(text)
class Sums(M, name='sums'):
  total: pxt.Int | None
  bad = refuses_seven(total)
"""
)


def test_a_change_that_fails_half_way_is_taken_back(ns: str, docs: pxt.Table) -> None:
    sums = pxt.create_table(f"{ns}/sums", {"total": pxt.Int | None})
    sums.insert([{"total": 6}, {"total": 7}])
    base, model = several(FAILING)
    with pytest.raises(pxt.RequestError, match="seven") as caught:
        base.update_all(ns)
    assert caught.value.error_code is Code.INVALID_EXPRESSION
    assert caught.value.message.endswith("What the call had done before is taken back.")
    assert isinstance(caught.value.__cause__, ValueError)
    assert not model.is_bound
    assert pxt.list_tables(ns) == [f"{ns}/docs", f"{ns}/sums"]
    assert docs.columns() == ["id", "text", "n"]
    assert docs.get_metadata()["indexes"] == {}
    assert docs.get_metadata()["columns"]["n"]["type_"] == "Int | None"
    assert len(docs.get_versions()) == 2
    sums.update({"total": 8}, where=sums.total == 7)
    base.update_all(ns)
    assert model.collect()["bad"] == [6, 8]
    assert pxt.get_table(f"{ns}/over").count() == 2


def test_a_change_that_is_interrupted_is_taken_back(ns: str, docs: pxt.Table) -> None:
    @pxt.udf
    def interrupted(n: int) -> int:
        raise KeyboardInterrupt(n)

    M = pxt.model_base()

    class New(M, name="new"):
        id: pxt.Int

    class Docs(M, name="docs"):
        id: pxt.Int = pxt.Column(primary_key=True)
        text: pxt.String
        n: pxt.Int | None
        more: pxt.Int | None

    class Over(M, name="over", base=Docs):
        never = interrupted(Docs.n)

    with pytest.raises(KeyboardInterrupt) as caught:
        M.update_all(ns)
    assert caught.value.__notes__ == ["What the call had done before is taken back."]
    assert docs.columns() == ["id", "text", "n"]
    assert pxt.list_tables(ns) == [f"{ns}/docs"]


def test_rows_that_others_wrote_meanwhile_stay(ns: str, docs: pxt.Table) -> None:
    """They were acknowledged: a table that has some is not dropped, and what was added to it is dropped by name."""

    @pxt.udf
    def interfering(n: int) -> int:
        if n == 7:
            pxt.get_table(f"{ns}/new").insert(id=1)
            pxt.get_table(f"{ns}/docs").insert(id=3, text="d", n=1)
            raise ValueError("interfered")
        return n

    M = pxt.model_base()

    class New(M, name="new"):
        id: pxt.Int

    class Docs(M, name="docs"):
        id: pxt.Int = pxt.Column(primary_key=True)
        text: pxt.String
        n: pxt.Int | None
        plain: pxt.Int | None
        half = n // 2
        bad = interfering(n)

    docs.add_computed_column(half=docs.n)
    with pytest.raises(pxt.RequestError) as caught:
        M.update_all(ns)
    assert f"is taken back, but for: create {ns}/new." in caught.value.message
    assert pxt.get_table(f"{ns}/new").collect()["id"] == [1]
    assert docs.columns() == ["id", "text", "n", "half"]
    assert docs.order_by(docs.id).collect()["half"] == [6, 7, 1]


LAST = "class Last(M, name='last'):\n  n: pxt.Int\n  never = f(n)\n"


def versions(t: pxt.Table) -> list[str]:
    return [version["schema_change"] or version["change_type"] for version in t.get_versions()]


def test_definitions_are_taken_back_by_their_versions(ns: str, docs: pxt.Table) -> None:
    docs.add_columns({"m": pxt.Int | None, "length": old_length(docs.text)})
    docs.add_computed_column(longer=after(docs.length))
    before = versions(docs)
    calls.clear()
    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=7)
    body = "  m: pxt.Float | None\n  length = new_length(text)\n  longer = after(length)\n"
    base, _ = several(docs_with(body) + LAST, f=refuses_seven, **FUNCTIONS)
    with pytest.raises(pxt.RequestError, match="seven") as caught:
        base.update_all(ns)
    assert caught.value.message.endswith("What the call had done before is taken back.")
    assert versions(docs) == before
    assert "old" not in calls
    assert docs.get_metadata()["columns"]["m"]["type_"] == "Int | None"
    assert docs.order_by(docs.id).select(docs.length, docs.longer).collect()["longer"] == [4, 2]
    assert len(docs.stale()) == 0


def test_each_cell_is_computed_once(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(length=old_length(docs.text))
    docs.add_computed_column(other=docs.n)
    docs.add_computed_column(sum=after(docs.length + docs.other))
    calls.clear()
    body = """  half = pxt.Column(value=n / 2)
  length = new_length(text)
  other = n + 100
  sum = after(length + other)
  more = after(length)
  some: pxt.Int | None
"""
    base, model = several(docs_with(body), **FUNCTIONS)
    base.update_all(ns)
    assert sorted(calls) == ["after"] * 4 + ["new"] * 2
    rows = model.order_by(model.id).select(model.sum, model.more, model.half).collect()
    assert rows["sum"] == [137, 118]
    assert rows["more"] == [31, 11]
    assert plan(base, ns) == ["docs: up to date"]


def test_definitions_may_be_over_what_is_added_and_defined_along(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(a=docs.n)
    docs.add_computed_column(b=docs.a + 1)
    docs.add_computed_column(c=docs.b + 1)
    view = pxt.create_view(f"{ns}/v", docs)
    view.add_computed_column(d=view.c + 1)
    body = "  fresh: pxt.Int = pxt.Column(default=5)\n  b = n * fresh\n  a = b + 1\n  e = a + 1\n  c = b + e\n"
    base, model = several(docs_with(body) + "class V(M, name='v', base=Docs):\n  d = Docs.e + Docs.c\n")
    base.update_all(ns)
    row = model.where(model.id == 1).select(model.b, model.a, model.e, model.c, model.d).collect()[0]
    assert row == {"b": 30, "a": 31, "e": 32, "c": 62, "d": 94}
    assert plan(base, ns) == ["docs: up to date", "v: up to date"]


def test_what_an_interrupted_definition_left_is_computed(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(length=old_length(docs.text))
    docs.add_computed_column(longer=after(docs.length))
    docs.alter_computed_column(length=new_length(docs.text), recompute=False)
    docs.recompute_columns("length", where=docs.id == 1)
    calls.clear()
    base, model = several(docs_with("  length = new_length(text)\n  longer = after(length)\n"), **FUNCTIONS)
    base.create_all(ns)
    assert calls == []
    assert plan(base, ns) == ["docs: compute the rest of column length: 1 cells are by another definition"]
    assert base.update_all(ns)["docs"].resolution == "update_additive"
    assert calls == ["new", "after"]
    assert model.order_by(model.id).select(model.longer).collect()["longer"] == [31, 11]
    assert plan(base, ns) == ["docs: up to date"]


def test_what_reads_a_column_that_is_not_stored_is_computed_by_its_definition(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(length=old_length(docs.text), stored=False)
    docs.add_computed_column(longer=after(docs.length))
    docs.alter_computed_column(length=new_length(docs.text), recompute=False)
    body = "  length = pxt.Column(value=new_length(text), stored=False)\n  longer = after(length)\n"
    base, model = several(docs_with(body), **FUNCTIONS)
    assert plan(base, ns) == ["docs: compute the rest of column longer: 2 cells are by another definition"]
    base.update_all(ns)
    assert model.order_by(model.id).select(model.longer).collect()["longer"] == [31, 11]
    assert plan(base, ns) == ["docs: up to date"]


VIEWS = """  length = old_length(text)
  upper = text.upper()
class Long(M, name='long', base=Docs.where(Docs.length > 2).select(Docs.text, more=Docs.length + 1)):
  shout = loud(text)
class Words(M, name='words', base=Docs, iterator=words(Docs.upper)):
  lower = word.lower()
class Some(M, name='some', base=Words.where(Words.word == 'C')):
  longer = Words.length + 1
"""


@pytest.mark.usefixtures("docs")
def test_views_of_what_is_defined_anew_are_taken_back_along(ns: str) -> None:
    def state() -> list[Any]:
        tables = [pxt.get_table(f"{ns}/{name}") for name in ("docs", "long", "words", "some")]
        return [(len(t.get_versions()), [list(row.items()) for row in t.collect()]) for t in tables]

    several(docs_with(VIEWS), **FUNCTIONS)[0].update_all(ns)
    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=7)
    before = state()
    changed = VIEWS.replace("old_length(text)", "new_length(text)").replace("text.upper()", "text + ' C'")
    changed = changed.replace("more=Docs.length + 1", "more=Docs.length + 2").replace("word.lower()", "word + 'x'")
    base, _ = several(docs_with(changed) + LAST, f=refuses_seven, **FUNCTIONS)
    with pytest.raises(pxt.RequestError, match=r"is taken back\.$"):
        base.update_all(ns)
    assert state() == before
    base, some = several(docs_with(changed), **FUNCTIONS)
    base.update_all(ns)
    assert some.order_by(some.id).select(some.longer).collect()["longer"] == [31, 11]
    assert sorted(pxt.get_table(f"{ns}/long").collect()["more"]) == [12, 32]
    assert all(line.endswith("up to date") for line in plan(base, ns))


def test_a_definition_by_which_cells_fail_is_a_failure(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(same=docs.n)
    before = versions(docs)
    base, _ = several(docs_with("  same = refuses_seven(n)\n"))
    with pytest.raises(pxt.RequestError, match="seven") as caught:
        base.update_all(ns)
    assert "alter_computed_column() changes a definition whatever cells fail by it" in caught.value.message
    assert versions(docs) == before
    assert docs.order_by(docs.id).collect()["same"] == [6, 7]
    docs.alter_computed_column(same=refuses_seven(docs.n))
    assert base.update_all(ns)["docs"].resolution == "up_to_date"


@pytest.mark.usefixtures("docs")
def test_a_view_into_which_others_wrote_stays(ns: str) -> None:
    @pxt.udf
    def writing(n: int) -> int:
        pxt.get_table(f"{ns}/noted").update({"note": "mine"})
        raise ValueError(n)

    M = pxt.model_base()

    class Docs(M, name="docs"):
        id: pxt.Int = pxt.Column(primary_key=True)
        text: pxt.String
        n: pxt.Int | None

    class Noted(M, name="noted", base=Docs.where(Docs.n > 6)):
        note: pxt.String | None

    class Quiet(M, name="quiet", base=Docs):
        note: pxt.String | None

    class Last(M, name="last"):
        n: pxt.Int
        never = writing(n)

    last = pxt.create_table(f"{ns}/last", {"n": pxt.Int})
    last.insert(n=1)
    with pytest.raises(pxt.RequestError) as caught:
        M.update_all(ns)
    assert caught.value.message.endswith(f"is taken back, but for: create {ns}/noted.")
    assert pxt.list_tables(ns) == [f"{ns}/docs", f"{ns}/last", f"{ns}/noted"]
    assert pxt.get_table(f"{ns}/noted").collect()["note"] == ["mine"]


def test_columns_into_which_others_wrote_stay(ns: str, docs: pxt.Table) -> None:
    @pxt.udf
    def writing(n: int) -> int:
        t = pxt.get_table(f"{ns}/docs")
        t.update({"note": "mine"}, where=t.id == 1)
        raise ValueError(n)

    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=1)
    body = "  note: pxt.String | None\n  stars: pxt.Int = pxt.Column(default=3)\n  loudly = note.upper()\n"
    base, _ = several(docs_with(body) + LAST, f=writing)
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns)
    assert caught.value.message.endswith(f"is taken back, but for: {ns}/docs: add note, stars.")
    assert docs.order_by(docs.id).select(docs.note).collect()["note"] == ["mine", None]
    assert docs.columns() == ["id", "text", "n", "note"]


def test_an_index_whose_filling_is_interrupted_is_taken_back(ns: str, docs: pxt.Table) -> None:
    body = "  more: pxt.Int|None\n  __indexes__ = [pxt.EmbeddingIndex(text, embedding=interrupted_embedding)]\n"
    base, _ = several(docs_with(body), **FUNCTIONS)
    with pytest.raises(KeyboardInterrupt):
        base.update_all(ns)
    assert docs.columns() == ["id", "text", "n"]
    assert len(docs.get_versions()) == 2
    docs.add_embedding_index("text", embedding=letters, idx_name="idx0")
    assert docs.get_metadata()["indexes"].keys() == {"idx0"}


def test_indexes_of_others_stay_when_one_is_taken_back(ns: str, docs: pxt.Table) -> None:
    @pxt.udf
    def indexing(n: int) -> int:
        pxt.get_table(f"{ns}/docs").add_btree_index("text", idx_name="mine", if_exists="ignore")
        raise ValueError(n)

    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=1)
    statements = docs_with("  __indexes__ = [pxt.BtreeIndex(n)]\n") + LAST
    base, _ = several(statements, f=indexing)
    with pytest.raises(pxt.RequestError, match="taken back"):
        base.update_all(ns)
    assert docs.get_metadata()["indexes"].keys() == {"mine"}


def test_an_interruption_while_taking_back_does_not_keep_the_rest(ns: str, docs: pxt.Table) -> None:
    @pxt.udf
    def writing(n: int) -> int:
        pxt.get_table(f"{ns}/docs").update({"n": 1})
        raise ValueError(n)

    docs.add_computed_column(length=old_length(docs.text))
    docs.alter_computed_column(length=interrupted(docs.text), recompute=False)
    statements = "class New(M, name='new'):\n  id: pxt.Int\n" + docs_with("  length = new_length(text)\n") + LAST
    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=1)
    base, _ = several(statements, f=writing, **FUNCTIONS)
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns)
    assert caught.value.message.splitlines()[-1].startswith(
        f"What the call had done before is taken back, but for: {ns}/docs: alter column length"
    )
    assert pxt.list_tables(ns) == [f"{ns}/docs", f"{ns}/last"]


def test_an_interruption_before_anything_was_done_has_no_note(ns: str, docs: pxt.Table) -> None:
    base, _ = several(docs_with("  never = interrupted(text)\n"), **FUNCTIONS)
    with pytest.raises(KeyboardInterrupt) as caught:
        base.update_all(ns)
    assert not hasattr(caught.value, "__notes__")
    assert docs.columns() == ["id", "text", "n"]
