"""Iterators that fail for a row: an error of the view, until the iterator succeeds or the row goes."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.session import change, views
from tests.api.refusals import refusal

BROKEN = {"boom"}


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        if word in BROKEN:
            raise ValueError(f"no {word}")
        yield {"word": word}


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pytest.fixture(autouse=True)
def broken() -> Iterator[set[str]]:
    """The words that break the iterator, as they are at first; a test may mend some."""
    yield BROKEN
    BROKEN.clear()
    BROKEN.add("boom")


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/t", {"id": pxt.Int, "text": pxt.String, "x": pxt.Int | None}, primary_key="id")


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.text))
    t.insert([{"id": 1, "text": "a boom"}, {"id": 2, "text": "b c"}, {"id": 3, "text": "boom"}], on_error="ignore")
    return v


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def failed(view: pxt.Table) -> list[str]:
    found = view.errors()
    assert set(found["column"]) <= {"pos"}
    assert set(found["errortype"]) <= {"ValueError"}
    return list(found["errormsg"])


def test_it_is_an_error_of_the_view_and_no_row(t: pxt.Table, v: pxt.Table) -> None:
    assert failed(v) == ["no boom", "no boom"]
    assert v.errors("pos") == v.errors()
    assert rows(v.select(v.id, v.word)) == [(2, "b"), (2, "c")]
    assert v.count() == 2
    assert len(t.errors()) == 0


def test_it_is_named_by_the_row_of_the_base(t: pxt.Table, v: pxt.Table) -> None:
    first, second = v.errors()["_rowid"]
    t.batch_update([{"_rowid": first, "text": "x"}, {"_rowid": second, "text": "boom2"}])
    assert rows(v.select(v.id, v.word)) == [(1, "x"), (2, "b"), (2, "c"), (3, "boom2")]
    assert failed(v) == []


def test_an_update_of_the_argument_tries_again(t: pxt.Table, v: pxt.Table) -> None:
    t.update({"x": 1})
    assert failed(v) == ["no boom", "no boom"]
    t.update({"text": "d"}, where=t.id == 1)
    assert (failed(v), rows(v.where(v.id == 1).select(v.word))) == (["no boom"], [("d",)])
    status = t.update({"text": "boom"}, where=t.id == 2)
    assert (failed(v), v.count(), status.num_excs) == (["no boom", "no boom"], 1, 1)


def test_it_goes_with_the_row(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.id < 9), iterator=words(t.text))
    t.insert([{"id": n, "text": "boom"} for n in range(4)], on_error="ignore")
    t.delete(where=t.id == 1)
    assert len(failed(v)) == 3
    t.update({"x": 5}, where=t.id == 2)
    assert len(failed(v)) == 3
    t.delete()
    assert failed(v) == []


def test_it_goes_when_the_row_leaves_what_the_view_is_over(ns: str, t: pxt.Table) -> None:
    some = pxt.create_view(f"{ns}/some", t.where(t.x > 0))
    v = pxt.create_view(f"{ns}/v", some.where(some.x < 5), iterator=words(some.text))
    t.insert([{"id": 1, "text": "boom", "x": 1}, {"id": 2, "text": "boom", "x": 2}], on_error="ignore")
    t.update({"x": 0}, where=t.id == 1)
    assert failed(v) == ["no boom"]
    t.update({"x": 9}, where=t.id == 2)
    assert failed(v) == []
    t.update({"x": 1})
    assert failed(v) == ["no boom", "no boom"]


def test_recomputing_tries_again(t: pxt.Table, v: pxt.Table, ns: str, broken: set[str]) -> None:
    v.add_computed_column(loud=shout(v.word))
    w = pxt.create_view(f"{ns}/w", v.where(v.word != "b"), additional_columns={"louder": shout(v.loud)})
    t.update({"text": "bang"}, where=t.id == 3)
    broken.add("bang")
    t.update({"text": "bang boom"}, where=t.id == 3)
    broken.discard("boom")
    before = t.get_versions()
    status = v.recompute_columns(errors_only=True)
    assert (status.row_count_stats.ins_rows, status.num_excs) == (2, 1)
    assert rows(v.select(v.id, v.pos, v.loud)) == [(1, 0, "a!"), (1, 1, "boom!"), (2, 0, "b!"), (2, 1, "c!")]
    assert rows(w.select(w.id, w.louder)) == [(1, "a!!"), (1, "boom!!"), (2, "c!!")]
    assert (failed(v), t.get_versions()) == (["no bang"], before)
    broken.clear()
    v.recompute_columns("pos", errors_only=True)
    assert (failed(v), rows(v.where(v.id == 3).select(v.word))) == ([], [("bang",), ("boom",)])
    assert v.recompute_columns(errors_only=True).num_rows == 0


def test_a_new_try_can_be_reverted(v: pxt.Table, broken: set[str]) -> None:
    before = rows(v), v.errors()
    broken.clear()
    v.recompute_columns(errors_only=True)
    v.revert()
    assert (rows(v), v.errors()) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.insert(id=4, text="boom", on_error="ignore"),
        lambda t: t.update({"text": "d"}, where=t.id == 3),
        lambda t: t.update({"text": "a boom boom"}, where=t.id == 3),
        lambda t: t.delete(where=t.id == 3),
        lambda t: t.batch_update([{"id": 3, "text": "e"}, {"id": 2, "text": "boom"}]),
        lambda t: t.restore(0),
    ],
)
def test_revert_of_the_base_takes_it_back(t: pxt.Table, v: pxt.Table, write) -> None:
    before = rows(v), v.errors(), v.get_versions()
    write(t)
    assert len(v.get_versions()) == len(before[2]) + 1
    t.revert()
    assert (rows(v), v.errors(), v.get_versions()) == before


def test_restore_brings_it_back(t: pxt.Table, v: pxt.Table) -> None:
    t.delete()
    t.insert(id=7, text="boom", on_error="ignore")
    t.restore(1)
    assert failed(v) == ["no boom", "no boom"]


def test_old_versions_of_the_view_have_their_failures(ns: str, t: pxt.Table, v: pxt.Table, broken: set[str]) -> None:
    version = v.get_versions(1)[0]["version"]
    frozen = pxt.create_snapshot(f"{ns}/s", v)
    before = v.errors()
    t.update({"text": "d"}, where=t.id == 1)
    broken.clear()
    v.recompute_columns(errors_only=True)
    assert failed(v) == []
    assert v.at(version=version).errors() == before
    assert frozen.count() == 2


def test_what_only_the_filter_reads_leaves_lists_that_were_made(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.x < 5), iterator=words(t.text), additional_columns={"y": pxt.Int | None})
    t.insert([{"id": n, "text": ("a", "boom")[n % 2], "x": 1} for n in range(4)], on_error="ignore")
    v.update({"y": 1})
    t.update({"x": 2})
    assert (failed(v), rows(v.select(v.id, v.y))) == (["no boom"] * 2, [(0, 1), (2, 1)])
    t.update({"x": 7}, where=t.id < 2)
    assert (failed(v), rows(v.select(v.id, v.y))) == (["no boom"], [(2, 1)])
    t.update({"x": 1})
    assert (failed(v), rows(v.select(v.id, v.y))) == (["no boom"] * 2, [(0, None), (2, 1)])


def test_an_update_notices_a_list_that_was_made_meanwhile(ns: str, t: pxt.Table, monkeypatch, broken: set[str]) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.text), additional_columns={"more": t.x + 1})
    t.insert(id=1, text="boom", x=1, on_error="ignore")
    broken.clear()
    write, made = change.write_change, []

    def remake_first(*args):
        if not made:
            made.append(v.recompute_columns(errors_only=True))
        return write(*args)

    monkeypatch.setattr(change, "write_change", remake_first)
    t.update({"x": 5})
    assert rows(v.select(v.word, v.more)) == [("boom", 6)]


def test_a_view_made_over_rows_has_their_failures(ns: str, t: pxt.Table, monkeypatch) -> None:
    t.insert([{"id": n, "text": "boom" if n % 2 else "a"} for n in range(6)])
    append, written = views._append, []  # noqa: SLF001  # a write comes between reading rows and appending theirs

    def write_first(*args):
        if not written:
            written.append(None)
            t.update({"text": "boom boom"}, where=t.id == 0)
        return append(*args)

    monkeypatch.setattr(views, "_append", write_first)
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.text))
    assert (failed(v), v.count()) == (["no boom"] * 4, 2)


def test_a_row_of_an_exploded_view_may_fail_too(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    w = pxt.create_view(f"{ns}/w", v, iterator=words(v.word))
    t.insert(id=5, text="d e")
    assert (failed(w), rows(w.where(w.id == 5).select(w.word))) == ([], [("d",), ("e",)])
    BROKEN.add("e")
    BROKEN.discard("boom")
    t.update({"text": "boom"}, where=t.id == 5)
    BROKEN.add("boom")
    w.recompute_columns(errors_only=True)
    assert failed(w) == []


def test_abort_is_abort(t: pxt.Table, v: pxt.Table) -> None:
    before = v.errors()
    with pytest.raises(RequestError, match="no boom"):
        t.insert(id=9, text="boom")
    assert (v.errors(), t.count()) == (before, 3)


def test_only_a_view_with_an_iterator_has_such_errors(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    w = pxt.create_view(f"{ns}/w", v)
    for table in (t, w):
        message = refusal(
            lambda table=table: table.recompute_columns(errors_only=True), RequestError, "INVALID_ARGUMENT"
        )
        assert "no iterator" in message
    refusal(lambda: v.recompute_columns(errors_only=True, where=v.id == 1), RequestError, "INVALID_ARGUMENT")


@pytest.mark.usefixtures("v")
def test_they_are_counted_in_the_tree(ns: str) -> None:
    assert [(node["name"], node["error_count"]) for node in pxt.get_dir_tree(ns)] == [("t", 0), ("v", 2)]
