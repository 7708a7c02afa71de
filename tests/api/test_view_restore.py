"""Views follow their base when it goes back to a version."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.session import restored_views
from tests.api.library import even_only
from tests.api.refusals import refused

CALLS: list[str] = []


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    return f"{s}!"


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    CALLS.append(text)
    yield from ({"word": word} for word in text.split())


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1: a computed column, 2: six rows."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String, "x": pxt.Int | None})
    t.add_computed_column(low=t.n % 3)
    t.insert({"n": n, "s": f"a{n} b{n}", "x": 0} for n in range(6))
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    columns = {"loud": shout(t.s), "note": pxt.String | None}
    v = pxt.create_view(f"{ns}/v", t.where(t.low > 0), additional_columns=columns)
    v.update({"note": "mine"})
    CALLS.clear()
    return v


@pytest.fixture
def w(ns: str, t: pxt.Table) -> pxt.Table:
    w = pxt.create_view(f"{ns}/w", t, iterator=words(t.s), additional_columns={"note": pxt.String | None})
    w.update({"note": "mine"})
    CALLS.clear()
    return w


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_rows_leave_stay_and_come(t: pxt.Table, v: pxt.Table) -> None:
    t.delete(where=t.n == 1)
    t.update({"n": 6}, where=t.n == 2)
    t.update({"n": 10}, where=t.n == 0)
    t.update({"s": "new"}, where=t.n == 4)
    t.insert(n=8, s="later")
    CALLS.clear()
    status = t.restore(2)
    assert rows(v.select(v.n, v.loud, v.note)) == [
        (1, "a1 b1!", None), (2, "a2 b2!", None), (4, "a4 b4!", "mine"), (5, "a5 b5!", "mine"),
    ]  # fmt: skip
    assert sorted(CALLS) == ["a1 b1", "a2 b2", "a4 b4"], "only what depends on what changed is computed"
    stats = status.cascade_row_count_stats
    assert (stats.ins_rows, stats.upd_rows, stats.del_rows) == (2, 1, 2)


def test_it_is_one_operation_that_revert_takes_back(ns: str, t: pxt.Table, v: pxt.Table, w: pxt.Table) -> None:
    x = pxt.create_view(f"{ns}/x", v.where(v.n > 1), additional_columns={"louder": shout(v.loud)})
    t.delete(where=t.n == 2)
    t.update({"n": 0}, where=t.n == 4)
    t.update({"s": "new"}, where=t.n == 5)
    tables = (t, v, w, x)
    before = [(rows(table), table.get_versions()) for table in tables]
    t.restore(2)
    assert [len(table.get_versions()) for table in tables] == [len(versions) + 1 for _, versions in before]
    assert rows(x.select(x.n, x.louder)) == [(2, "a2 b2!!"), (4, "a4 b4!!"), (5, "a5 b5!!")]
    t.revert()
    assert [(rows(table), table.get_versions()) for table in tables] == before


def test_lists_are_made_anew_only_where_the_argument_differs(t: pxt.Table, w: pxt.Table) -> None:
    t.update({"x": 1, "n": t.n + 1}, where=t.n < 2)
    t.update({"s": "c"}, where=t.n == 3)
    t.delete(where=t.n == 4)
    t.insert(n=7, s="gone soon")
    CALLS.clear()
    t.restore(2)
    assert sorted(CALLS) == ["a3 b3", "a4 b4"]
    assert rows(w.select(w.n, w.pos, w.word)) == [(n, pos, f"{'ab'[pos]}{n}") for n in range(6) for pos in (0, 1)]
    notes = [note for (note,) in rows(w.select(w.note))]
    assert notes == ["mine"] * 6 + [None] * 4 + ["mine"] * 2


def test_what_a_table_was_before_a_view_is_in_the_view(ns: str, t: pxt.Table) -> None:
    t.update({"n": t.n + 1, "s": "x"})
    w = pxt.create_view(f"{ns}/w", t.where(t.n < 3), iterator=words(t.s))
    t.restore(2)
    assert rows(w.select(w.n, w.word)) == [(n, word) for n in range(3) for word in (f"a{n}", f"b{n}")]
    t.restore(1)
    assert w.count() == 0
    t.restore(3)
    assert rows(w.select(w.n, w.word)) == [(1, "x"), (2, "x")]


def test_a_schema_of_then_that_a_view_can_do_with(t: pxt.Table, v: pxt.Table) -> None:
    t.add_column(more=pxt.Int | None)
    t.rename_column("s", "text")
    t.update({"text": "new", "more": 1}, where=t.n == 1)
    t.restore(2)
    assert v.columns() == ["loud", "note", "n", "s", "x", "low"]
    assert rows(v.where(v.n == 1).select(v.loud, v.s, v.note)) == [("a1 b1!", "a1 b1", "mine")]
    assert t.get_versions(1)[0]["change_type"] == "schema"


def test_a_version_without_what_a_view_needs_is_refused_before_anything_is_done(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(loud=shout(t.s))
    v = pxt.create_view(f"{ns}/v", t.where(t.low > 0), additional_columns={"louder": shout(t.loud)})
    t.update({"s": "new"}, where=t.n == 1)
    CALLS.clear()
    message = refused(t, lambda: t.restore(2), RequestError, "CONSTRAINT_VIOLATION")
    assert "cannot be restored to version 2" in message
    assert "'loud'" in message
    assert f"{ns}/v" in message
    assert CALLS == []
    assert rows(v.select(v.louder)) == [("new!!",), ("a2 b2!!",), ("a4 b4!!",), ("a5 b5!!",)]


def test_a_version_with_another_definition_of_what_a_view_reads_is_refused(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(sum=t.n + 1, stored=False)
    t.alter_computed_column(sum=t.n + 2)
    pxt.create_view(f"{ns}/v", t, additional_columns={"more": t.sum * 2})
    assert "'sum' cannot be altered" in refused(t, lambda: t.restore(3), RequestError, "CONSTRAINT_VIOLATION")


def test_failed_cells_of_then_are_failed_again(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(even=even_only(t.n))
    t.insert([{"n": 1}, {"n": 4}], on_error="ignore")
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"more": t.even + 1})
    t.update({"n": 2}, where=t.n == 1)
    assert rows(v.select(v.more)) == [(3,), (5,)]
    t.restore(2)
    assert rows(v.select(v.more)) == [(None,), (5,)]
    assert v.errors("more")["errormsg"] == ["1 is odd"]


def test_what_a_view_refuses_is_not_written(t: pxt.Table, v: pxt.Table) -> None:
    t.update({"s": "a1 b1"}, where=t.n == 2)
    t.update({"s": "other"}, where=t.n == 2)
    v.add_btree_index("loud", unique=True)
    assert "/v'" in refused(t, lambda: t.restore(3), RequestError, "CONSTRAINT_VIOLATION")
    assert rows(v.where(v.n < 3).select(v.loud)) == [("a1 b1!",), ("other!",)]


def test_what_others_write_meanwhile_is_restored_too(t: pxt.Table, v: pxt.Table, monkeypatch) -> None:
    follow, written = restored_views.view_changes, []

    def write_first(*args, **kwargs):
        made = follow(*args, **kwargs)
        if len(written) < 3:
            written.append(None)
            t.insert(n=40 + len(written), s="later")
            t.update({"s": "meanwhile"}, where=t.n == len(written))
            v.update({"note": "meanwhile"}, where=v.n == 5)
        return made

    t.update({"s": "before"}, where=t.n == 5)
    t.delete(where=t.n == 2)
    monkeypatch.setattr(restored_views, "view_changes", write_first)
    t.restore(2)
    assert len(written) == 3
    assert rows(t.select(t.n, t.s)) == [(n, f"a{n} b{n}") for n in range(6)]
    assert rows(v.select(v.n, v.loud, v.note)) == [
        (1, "a1 b1!", "mine"), (2, "a2 b2!", None), (4, "a4 b4!", "mine"), (5, "a5 b5!", "meanwhile"),
    ]  # fmt: skip


def test_nothing_is_held_while_functions_run(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"written": written(t.s)})
    t.update({"s": "new"})
    WRITTEN.append(pxt.create_table(f"{ns}/u", {"s": pxt.String}))
    t.restore(2)
    WRITTEN.clear()
    assert rows(v.select(v.written)) == [(1,)] * 6


WRITTEN: list[pxt.Table] = []


@pxt.udf
def written(s: str) -> int:
    """Write where something is to be written: a lock that is held would be waited for."""
    for table in WRITTEN:
        table.insert(s=s)
        table.add_column(**{s.replace(" ", "_"): pxt.Int | None}, if_exists="ignore")
    return len(WRITTEN)


def test_where_nothing_differs_there_is_no_version(t: pxt.Table, v: pxt.Table) -> None:
    versions = [table.get_versions() for table in (t, v)]
    t.restore(2)
    assert [table.get_versions() for table in (t, v)] == versions


def test_definitions_go_by_the_names_of_then(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    x = pxt.create_view(f"{ns}/x", v.where(v.n > 1), additional_columns={"more": t.x + 1})
    t.rename_column("s", "text")
    t.rename_column("n", "number")
    t.update({"text": "new"}, where=t.number == 2)
    t.restore(2)
    for view in (v, pxt.get_table(f"{ns}/v")):
        assert view.get_metadata()["columns"]["loud"]["computed_with"] == "shout(s)"
    assert x.get_metadata()["view_filter"] == "n > 1"
    assert rows(x.where(x.n < 3).select(x.n, x.loud, x.more)) == [(2, "a2 b2!", 1)]
