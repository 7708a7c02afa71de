"""The benchmark's table, medians and markers; no benchmark is run."""

import pytest

from bench import report


def run(*values: float, unit: str = "s", error: str | None = None) -> report.Run:
    samples = tuple(report.Sample("insert", 10, value, unit) for value in values)
    return report.Run(samples, peak_mb=100.0, error=error)


def one_row(**runs: report.Run) -> report.Row:
    (row,) = report.rows_of("insert", {name: [each] for name, each in runs.items()})
    return row


def test_samples_are_the_json_records_among_other_output() -> None:
    output = 'hello\n[1]\n{"case": "x", "n": 3, "seconds": 2.0, "value": 1.5, "unit": "ms"}\n'
    assert report.parse_samples(output) == (report.Sample("x", 3, 1.5, "ms"),)


def test_a_cell_is_the_median_of_its_runs() -> None:
    assert report.cell_of("insert", [run(9.0), run(1.0), run(2.0)]).value == 2.0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param("AttributeError: no attribute 'x'", "not supported", id="missing name"),
        pytest.param("Error: joins are not supported", "not supported", id="own words"),
        pytest.param("ValueError: boom", "failed", id="broken"),
    ],
)
def test_an_error_tells_missing_from_broken(error: str, status: str) -> None:
    assert report.cell_of("insert", [run(error=error)]).status == status


def test_error_line_is_that_of_the_last_traceback() -> None:
    traceback = "Traceback (most recent call last):\n  File 'a'\n    f()\n"
    stderr = f"{traceback}KeyError: 1\n\nDuring handling\n\n{traceback}ValueError: first\nsecond\n"
    assert report.error_line(stderr) == "ValueError: first"


def test_a_case_nobody_measured_keeps_a_row() -> None:
    row = one_row(ours=run(error="ValueError: boom"), peer=run(error="ImportError: x"))
    assert (row.name, report.show(row, "ours"), report.show(row, "peer")) == ("insert", "failed", "not supported")


def test_a_step_that_failed_takes_unit_and_size_from_one_that_did_not() -> None:
    failed = report.Run((report.Sample("insert", 10, None, "s", error="ValueError: boom"),))
    row = one_row(ours=failed, peer=run(5.0, unit="ms"))
    assert (row.unit, report.show(row, "ours")) == ("ms", "failed")


def test_ratios_say_how_many_times_better_and_how_far_from_the_floor() -> None:
    row = one_row(ours=run(2.0), peer=run(8.0), floor=run(1.0))
    assert (report.times_better(row), report.times_floor(row)) == (4.0, 2.0)


def test_rates_are_turned_round() -> None:
    assert report.times_better(one_row(ours=run(8.0, unit="1/s"), peer=run(2.0, unit="1/s"))) == 4.0


def test_losses_name_slower_rows_and_missing_ones() -> None:
    slower = one_row(ours=run(4.0), peer=run(2.0))
    missing = one_row(ours=run(error="ImportError: x"), peer=run(2.0))
    assert report.losses([slower, missing]) == [
        "- insert: 4.00 s against 2.00 s, 0.500 times the peer",
        "- no figure where the peer has one: insert (not supported)",
    ]


def test_without_a_peer_nothing_is_claimed() -> None:
    assert report.losses([one_row(ours=run(4.0))]) == ["- unknown: the peer has no figure in this table"]


def test_table_line() -> None:
    line = report.table([one_row(ours=run(2.0), peer=run(8.0))]).splitlines()[-1]
    assert line == "| insert | 10 | 2.00 s | 8.00 s | - | 4.00 | - | 100 / 100 |"


def test_notes_count_the_runs_that_had_them() -> None:
    lines = report.notes("insert", {"ours": [run(error="boom"), run(error="boom"), run(1.0)]})
    assert lines == ["- insert, ours, 2 of 3 runs: `boom`"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.01234, "0.012"), (1.2345, "1.23"), (12.345, "12.3"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_only_what_is_between_the_markers_changes() -> None:
    page = f"# Page\n{report.BEGIN}\nold\n{report.END}\nfoot\n"
    once = report.replace_between_markers(page, "new\n")
    assert once == f"# Page\n{report.BEGIN}\n\nnew\n\n{report.END}\nfoot\n"
    assert report.replace_between_markers(once, "new") == once


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs one line"):
        report.replace_between_markers("# Page\n", "new")
