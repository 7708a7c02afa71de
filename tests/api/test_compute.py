"""`Table.compute`: the columns for given rows, nothing stored."""

import pytest
from pydantic import BaseModel

import pixeltable as pxt

CALLS: list[int] = []


@pxt.udf
def inverse(n: int) -> float:
    CALLS.append(n)
    return 1 / n


@pytest.fixture
def table(ns: str) -> pxt.Table:
    CALLS.clear()
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String | None})
    table.add_computed_column(inverse=inverse(table.n))
    table.add_computed_column(double=table.inverse * 2)
    table.add_computed_column(loose=table.double + 1, stored=False)
    return table


def test_all_columns_are_computed_and_nothing_is_stored(table: pxt.Table) -> None:
    version = table.get_metadata()["version"]
    rows = table.compute([{"n": 2}, {"n": 4, "text": "x"}])
    assert rows[0] == {"n": 2, "text": None, "inverse": 0.5, "double": 1.0, "loose": 2.0}
    assert rows["text"] == [None, "x"]
    assert (table.count(), table.get_metadata()["version"]) == (0, version)


def test_models_are_rows(table: pxt.Table) -> None:
    class Number(BaseModel):
        n: int

    assert table.compute([Number(n=4)])["double"] == [0.5]


def test_only_what_the_outputs_need_is_computed(table: pxt.Table) -> None:
    rows = table.compute([{"n": 5, "text": "a"}], outputs=["text", table.n])
    assert rows.column_names == ["text", "n"]
    assert CALLS == []


def test_an_output_brings_what_it_is_computed_from(table: pxt.Table) -> None:
    assert table.compute([{"n": 4}], outputs=["loose"])["loose"] == [1.5]


def test_a_failed_cell_aborts_naming_row_and_column(table: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"column 'inverse', row 1: ZeroDivisionError"):
        table.compute([{"n": 1}, {"n": 0}])


def test_a_failed_cell_is_null_with_its_error_where_errors_are_ignored(table: pxt.Table) -> None:
    rows = table.compute([{"n": 1}, {"n": 0}], on_error="ignore")
    assert rows["double"] == [2.0, None]
    assert {name: error.type for name, error in rows[1].errors.items()} == {
        "inverse": "ZeroDivisionError", "double": "ZeroDivisionError", "loose": "ZeroDivisionError",
    }  # fmt: skip


def test_rows_are_checked_as_for_an_insert(table: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="'text'"):
        table.compute([{"n": 1, "text": 7}])
    with pytest.raises(pxt.RequestError, match="computed"):
        table.compute([{"n": 1, "inverse": 7.0}])


def test_an_unknown_output_is_refused(table: pxt.Table) -> None:
    with pytest.raises(pxt.NotFoundError, match="inverze"):
        table.compute([{"n": 1}], outputs=["inverze"])
