"""`recompute_columns`: cells computed again, all, failed ones, or those of some rows."""

import numpy as np
import pytest

import pixeltable as pxt

CALLS: list[int] = []
BROKEN: set[int] = set()
FACTOR = [10]


@pxt.udf
def scaled(n: int) -> int:
    CALLS.append(n)
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    return n * FACTOR[0]


@pxt.udf
def plus_one(n: int) -> int:
    return n + 1


@pytest.fixture
def table(ns: str) -> pxt.Table:
    BROKEN.clear()
    BROKEN.update({2, 4})
    FACTOR[0] = 10
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "other": pxt.Int | None})
    table.add_computed_column(scaled=scaled(table.n))
    table.add_computed_column(more=plus_one(table.scaled))
    table.insert([{"n": n} for n in range(6)], on_error="ignore")
    CALLS.clear()
    return table


def cells(table: pxt.Table, *names: str) -> list[tuple[object, ...]]:
    found = table.collect()
    return list(zip(*(found[name] for name in names), strict=True))


def test_failed_cells_alone_are_computed_again(table: pxt.Table) -> None:
    BROKEN.discard(2)
    status = table.recompute_columns("scaled", errors_only=True)
    assert sorted(CALLS) == [2, 4]
    assert cells(table, "scaled", "more") == [(0, 1), (10, 11), (20, 21), (30, 31), (None, None), (50, 51)]
    assert (status.num_rows, status.num_excs) == (2, 2)
    assert status.cols_with_excs == ["t.scaled", "t.more"]


def test_errors_go_with_the_cause(table: pxt.Table) -> None:
    BROKEN.clear()
    table.recompute_columns(table.scaled, errors_only=True)
    assert table.where(table.scaled.errortype != None).count() == 0  # noqa: E711
    assert table.where(table.more.errortype != None).count() == 0  # noqa: E711


def test_all_cells_are_computed_again_with_what_depends_on_them(table: pxt.Table) -> None:
    BROKEN.clear()
    FACTOR[0] = 100
    table.recompute_columns("scaled")
    assert sorted(CALLS) == [0, 1, 2, 3, 4, 5]
    assert cells(table, "scaled", "more") == [(100 * n, 100 * n + 1) for n in range(6)]


def test_without_cascade_what_depends_on_them_stays(table: pxt.Table) -> None:
    BROKEN.clear()
    FACTOR[0] = 100
    table.recompute_columns("scaled", cascade=False)
    assert cells(table, "scaled", "more")[1] == (100, 11)


@pxt.udf
def below_30(n: int) -> bool:
    return n < 30


def test_a_filter_in_python_may_look_at_the_column_itself(table: pxt.Table) -> None:
    BROKEN.clear()
    table.recompute_columns("scaled")
    FACTOR[0] = 1
    table.recompute_columns("scaled", where=below_30(table.scaled))
    assert cells(table, "scaled") == [(0,), (1,), (2,), (30,), (40,), (50,)]


def test_only_rows_that_the_filter_keeps(table: pxt.Table) -> None:
    FACTOR[0] = 100
    table.recompute_columns("scaled", where=table.n == 3)
    table.where(table.n == 5).recompute_columns(table.scaled)
    assert CALLS == [3, 5]
    assert cells(table, "scaled") == [(0,), (10,), (None,), (300,), (None,), (500,)]


def test_a_column_is_recomputed_by_its_reference(table: pxt.Table) -> None:
    BROKEN.clear()
    assert table.scaled.recompute(errors_only=True).num_rows == 2
    assert cells(table, "more")[4] == (41,)


def test_the_operation_is_a_version_that_can_be_reverted(table: pxt.Table) -> None:
    before = cells(table, "scaled", "more")
    FACTOR[0] = 100
    table.recompute_columns("scaled")
    assert table.get_versions(1)[0]["updates"] == 6
    table.revert()
    assert cells(table, "scaled", "more") == before


def test_a_column_in_a_heap_of_its_own_is_recomputed(table: pxt.Table) -> None:
    table.add_computed_column(late=scaled(table.n), on_error="ignore")
    FACTOR[0] = 1
    BROKEN.clear()
    table.recompute_columns("late")
    assert cells(table, "late") == [(n,) for n in range(6)]
    assert cells(table, "scaled")[1] == (10,)


def test_nothing_to_do_is_no_version(table: pxt.Table) -> None:
    version = table.get_metadata()["version"]
    status = table.recompute_columns("scaled", where=table.n == 99)
    assert (status.num_rows, table.get_metadata()["version"]) == (0, version)


@pytest.mark.parametrize("columns", [(), ("n",), ("nothing",), ("scaled", "n")])
def test_what_cannot_be_recomputed_is_refused(table: pxt.Table, columns: tuple[str, ...]) -> None:
    with pytest.raises(pxt.Error):
        table.recompute_columns(*columns)
    assert CALLS == []


def test_errors_only_takes_one_column(table: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="exactly one"):
        table.recompute_columns("scaled", "more", errors_only=True)


def test_an_index_follows(ns: str) -> None:
    table = pxt.create_table(f"{ns}/v", {"n": pxt.Int})
    table.add_computed_column(vector=direction(table.n))
    table.insert([{"n": n} for n in range(4)])
    table.add_embedding_index("vector", metric="ip")
    SIGN[0] = -1
    table.recompute_columns("vector")
    near = table.vector.similarity(vector=np.array([-1.0, -3.0], dtype="float32"))
    assert table.order_by(near, asc=False).limit(1).collect()["n"] == [3]


SIGN = [1]


@pxt.udf
def direction(n: int) -> pxt.Array[(2,), pxt.Float]:
    return np.array([SIGN[0] * 1.0, SIGN[0] * n], dtype="float32")


def test_a_row_that_others_change_again_and_again_does_not_hold_up_the_rest(ns: str) -> None:
    path = f"{ns}/t"

    @pxt.udf
    def meddling(n: int) -> int:
        if n == 5 and pxt.get_table(path).count() == 8:
            t = pxt.get_table(path)
            t.update({"m": t.m + 1}, where=t.n == 1)
        return n

    t = pxt.create_table(path, {"n": pxt.Int, "m": pxt.Int})
    t.add_computed_column(sum=meddling(t.n) + t.m)
    t.insert({"n": n, "m": 0} for n in range(1, 9))
    t.recompute_columns("sum")
    rows = t.order_by(t.n).collect()
    assert [row["sum"] - row["m"] for row in rows] == list(range(1, 9))
