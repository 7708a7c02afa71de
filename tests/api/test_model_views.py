"""Models of views: what rows a view has follows its model, and outputs of iterators that are not stored are columns."""

from collections.abc import Iterator
from typing import Any, TypedDict

import pytest

import pixeltable as pxt
from tests.api.model_library import docs_with, plan, several

Code = pxt.ErrorCode

calls: list[str] = []


@pxt.udf
def noted(text: str) -> str:
    calls.append(text)
    return f"{text}?"


@pxt.udf
def is_short(text: str) -> bool:
    if text == "c":
        raise ValueError("too short")
    return True


class Piece(TypedDict):
    size: int
    piece: str
    first: str


@pxt.iterator(unstored_cols=["piece"])
def pieces(text: str, *, by: str = " ") -> Iterator[Piece]:
    yield from ({"size": len(part), "piece": part, "first": part[:1]} for part in text.split(by))


FUNCTIONS: dict[str, Any] = {"noted": noted, "is_short": is_short, "pieces": pieces}
SOME = """class Some(M, name='some', base=Docs.where(Docs.n > 5)):
  stars: pxt.Int | None
  note = noted(Docs.text)
"""
WORDS = """class Words(M, name='words', base=Docs, iterator=words(Docs.text)):
  stars: pxt.Int | None
  note = noted(word)
"""
PIECES = """class Pieces(M, name='pieces', base=Docs, iterator=pieces(Docs.text)):
  loudly = loud(piece)
  later = pxt.Column(value=piece + first, stored=False)
"""


@pytest.fixture
def docs(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String, "n": pxt.Int | None}, primary_key="id")
    t.insert([{"id": 1, "text": "a b", "n": 6}, {"id": 2, "text": "c", "n": 7}, {"id": 3, "text": "b", "n": 8}])
    return t


def models(statements: str, more: str = "") -> Any:
    return several(docs_with(more) + statements, **FUNCTIONS)[0]


def made(ns: str, statements: str, view: str) -> pxt.Table:
    """A view, made by its model; its `stars` are set."""
    models(statements).create_all(ns)
    found = pxt.get_table(f"{ns}/{view}")
    if "stars" in found.columns():
        found.update({"stars": found.id})
    calls.clear()
    return found


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


@pytest.mark.usefixtures("docs")
def test_the_filter_of_a_view_is_altered(ns: str) -> None:
    some = made(ns, SOME.replace("Docs.n > 5", "Docs.n < 8"), "some")
    base = models(SOME.replace("Docs.n > 5", "Docs.n > 6"))
    line = (
        "some: alter the filter from n < 8 to n > 6: the rows that come are computed, those that leave go with their "
        "cells [destructive]"
    )
    assert plan(base, ns) == ["docs: up to date", line]
    op = base.get_model_diff(ns)["some"].ops[0]
    assert (op.target, op.op, op.name, op.model, op.existing) == ("table", "alter", "view_filter", "n > 6", "n < 8")
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns)
    assert caught.value.error_code is Code.DESTRUCTIVE_SCHEMA_CHANGE
    with pytest.raises(pxt.RequestError) as caught:
        base.create_all(ns)
    assert caught.value.error_code is Code.SCHEMA_MISMATCH
    assert base.update_all(ns, allow_destructive=True)["some"].resolution == "update_destructive"
    assert rows(some.select(some.id, some.stars, some.note)) == [(2, 2, "c?"), (3, None, "b?")]
    assert calls == ["b"]
    assert plan(base, ns) == ["docs: up to date", "some: up to date"]


@pytest.mark.usefixtures("docs")
def test_without_its_filter_a_view_loses_nothing(ns: str) -> None:
    some = made(ns, SOME.replace("Docs.n > 5", "Docs.n > 7"), "some")
    base = models(SOME.replace(".where(Docs.n > 5)", ""))
    assert plan(base, ns)[1] == "some: alter the filter from n > 7 to None: the rows that come are computed"
    assert base.update_all(ns)["some"].resolution == "update_additive"
    assert rows(some.select(some.id, some.stars)) == [(1, None), (2, None), (3, 3)]


@pytest.mark.usefixtures("docs")
def test_the_arguments_of_an_iterator_are_altered(ns: str) -> None:
    words = made(ns, WORDS, "words")
    base = models(WORDS.replace("words(Docs.text)", "words(Docs.text + ' c')"))
    assert plan(base, ns)[1] == (
        "words: alter the iterator from words(text) to words(text + ' c'): it is called for each row of docs, the "
        "items that are new are computed, those that it does not yield again go with their cells [destructive]"
    )
    base.update_all(ns, allow_destructive=True)
    assert rows(words.where(words.id < 3).select(words.id, words.note, words.stars)) == [
        (1, "a?", 1), (1, "b?", 1), (1, "c?", None), (2, "c?", 2), (2, "c?", None),
    ]  # fmt: skip
    assert calls == ["c", "c", "c"]
    assert plan(base, ns) == ["docs: up to date", "words: up to date"]


@pytest.mark.usefixtures("docs")
def test_filter_and_iterator_are_altered_together(ns: str) -> None:
    words = made(ns, WORDS.replace("base=Docs", "base=Docs.where(Docs.n < 8)"), "words")
    versions = len(words.get_versions())
    base = models(WORDS.replace("base=Docs", "base=Docs.where(Docs.n > 6)").replace("Docs.text)", "Docs.text + ' d')"))
    assert len(base.update_all(ns, allow_destructive=True)["words"].ops) == 2
    assert rows(words.select(words.id, words.note)) == [(2, "c?"), (2, "d?"), (3, "b?"), (3, "d?")]
    assert len(words.get_versions()) == versions + 1


