import datetime
import uuid

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import even_only, letters, twice
from tests.api.refusals import refused

calls: list[int] = []


@pxt.udf
def counted(n: int) -> int:
    calls.append(n)
    return n + 1


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """`b` = 2 a is in the first heap, `c` = b + 1 in a second one; `other` is computed from `x`."""
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "a": pxt.Int | None, "x": pxt.Int | None}, primary_key="id")
    t.add_computed_column(b=twice(t.a))
    t.insert([{"id": n, "a": n, "x": n} for n in range(5)])
    t.add_computed_column(c=t.b + 1)
    t.add_computed_column(other=counted(t.x))
    calls.clear()
    return t


def rows(t: pxt.Table) -> dict[int, tuple[object, ...]]:
    found = t.collect()
    return dict(
        zip(found["id"], zip(found["a"], found["b"], found["c"], found["x"], found["other"], strict=True), strict=True)
    )


def test_rows_are_updated_by_their_key(t: pxt.Table) -> None:
    before = t.get_versions()
    status = t.batch_update([{"id": 3, "a": 30}, {"id": 1, "a": None}])
    assert rows(t)[3] == (30, 60, 61, 3, 4)
    assert rows(t)[1] == (None, None, None, 1, 2)
    assert (status.num_rows, status.updated_cols, status.num_computed_values) == (2, ["t.a", "t.b", "t.c"], 4)
    assert calls == [], "only what depends on the columns set is computed"
    assert t.get_versions()[1:] == before
    assert t.get_versions()[0]["updates"] == 2


def test_each_row_sets_the_columns_it_names(t: pxt.Table) -> None:
    t.batch_update([{"id": 0, "a": 10}, {"id": 1, "x": 10}, {"id": 2, "a": 20, "x": 20}, {"id": 3}])
    assert rows(t) == {
        0: (10, 20, 21, 0, 1), 1: (1, 2, 3, 10, 11), 2: (20, 40, 41, 20, 21), 3: (3, 6, 7, 3, 4), 4: (4, 8, 9, 4, 5),
    }  # fmt: skip
    assert sorted(calls) == [10, 20]
    assert len(t.get_versions()) == 6


def test_revert_takes_all_of_it_back(t: pxt.Table) -> None:
    before = list(t.collect()), t.get_versions()
    t.batch_update([{"id": 0, "a": 10}, {"id": 1, "x": 10}, {"id": 9, "a": 9}], if_not_exists="insert")
    assert t.count() == 6
    t.revert()
    assert (list(t.collect()), t.get_versions()) == before


def test_without_cascade_dependents_stay(t: pxt.Table) -> None:
    t.batch_update([{"id": 3, "a": 30}], cascade=False)
    assert rows(t)[3] == (30, 6, 7, 3, 4)


def test_a_key_that_no_row_has(t: pxt.Table) -> None:
    batch = [{"id": 1, "a": 10}, {"id": 7, "a": 70}]
    assert "id=7" in refused(t, lambda: t.batch_update(batch), NotFoundError, "ROW_NOT_FOUND")
    assert t.batch_update(batch, if_not_exists="ignore").num_rows == 1
    status = t.batch_update([*batch, {"id": 8}], if_not_exists="insert")
    assert (status.row_count_stats.ins_rows, status.row_count_stats.upd_rows) == (2, 1)
    assert rows(t)[7] == (70, 140, 141, None, None)
    assert t.collect()["id"] == [0, 1, 2, 3, 4, 7, 8]


def test_rows_are_returned_as_stored_in_the_order_given(t: pxt.Table) -> None:
    batch = [{"id": 7, "a": 7, "x": 1}, {"id": 3, "x": 5}, {"id": 1, "a": 0}]
    status = t.batch_update(batch, if_not_exists="insert", return_rows=True)
    assert status.rows == [
        {"id": 7, "a": 7, "x": 1, "b": 14, "c": 15, "other": 2},
        {"id": 3, "a": 3, "x": 5, "b": 6, "c": 7, "other": 6},
        {"id": 1, "a": 0, "x": 1, "b": 0, "c": 1, "other": 2},
    ]


def test_new_rows_get_defaults_and_must_have_what_is_required(ns: str) -> None:
    t = pxt.create_table(
        f"{ns}/t", {"id": pxt.Int, "r": pxt.Int, "d": {"type": pxt.Int, "default": 5}}, primary_key="id"
    )
    t.batch_update([{"id": 1, "r": 1}], if_not_exists="insert")
    assert list(t.collect()) == [{"id": 1, "r": 1, "d": 5}]
    refused(t, lambda: t.batch_update([{"id": 2, "d": 1}], if_not_exists="insert"), RequestError, "MISSING_REQUIRED")
    refused(t, lambda: t.batch_update([{"id": 1, "r": None}]), RequestError, "MISSING_REQUIRED")


