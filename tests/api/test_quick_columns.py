"""Columns whose functions are known to be quick are added in one transaction, with the same results as by a job."""

from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exceptions import CellFailure, ColumnTaken
from pixeltable.session import columns

CALLS: list[int] = []
DO_AT: dict[int, Callable[[], Any]] = {}


@pxt.udf
def noted(n: int) -> int:
    CALLS.append(n)
    action = DO_AT.pop(n, None)
    if action is not None:
        action()
    return n + 1


@pytest.fixture
def table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String | None})
    table.insert({"n": n} for n in range(300))
    DO_AT.clear()
    table.where(table.n < 10).select(noted(table.n)).collect()  # so that it is known to be quick
    CALLS.clear()
    return table


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns for which a job was registered."""
    registered: list[str] = []
    register = columns._register  # noqa: SLF001  # to see that it is called

    def noting(session: Any, connection: Any, record: Any, new: Any, if_exists: str) -> Any:
        registered.append(new.name)
        return register(session, connection, record, new, if_exists)

    monkeypatch.setattr(columns, "_register", noting)
    return registered


def cells(table: pxt.Table, name: str) -> list[Any]:
    found: list[Any] = table.order_by(table.n).collect()[name]
    return found


def fail(message: str) -> Callable[[], None]:
    def raising() -> None:
        raise ValueError(message)

    return raising


def test_no_job_is_needed(table: pxt.Table, jobs: list[str]) -> None:
    status = table.add_computed_column(c=noted(table.n))
    assert jobs == []
    assert len(CALLS) == 300
    assert cells(table, "c") == list(range(1, 301))
    assert (status.num_rows, status.num_excs, status.updated_cols) == (300, 0, ["t.c"])
    assert table.get_versions(1)[0]["schema_change"] == "Added: c"
    assert not table.stale()


def test_chains_of_columns_and_writes_after_them(table: pxt.Table, jobs: list[str]) -> None:
    table.add_computed_column(a=noted(table.n))
    table.add_computed_column(b=noted(table.a))
    table.add_computed_column(c=table.a + table.b)
    assert jobs == []
    assert cells(table, "c") == [2 * n + 3 for n in range(300)]
    table.update({"n": table.n + 1000}, where=table.n == 7)
    table.insert(n=5000)
    assert cells(table, "c")[-2:] == [2017, 10003]
    table.revert()
    table.revert()
    assert cells(table, "b") == list(range(2, 302))
    table.revert()
    assert table.columns() == ["n", "text", "a", "b"]


def test_a_write_meanwhile_leaves_the_rest_to_a_job(table: pxt.Table, jobs: list[str]) -> None:
    DO_AT[150] = lambda: table.update({"n": 9000}, where=table.n == 3)
    table.add_computed_column(c=noted(table.n))
    assert jobs == ["c"]
    assert cells(table, "c") == [n + 1 for n in [*range(3), *range(4, 300), 9000]]
    assert sorted(CALLS) == sorted([*range(300), 9000])


def test_a_row_inserted_meanwhile_gets_its_cell(table: pxt.Table, jobs: list[str]) -> None:
    DO_AT[150] = lambda: table.insert(n=7000)
    table.add_computed_column(c=noted(table.n))
    assert jobs == ["c"]
    assert cells(table, "c")[-1] == 7001


def test_a_write_and_its_revert_meanwhile_leave_the_right_cells(table: pxt.Table) -> None:
    def write_and_revert() -> None:
        table.update({"n": 9000}, where=table.n == 250)
        table.revert()

    DO_AT[150] = write_and_revert
    table.add_computed_column(c=noted(table.n))
    assert cells(table, "c") == list(range(1, 301))


def test_a_new_schema_meanwhile_is_noticed(table: pxt.Table) -> None:
    DO_AT[150] = lambda: table.add_computed_column(other=table.n * 2)
    table.add_computed_column(c=noted(table.n))
    assert cells(table, "c") == list(range(1, 301))
    assert cells(table, "other")[-1] == 598


def test_cells_that_fail_are_kept_as_errors(table: pxt.Table, jobs: list[str]) -> None:
    DO_AT[20] = fail("odd")
    status = table.add_computed_column(c=noted(table.n), on_error="ignore")
    assert jobs == []
    assert (status.num_excs, status.cols_with_excs) == (1, ["t.c"])
    assert table.where(table.c.errortype == "ValueError").select(table.n, m=table.c.errormsg).collect()[0] == {
        "n": 20, "m": "odd",
    }  # fmt: skip


def test_an_abort_keeps_what_is_done(table: pxt.Table) -> None:
    DO_AT[200] = fail("odd")
    with pytest.raises(CellFailure, match="odd"):
        table.add_computed_column(c=noted(table.n))
    assert table.columns() == ["n", "text"]
    before = len(CALLS)
    table.add_computed_column(c=noted(table.n))
    assert len(CALLS) - before == 300 - before + 1
    assert cells(table, "c") == list(range(1, 301))


def test_an_interrupt_leaves_no_column(table: pxt.Table) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    DO_AT[299] = interrupted
    with pytest.raises(KeyboardInterrupt):
        table.add_computed_column(c=noted(table.n))
    assert table.columns() == ["n", "text"]
    table.add_computed_column(c=noted(table.n))
    assert cells(table, "c") == list(range(1, 301))


def test_a_name_that_is_taken_is_refused_before_anything_is_computed(table: pxt.Table) -> None:
    with pytest.raises(ColumnTaken):
        table.add_computed_column(text=noted(table.n))
    assert CALLS == []


def test_queries_for_each_row_are_left_to_a_job(table: pxt.Table, jobs: list[str]) -> None:
    @pxt.query
    def equal_to(n: int) -> pxt.Query:
        return table.where(table.n == n).select(table.n)

    table.select(equal_to(table.n)).collect()
    table.add_computed_column(c=equal_to(table.n))
    assert jobs == ["c"]
    assert cells(table, "c")[7] == [{"n": 7}]


def test_a_function_not_called_before_is_left_to_a_job(table: pxt.Table, jobs: list[str]) -> None:
    @pxt.udf
    def unknown(n: int) -> int:
        return n

    table.add_computed_column(c=unknown(table.n))
    assert jobs == ["c"]