def test_a_filter_over_what_comes_lets_go_of_what_goes(ns: str, docs: pxt.Table) -> None:
    docs.add_column(old={"type": pxt.Int, "default": 1})
    models(SOME.replace("Docs.n > 5", "Docs.old > 0"), "  old: pxt.Int = pxt.Column(default=1)\n").create_all(ns)
    some = pxt.get_table(f"{ns}/some")
    base = models(
        SOME.replace("Docs.n > 5", "Docs.size > 1").replace("noted(Docs.text)", "noted(upper)"),
        ("  size = text.len()\n  upper = text.upper()\n"),
    )
    calls.clear()
    base.update_all(ns, allow_destructive=True)
    assert rows(some.select(some.id, some.note)) == [(1, "A B?")]
    assert calls == ["A B"], "what leaves is not computed before"
    assert docs.columns() == ["id", "text", "n", "size", "upper"]


@pytest.mark.usefixtures("docs")
def test_a_filter_that_fails_changes_nothing(ns: str) -> None:
    some = made(ns, SOME, "some")
    before = rows(some), some.get_versions()
    base = models(SOME.replace("Docs.n > 5", "is_short(Docs.text)"), "  more: pxt.Int | None\n")
    with pytest.raises(pxt.RequestError, match="too short") as caught:
        base.update_all(ns, allow_destructive=True)
    assert caught.value.message.endswith("is taken back.")
    assert (rows(some), some.get_versions()) == before


LAST = "class Last(M, name='last'):\n  n: pxt.Int\n  never = refuses(n)\n"


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.usefixtures("docs")
def test_what_was_altered_is_taken_back(ns: str, writes: bool) -> None:
    @pxt.udf
    def refuses(n: int) -> int:
        if writes:
            t = pxt.get_table(f"{ns}/docs")
            t.update({"n": 8}, where=t.id == 2)
        raise ValueError(n)

    unset = WORDS.replace("  stars: pxt.Int | None\n", "")
    some, words = made(ns, SOME, "some"), made(ns, unset, "words")
    views = SOME.replace("Docs.n > 5", "Docs.n > 7") + unset.replace("Docs.text", "Docs.text + ' d'")
    pxt.create_table(f"{ns}/last", {"n": pxt.Int}).insert(n=1)
    base, _ = several(docs_with() + views + LAST, refuses=refuses, **FUNCTIONS)
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns, allow_destructive=True)
    left = f"is taken back, but for: {ns}/some: alter which rows it has." if writes else "is taken back."
    assert caught.value.message.endswith(left)
    stars = [(1, None), (2, None), (3, 3)] if writes else [(1, 1), (2, 2), (3, 3)]
    assert rows(some.select(some.id, some.stars)) == stars
    assert rows(words.select(words.id, words.note)) == [(1, "a?"), (1, "b?"), (2, "c?"), (3, "b?")]


def test_outputs_that_are_not_stored_are_columns_of_a_model(ns: str, docs: pxt.Table) -> None:
    base, model = several(docs_with() + PIECES, **FUNCTIONS)
    assert plan(base, ns)[1:] == [
        "pieces: create view of model Pieces", "pieces: add column loudly = loud(piece)",
        "pieces: add column later = piece + first",
    ]  # fmt: skip
    base.create_all(ns)
    assert plan(base, ns) == ["docs: up to date", "pieces: up to date"]
    assert model.columns()[:4] == ["pos", "size", "first", "piece"]
    assert rows(model.where(model.id < 3).select(model.pos, model.piece, model.loudly, model.later)) == [
        (0, "a", "a!", "aa"), (1, "b", "b!", "bb"), (0, "c", "c!", "cc"),
    ]  # fmt: skip
    twin = pxt.create_view(f"{ns}/twin", docs, iterator=pieces(docs.text))
    assert twin.columns() == ["pos", "size", "first", "piece", "id", "text", "n"]


@pytest.mark.usefixtures("docs")
def test_outputs_that_are_not_stored_follow_other_arguments(ns: str) -> None:
    models(PIECES).create_all(ns)
    view = pxt.get_table(f"{ns}/pieces")
    base = models(PIECES.replace("pieces(Docs.text)", "pieces(Docs.text + ' d', by='b')"))
    assert plan(base, ns)[1].startswith("pieces: alter the iterator from pieces(text) to pieces(text + ' d', by='b')")
    base.update_all(ns, allow_destructive=True)
    assert rows(view.where(view.id != 2).select(view.id, view.piece, view.loudly)) == [
        (1, "a ", "a !"), (1, " d", " d!"), (3, "", "!"), (3, " d", " d!"),
    ]  # fmt: skip
    assert plan(base, ns) == ["docs: up to date", "pieces: up to date"]


@pytest.mark.usefixtures("docs")
def test_a_model_with_other_outputs_is_another_view(ns: str) -> None:
    models(PIECES).create_all(ns)
    base = models("class Pieces(M, name='pieces', base=Docs, iterator=words(Docs.text)):\n  pass\n")
    assert "pieces: would have to be made by the iterator words(text)" in "\n".join(plan(base, ns))


def test_a_view_over_a_table_that_is_not_there_has_outputs_that_are_not_stored(ns: str) -> None:
    base, model = several(docs_with() + PIECES, **FUNCTIONS)
    base.create_all(ns)
    pxt.get_table(f"{ns}/docs").insert(id=1, text="a b", n=1)
    assert rows(model.select(model.piece, model.loudly)) == [("a", "a!"), ("b", "b!")]
