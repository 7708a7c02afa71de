"""Views follow a batch update of their base: rows that it sets and rows that it adds, in one operation."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable import RequestError
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
    columns = {"id": pxt.Int, "n": pxt.Int, "s": pxt.String, "x": pxt.Int | None}
    t = pxt.create_table(f"{ns}/t", columns, primary_key="id")
    t.add_computed_column(low=t.n % 3)
    t.insert({"id": n, "n": n, "s": f"a{n} b{n}"} for n in range(6))
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


def test_rows_leave_stay_and_come_as_the_filter_says(t: pxt.Table, v: pxt.Table) -> None:
    batch = [{"id": 1, "n": 3}, {"id": 2, "n": 8}, {"id": 3, "n": 4}, {"id": 9, "n": 7, "s": "z"}, {"id": 8, "n": 9}]
    batch[-1]["s"] = "no"
    status = t.batch_update(batch, if_not_exists="insert")
    assert rows(v.select(v.id, v.n, v.loud, v.note)) == [
        (2, 8, "a2 b2!", "mine"), (3, 4, "a3 b3!", None), (4, 4, "a4 b4!", "mine"), (5, 5, "a5 b5!", "mine"),
        (9, 7, "z!", None),
    ]  # fmt: skip
    stats = status.cascade_row_count_stats
    assert (stats.ins_rows, stats.del_rows) == (2, 1)


def test_each_row_computes_what_depends_on_the_columns_it_names(t: pxt.Table, v: pxt.Table) -> None:
    status = t.batch_update([{"id": 1, "x": 1}, {"id": 2, "s": "new"}, {"id": 4, "n": 4}])
    assert CALLS == ["new"]
    assert rows(v.where(v.id == 2).select(v.loud, v.note)) == [("new!", "mine")]
    assert status.cascade_row_count_stats.upd_rows == 1


def test_it_is_one_operation_that_revert_takes_back(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    x = pxt.create_view(f"{ns}/x", v.where(v.n > 1), additional_columns={"louder": shout(v.loud)})
    tables = (t, v, x)
    before = [(rows(table), table.get_versions()) for table in tables]
    batch = [{"id": 1, "n": 5}, {"id": 2, "s": "new"}, {"id": 3, "n": 4, "s": "c"}, {"id": 9, "n": 7, "s": "z"}]
    t.batch_update(batch, if_not_exists="insert")
    assert [len(table.get_versions()) for table in tables] == [len(versions) + 1 for _, versions in before]
    assert rows(x.select(x.id, x.louder)) == [
        (1, "a1 b1!!"), (2, "new!!"), (3, "c!!"), (4, "a4 b4!!"), (5, "a5 b5!!"), (9, "z!!"),
    ]  # fmt: skip
    t.revert()
    assert [(rows(table), table.get_versions()) for table in tables] == before


def test_lists_are_made_anew_only_where_the_argument_is_set(t: pxt.Table, w: pxt.Table) -> None:
    batch = [{"id": 1, "x": 1}, {"id": 2, "s": "c d e"}, {"id": 3, "n": 0}, {"id": 9, "n": 7, "s": "z"}]
    t.batch_update(batch, if_not_exists="insert")
    assert CALLS == ["c d e", "z"]
    assert rows(w.where(w.id > 0).select(w.id, w.pos, w.word, w.note)) == [
        (1, 0, "a1", "mine"), (1, 1, "b1", "mine"), (2, 0, "c", None), (2, 1, "d", None), (2, 2, "e", None),
        (3, 0, "a3", "mine"), (3, 1, "b3", "mine"), (4, 0, "a4", "mine"), (4, 1, "b4", "mine"),
        (5, 0, "a5", "mine"), (5, 1, "b5", "mine"), (9, 0, "z", None),
    ]  # fmt: skip


def test_lists_stay_where_only_the_filter_reads_what_is_set(ns: str, t: pxt.Table) -> None:
    w = pxt.create_view(
        f"{ns}/w", t.where(t.n < 5), iterator=words(t.s), additional_columns={"note": pxt.String | None}
    )
    w.update({"note": "mine"})
    CALLS.clear()
    t.batch_update([{"id": 1, "n": 2}, {"id": 2, "n": 5}, {"id": 5, "n": 0}])
    assert CALLS == ["a5 b5"]
    found = rows(w.where(w.pos == 0).select(w.id, w.note))
    assert found == [(0, "mine"), (1, "mine"), (3, "mine"), (4, "mine"), (5, None)]


def test_views_over_an_exploded_view_follow(ns: str, t: pxt.Table, w: pxt.Table) -> None:
    x = pxt.create_view(f"{ns}/x", w.where(w.n < 8), additional_columns={"loud": shout(w.word)})
    batch = [{"id": 0, "n": 9}, {"id": 1, "s": "q"}, {"id": 7, "n": 1, "s": "r s"}, {"id": 8, "n": 8, "s": "no"}]
    t.batch_update([*batch, {"id": 2, "s": "u", "n": 0}], if_not_exists="insert")
    found = [(1, "q!"), (2, "u!"), (7, "r!"), (7, "s!")]
    assert rows(x.where((x.id < 3) | (x.id > 5)).select(x.id, x.loud)) == found


def test_without_cascade_views_follow_what_was_set(t: pxt.Table, v: pxt.Table) -> None:
    t.batch_update([{"id": 1, "n": 3, "s": "new"}], cascade=False)
    assert rows(v.where(v.id == 1).select(v.low, v.loud)) == [(1, "new!")]


def test_what_a_view_refuses_is_not_written(t: pxt.Table, v: pxt.Table) -> None:
    v.add_btree_index("loud", unique=True)
    batch = [{"id": 1, "s": "same"}, {"id": 2, "s": "same"}]
    assert "/v'" in refused(t, lambda: t.batch_update(batch), RequestError, "CONSTRAINT_VIOLATION")
    assert rows(v.where(v.id < 3).select(v.loud)) == [("a1 b1!",), ("a2 b2!",)]


def test_cells_of_other_code_stay_stale_in_a_view(t: pxt.Table, v: pxt.Table) -> None:
    v.add_computed_column(louder=shout(v.loud))
    v.alter_computed_column(loud=shout(t.s + "?"), recompute=False)
    t.batch_update([{"id": 1, "n": 3}, {"id": 2, "n": 5}, {"id": 3, "n": 4}, {"id": 4, "s": "c"}])
    assert v.stale()["cells"][0] >= 2
    v.recompute_columns(stale_only=True)
    assert rows(v.select(v.loud)) == [("a2 b2?!",), ("a3 b3?!",), ("c?!",), ("a5 b5?!",)]


def test_many_groups_keep_a_view_in_order(t: pxt.Table, v: pxt.Table) -> None:
    t.batch_update([{"id": 100 + n, "n": n, "s": str(n)} for n in range(300)], if_not_exists="insert")
    t.batch_update([{"id": 100 + n, "n": 1} if n % 2 else {"id": 100 + n, "s": "s"} for n in range(300)])
    expected = [100 + n for n in range(300) if n % 2 or n % 3]
    assert [found for (found,) in rows(v.where(v.id > 99).select(v.id))] == expected