def test_a_key_of_several_columns(ns: str) -> None:
    key = {"u": pxt.UUID, "d": pxt.Date, "s": pxt.String}
    t = pxt.create_table(f"{ns}/t", {**key, "n": pxt.Int}, primary_key=list(key))
    one, day = uuid.UUID(int=1), datetime.date(2024, 1, 2)
    t.insert([{"u": one, "d": day, "s": "a'\\", "n": 1}, {"u": one, "d": day, "s": "b", "n": 1}])
    t.batch_update([{"u": one, "d": day, "s": "a'\\", "n": 5}])
    assert t.collect()["n"] == [5, 1]
    refused(t, lambda: t.batch_update([{"u": one, "s": "b", "n": 5}]), RequestError, "MISSING_REQUIRED")


def test_rows_by_their_number(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(e=even_only(t.n))
    t.insert([{"n": n} for n in range(4)], on_error="ignore")
    failed = t.errors()["_rowid"]
    t.batch_update([{"_rowid": row, "n": 100} for row in failed])
    assert t.collect()["e"] == [0, 100, 2, 100]
    refused(t, lambda: t.batch_update([{"n": 1}]), RequestError, "UNSUPPORTED_OPERATION")
    refused(t, lambda: t.batch_update([{"_rowid": -1, "n": 1}]), RequestError, "TYPE_MISMATCH")
    batch = [{"_rowid": 2**60, "n": 1}]
    refused(t, lambda: t.batch_update(batch), NotFoundError, "ROW_NOT_FOUND")
    refused(t, lambda: t.batch_update(batch, if_not_exists="insert"), RequestError, "UNSUPPORTED_OPERATION")


def test_vectors_follow_and_failed_cells_are_counted(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "s": pxt.String, "n": pxt.Int}, primary_key="id")
    t.add_computed_column(e=even_only(t.n))
    t.add_embedding_index("s", embedding=letters)
    t.insert([{"id": n, "s": "abc"[n], "n": 2} for n in range(3)])
    status = t.batch_update(
        [{"id": 0, "s": "bb"}, {"id": 1, "n": 3}, {"id": 5, "s": "ab", "n": 4}], if_not_exists="insert"
    )
    assert status.num_excs == 1
    assert status.cols_with_excs == ["t.e"]
    near = t.order_by(t.s.similarity(string="b"), asc=False).limit(3).collect()
    assert set(near["id"]) == {0, 1, 5}


def test_rows_without_entries_in_an_added_column(t: pxt.Table) -> None:
    t.add_column(k=pxt.Int | None)
    t.batch_update([{"id": 1, "k": 1}, {"id": 3, "k": 3, "a": 0}])
    assert t.collect()["k"] == [None, 1, None, 3, None]
    t.revert()
    assert t.collect()["k"] == [None] * 5


def test_cells_of_other_code_stay_stale_where_only_other_rows_are_computed(t: pxt.Table) -> None:
    t.alter_computed_column(b=twice(t.a) + 1, recompute=False)
    t.batch_update([{"id": 0, "a": 1}, {"id": 1, "x": 1}])
    assert t.stale()["cells"][0] >= 4
    t.recompute_columns(stale_only=True)
    assert t.collect()["b"] == [3, 3, 5, 7, 9]


@pytest.mark.parametrize(
    ("batch", "kind", "code"),
    [
        ([], RequestError, "INVALID_ARGUMENT"),
        ({"id": 1}, RequestError, "INVALID_ARGUMENT"),
        ([1], RequestError, "INVALID_ARGUMENT"),
        ([{"a": 1}], RequestError, "MISSING_REQUIRED"),
        ([{"id": 1, "zz": 1}], NotFoundError, "COLUMN_NOT_FOUND"),
        ([{"id": 1, "b": 1}], RequestError, "UNSUPPORTED_OPERATION"),
        ([{"id": 0, "x": 1}, {"id": 1, "a": "x"}], RequestError, "TYPE_MISMATCH"),
        ([{"id": None, "a": 1}], RequestError, "MISSING_REQUIRED"),
        ([{"id": 1, "a": 1}, {"id": 2}, {"id": 1, "a": 2}], RequestError, "INVALID_ARGUMENT"),
    ],
)
def test_bad_rows_are_refused(t: pxt.Table, batch: list[object], kind: type[pxt.Error], code: str) -> None:
    refused(t, lambda: t.batch_update(batch), kind, code)


def test_errors_name_the_row(t: pxt.Table) -> None:
    message = refused(t, lambda: t.batch_update([{"id": 0}, {"id": 1, "a": "x"}]), RequestError, "TYPE_MISMATCH")
    assert "row 1, column 'a'" in message


def test_expressions_are_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.batch_update([{"id": 0, "a": t.a + 1}]), RequestError, "UNSUPPORTED_OPERATION")


@pytest.mark.slow
def test_many_rows_are_updated_at_once(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "n": pxt.Int}, primary_key="id")
    t.insert([{"id": n, "n": 0} for n in range(10_000)])
    t.batch_update([{"id": n, "n": n} for n in range(5_000, 15_000)], if_not_exists="insert")
    assert t.count() == 15_000
    assert t.where(t.n == t.id).count() == 10_001
