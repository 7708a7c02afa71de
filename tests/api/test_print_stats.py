"""`print_stats`: the receipt, and below it what each column took."""

import asyncio

import pytest

import pixeltable as pxt
from pixeltable.api.receipts import stats_table
from pixeltable.exec.tally import Calls, Part, Tally


@pxt.udf
def even(n: int) -> int:
    if n % 2:
        raise ValueError("odd")
    return n


@pxt.udf(memo=True)
def half(n: int) -> float:
    return n / 2


@pxt.udf
async def later(n: int) -> int:
    await asyncio.sleep(0)
    return n


@pytest.fixture
def table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.add_computed_column(even=even(table.n))
    table.add_computed_column(half=half(table.n))
    table.add_computed_column(later=later(table.n))
    return table


def figures(output: str) -> dict[str, dict[str, float]]:
    """By column and head, what is printed below the receipt."""
    _, head, *rows = output.replace("from cache", "cached").splitlines()
    return {
        name: dict(zip(head.split()[1:], map(float, numbers), strict=True))
        for name, *numbers in (row.split() for row in rows)
    }


def test_an_insert_prints_what_each_column_took(table: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    table.insert(({"n": n} for n in range(6)), on_error="ignore", print_stats=True)
    found = figures(capsys.readouterr().out)
    assert list(found) == ["even", "half", "later"]
    assert {row["rows"] for row in found.values()} == {6}
    assert (found["even"]["failed"], found["later"]["failed"]) == (3, 0)


def test_calls_are_counted_for_their_column(table: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    table.insert(({"n": n} for n in range(3000, 3006)), on_error="ignore")
    table.insert(({"n": n} for n in range(3000, 3010)), on_error="ignore", print_stats=True)
    found = figures(capsys.readouterr().out)
    assert (found["half"]["calls"], found["half"]["cached"]) == (4, 6)
    assert found["even"]["calls"] == 0


def test_a_new_column_prints_what_it_took(table: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    table.insert({"n": n} for n in range(0, 6, 2))
    table.add_computed_column(more=even(table.even), print_stats=True)
    found = figures(capsys.readouterr().out)
    assert found["more"]["rows"] == 3


def test_a_receipt_is_the_same_with_shares_counted(table: pxt.Table) -> None:
    rows = [{"n": n} for n in range(4000, 4004)]
    plain = table.insert(rows, on_error="ignore")
    counted = table.insert(({"n": row["n"] + 4} for row in rows), on_error="ignore", print_stats=True)
    assert (plain.num_calls, plain.num_rows, plain.num_excs) == (counted.num_calls, counted.num_rows, counted.num_excs)


def test_columns_of_the_table_are_aligned() -> None:
    part = Part(Tally())
    part.advance(12_000, failed=3)
    part.add(Calls(made=11_000, cached=1000))
    assert stats_table({"n": part, "longer": Part(Tally())}) == [
        "column    rows  failed  seconds   calls  from cache  retries",
        "n       12,000       3     0.00  11,000       1,000        0",
        "longer       0       0     0.00       0           0        0",
    ]
