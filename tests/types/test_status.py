"""Sums and texts of operation receipts."""

import time

import pytest

from pixeltable.types.status import RowCountStats, UpdateStatus


def test_totals_include_views() -> None:
    status = UpdateStatus(
        row_count_stats=RowCountStats(ins_rows=3, num_excs=1, computed_values=7),
        cascade_row_count_stats=RowCountStats(ins_rows=5, upd_rows=2, num_excs=2, computed_values=4),
    )
    assert (status.num_rows, status.num_excs, status.num_computed_values, status.pxt_rows_updated) == (10, 3, 11, 2)


def test_sum_names_each_column_once_and_chains_rows() -> None:
    first = UpdateStatus(updated_cols=["t.a", "t.b"], cols_with_excs=["t.a"], rows=[{"a": 1}])
    second = UpdateStatus(updated_cols=["t.b", "t.c"], rows=[{"a": 2}])
    total = first + second
    assert total.updated_cols == ["t.a", "t.b", "t.c"]
    assert total.cols_with_excs == ["t.a"]
    assert total.rows == [{"a": 1}, {"a": 2}]


def test_sum_has_no_rows_if_neither_has() -> None:
    assert (UpdateStatus() + UpdateStatus()).rows is None


def test_sum_adds_counts_and_costs() -> None:
    part = UpdateStatus(
        row_count_stats=RowCountStats(1, 2, 3, 4, 5),
        num_cached=1,
        num_calls=2,
        num_retries=3,
        input_tokens=4,
        output_tokens=5,
        cost_usd=0.5,
        seconds=1.5,
    )
    assert part + part == UpdateStatus(
        row_count_stats=RowCountStats(2, 4, 6, 8, 10),
        num_cached=2,
        num_calls=4,
        num_retries=6,
        input_tokens=8,
        output_tokens=10,
        cost_usd=1.0,
        seconds=3.0,
    )


@pytest.mark.parametrize(("a", "b"), [(None, 0.1), (0.1, None), (None, None)])
def test_sum_with_an_unknown_cost_is_unknown(a: float | None, b: float | None) -> None:
    assert (UpdateStatus(cost_usd=a) + UpdateStatus(cost_usd=b)).cost_usd is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(UpdateStatus(), "Changed 0 rows with 0 errors", id="nothing"),
        pytest.param(
            UpdateStatus(row_count_stats=RowCountStats(ins_rows=1, num_excs=1), cols_with_excs=["t.a"], seconds=2.0),
            "Inserted 1 row with 1 error across 1 column (t.a) in 2.00 s (0.50 rows/s)",
            id="one of each",
        ),
        pytest.param(UpdateStatus(seconds=0.5), "Changed 0 rows with 0 errors in 0.50 s", id="no rate without rows"),
        pytest.param(
            UpdateStatus(row_count_stats=RowCountStats(computed_values=79), seconds=0.5),
            "Computed 79 values with 0 errors in 0.50 s (158 values/s)",
            id="values of an index",
        ),
        pytest.param(
            UpdateStatus(row_count_stats=RowCountStats(2, 1), cascade_row_count_stats=RowCountStats(3)),
            "Inserted 2 rows, deleted 1 row, changed 3 rows of views with 0 errors",
            id="several kinds",
        ),
        pytest.param(
            UpdateStatus(row_count_stats=RowCountStats(upd_rows=2), num_calls=1, num_cached=1, cost_usd=0.02),
            "Updated 2 rows with 0 errors; 1 call, 1 from cache, $0.0200",
            id="calls",
        ),
        pytest.param(
            UpdateStatus(row_count_stats=RowCountStats(upd_rows=2), num_calls=2, cost_usd=None),
            "Updated 2 rows with 0 errors; 2 calls, cost unknown",
            id="unknown price",
        ),
        pytest.param(
            UpdateStatus(
                row_count_stats=RowCountStats(2), num_retries=1, num_cached=3, input_tokens=90, output_tokens=9
            ),
            "Inserted 2 rows with 0 errors; 3 from cache, 1 retry, 99 tokens",
            id="retries and tokens",
        ),
    ],
)
def test_summary(status: UpdateStatus, expected: str) -> None:
    assert status.summary() == expected


def test_insert_message_without_a_start_has_the_recorded_time() -> None:
    status = UpdateStatus(row_count_stats=RowCountStats(ins_rows=2), seconds=0.5)
    assert status.insert_msg() == "Inserted 2 rows with 0 errors in 0.50 s (4.00 rows/s)"


def test_insert_message_measures_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 110.0)
    status = UpdateStatus(row_count_stats=RowCountStats(ins_rows=200), seconds=0.5)
    assert status.insert_msg(100.0) == "Inserted 200 rows with 0 errors in 10.00 s (20 rows/s)"


def test_repr_counts_rows_instead_of_listing_them() -> None:
    assert repr(UpdateStatus(rows=[{"a": "x" * 1000}])) == "UpdateStatus(rows=[1 row])"


def test_html_is_escaped() -> None:
    status = UpdateStatus(row_count_stats=RowCountStats(num_excs=1), cols_with_excs=["<b>"])
    assert "&lt;b&gt;" in status._repr_html_()
