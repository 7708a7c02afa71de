"""How many rows a backfill has to do is counted when somebody wants to know."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pixeltable as pxt
from pixeltable.api import table_columns
from pixeltable.exceptions import CellFailure
from pixeltable.exec.tally import Tally

TALLY = Tally()
TOTALS: list[int | None] = []
BROKEN: set[int] = set()


@pxt.udf
def asking(n: int) -> int:
    if n in (0, 299):
        TOTALS.append(TALLY.total if TALLY.count_total is None else TALLY.count_total())
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    return n


@pytest.fixture
def table(ns: str, monkeypatch: pytest.MonkeyPatch) -> pxt.Table:
    @contextmanager
    def watched(*_: object, **__: object) -> Iterator[Tally]:
        global TALLY
        TALLY = Tally()
        yield TALLY

    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert({"n": n} for n in range(300))
    monkeypatch.setattr(table_columns, "watched", watched)
    TOTALS.clear()
    BROKEN.clear()
    return table


def test_the_total_is_that_of_the_run_also_while_rows_wait_to_be_written(table: pxt.Table) -> None:
    table.add_computed_column(m=asking(table.n))
    assert TOTALS == [300, 300]


def test_rows_that_an_aborted_run_did_are_not_to_do_again(table: pxt.Table) -> None:
    BROKEN.add(299)
    with pytest.raises(CellFailure):
        table.add_computed_column(m=asking(table.n))
    BROKEN.clear()
    TOTALS.clear()
    table.add_computed_column(m=asking(table.n))
    (total,) = TOTALS  # the first row is not computed again
    assert total is not None
    assert 0 < total < 300
