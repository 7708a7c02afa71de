"""Batch updates of views: rows by the key of their base or by number, and only the view's own columns."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import even_only
from tests.api.refusals import refused


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "n": pxt.Int, "s": pxt.String}, primary_key="id")
    t.insert({"id": n, "n": n, "s": f"a{n} b{n}"} for n in range(6))
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    """`stars` and `note` can be set; `more` is computed from the first, and from the base."""
    v = pxt.create_view(
        f"{ns}/v", t.where(t.n > 1), additional_columns={"stars": pxt.Int | None, "note": pxt.String | None}
    )
    v.add_computed_column(more=v.stars + v.n)
    return v


@pytest.fixture
def w(ns: str, t: pxt.Table) -> pxt.Table:
    """Rows of the words of `s`, which `_rowid`s can be had of: a cell of each fails."""
    columns = {"failed": even_only(t.id * 2 + 1), "note": pxt.String | None}
    t.delete(t.id > 1)
    w = pxt.create_view(f"{ns}/w", t, iterator=words(t.s), additional_columns={"note": pxt.String | None})
    w.add_computed_column(on_error="ignore", failed=columns["failed"])
    return w


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_rows_are_known_by_the_key_of_the_base(t: pxt.Table, v: pxt.Table) -> None:
    before, versions = rows(t), v.get_versions()
    status = v.batch_update([{"id": 4, "stars": 1, "note": "x"}, {"id": 2, "stars": 5}, {"id": 3}])
    assert rows(v.select(v.id, v.stars, v.note, v.more)) == [
        (2, 5, None, 7), (3, None, None, None), (4, 1, "x", 5), (5, None, None, None),
    ]  # fmt: skip
    assert (status.num_rows, status.updated_cols) == (2, ["v.stars", "v.note", "v.more"])
    assert v.get_versions()[1:] == versions
    assert rows(t) == before
    v.revert()
    assert v.collect()["stars"] == [None] * 4


def test_rows_are_returned_as_the_view_has_them(v: pxt.Table) -> None:
    status = v.batch_update([{"id": 4, "note": "x"}, {"id": 2, "stars": 5}], return_rows=True)
    assert status.rows == [
        {"id": 4, "n": 4, "s": "a4 b4", "stars": None, "note": "x", "more": None},
        {"id": 2, "n": 2, "s": "a2 b2", "stars": 5, "note": None, "more": 7},
    ]


def test_a_row_that_the_view_does_not_have(v: pxt.Table) -> None:
    batch = [{"id": 1, "stars": 1}, {"id": 2, "stars": 2}]
    assert "id=1" in refused(v, lambda: v.batch_update(batch), NotFoundError, "ROW_NOT_FOUND")
    refused(v, lambda: v.batch_update(batch, if_not_exists="insert"), RequestError, "UNSUPPORTED_OPERATION")
    assert v.batch_update(batch, if_not_exists="ignore").num_rows == 1
    assert rows(v.where(v.id < 3).select(v.id, v.stars)) == [(2, 2)]


@pytest.mark.parametrize("column", ["n", "more", "nothing"])
def test_only_plain_columns_of_the_view_are_set(v: pxt.Table, column: str) -> None:
    batch = [{"id": 2, column: 1}]
    kind, code = (NotFoundError, "COLUMN_NOT_FOUND") if column == "nothing" else (RequestError, "UNSUPPORTED_OPERATION")
    assert f"'{column}'" in refused(v, lambda: v.batch_update(batch), kind, code)


def test_views_over_it_follow(ns: str, v: pxt.Table) -> None:
    x = pxt.create_view(f"{ns}/x", v.where(v.stars > 2), additional_columns={"own": pxt.Int | None})
    x.add_computed_column(plus=x.stars + 1)
    v.batch_update([{"id": n, "stars": n} for n in range(2, 6)])
    status = v.batch_update([{"id": 3, "stars": 0}, {"id": 2, "stars": 9}, {"id": 5, "note": "x"}])
    assert rows(x.select(x.id, x.plus, x.note)) == [(2, 10, None), (4, 5, None), (5, 6, "x")]
    stats = status.cascade_row_count_stats
    assert (stats.ins_rows, stats.del_rows) == (1, 1)
    x.batch_update([{"id": 2, "own": 2}])
    assert rows(x.select(x.own)) == [(2,), (None,), (None,)]


def test_the_key_goes_by_the_name_that_the_view_has_for_it(ns: str, t: pxt.Table) -> None:
    columns = {"stars": pxt.Int | None}
    named = pxt.create_view(f"{ns}/named", t.select(key=t.id, id=t.n + 100), additional_columns=columns)
    over = pxt.create_view(f"{ns}/over", named.select(k=named.key), additional_columns=columns)
    named.batch_update([{"key": 2, "stars": 5}])
    over.batch_update([{"k": 3, "stars": 6}])
    assert rows(named.where(named.stars != None).select(named.key)) == [(2,)]  # noqa: E711  # how a null test is written
    assert rows(over.where(over.stars != None).select(over.k)) == [(3,)]  # noqa: E711  # as above
    assert "'id'" in refused(
        named, lambda: named.batch_update([{"key": 2, "id": 1}]), RequestError, "UNSUPPORTED_OPERATION"
    )
    hidden = pxt.create_view(f"{ns}/hidden", t.select(t.n), additional_columns=columns)
    batch = [{"id": 2, "stars": 5}]
    refused(hidden, lambda: hidden.batch_update(batch), RequestError, "UNSUPPORTED_OPERATION")


def test_a_view_of_a_table_without_a_key(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"stars": pxt.Int | None, "e": even_only(t.n)})
    t.insert([{"n": n} for n in range(4)], on_error="ignore")
    v.batch_update([{"_rowid": row, "stars": 1} for row in v.errors()["_rowid"]])
    assert rows(v.select(v.n, v.stars)) == [(0, None), (1, 1), (2, None), (3, 1)]
    batch = [{"n": 1, "stars": 1}]
    assert "/t'" in refused(v, lambda: v.batch_update(batch), RequestError, "UNSUPPORTED_OPERATION")


def test_a_view_over_a_snapshot(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", pxt.create_snapshot(f"{ns}/s", t), additional_columns={"stars": pxt.Int | None})
    t.batch_update([{"id": 1, "n": 7}])
    t.delete(t.id == 2)
    v.batch_update([{"id": 1, "stars": 1}, {"id": 2, "stars": 2}])
    assert rows(v.where(v.id < 4).select(v.id, v.n, v.stars)) == [(0, 0, None), (1, 1, 1), (2, 2, 2), (3, 3, None)]


def test_rows_of_lists_are_known_by_their_numbers(ns: str, w: pxt.Table) -> None:
    numbers = list(w.errors()["_rowid"])
    status = w.batch_update([{"_rowid": numbers[1], "note": "x"}, {"_rowid": numbers[2], "note": "y"}])
    assert status.num_rows == 2
    assert rows(w.select(w.word, w.note)) == [("a0", None), ("b0", "x"), ("a1", "y"), ("b1", None)]
    batch = [{"id": 1, "note": "x"}]
    assert "several rows" in refused(w, lambda: w.batch_update(batch), RequestError, "UNSUPPORTED_OPERATION")
    made = [{"_rowid": numbers[0], "word": "x"}]
    assert "iterator" in refused(w, lambda: w.batch_update(made), RequestError, "UNSUPPORTED_OPERATION")
    over = pxt.create_view(f"{ns}/over", w, additional_columns={"stars": pxt.Int | None})
    refused(over, lambda: over.batch_update(batch), RequestError, "UNSUPPORTED_OPERATION")
    over.batch_update([{"_rowid": numbers[3], "stars": 3}])
    assert over.collect()["stars"] == [None, None, None, 3]


def test_in_a_transaction_with_its_base(t: pxt.Table, v: pxt.Table) -> None:
    with pxt.transaction():
        t.insert(id=7, n=7, s="new")
        v.batch_update([{"id": 7, "stars": 1}, {"id": 2, "stars": 2}])
    assert rows(v.where(v.stars > 0).select(v.id, v.more)) == [(2, 4), (7, 8)]
