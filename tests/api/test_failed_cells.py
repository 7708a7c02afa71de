"""`t.errors()`: one row for each failed cell, with the key of its row, until the cell is computed well."""

import datetime

import pytest

import pixeltable as pxt
from tests.api.library import even_only, twice

Found = list[tuple[object, ...]]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """`half` and, added later and hence stored elsewhere, `other` fail where `n` is odd; rows are 0 to 3."""
    t = pxt.create_table(f"{ns}/t", {"name": pxt.String, "n": pxt.Int}, primary_key="name")
    t.add_computed_column(half=even_only(t.n))
    t.insert([{"name": f"row {n}", "n": n} for n in range(4)], on_error="ignore")
    t.add_computed_column(other=even_only(t.n), on_error="ignore")
    t.add_computed_column(fine=twice(t.n))
    return t


def cells(result: pxt.ResultSet, *names: str) -> Found:
    return list(zip(*(result[name] for name in names), strict=True))


def test_each_failed_cell_is_a_row(t: pxt.Table) -> None:
    assert cells(t.errors(), "name", "column", "errortype", "errormsg", "attempts") == [
        ("row 1", "half", "ValueError", "1 is odd", 1),
        ("row 1", "other", "ValueError", "1 is odd", 1),
        ("row 3", "half", "ValueError", "3 is odd", 1),
        ("row 3", "other", "ValueError", "3 is odd", 1),
    ]


def test_time_is_that_of_the_last_try(t: pxt.Table) -> None:
    before = datetime.datetime.now(datetime.UTC)
    t.insert(name="new", n=5, on_error="ignore")
    assert before <= t.errors("half")["at"][-1] <= datetime.datetime.now(datetime.UTC)


def test_columns_and_types_are_the_same_without_rows(t: pxt.Table) -> None:
    assert len(t.errors("fine")) == 0
    assert t.errors("fine").schema == t.errors().schema
    assert list(t.errors().schema) == ["name", "column", "errortype", "errormsg", "attempts", "at"]


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "reference"])
def test_one_column_is_asked_for(t: pxt.Table, by_name: bool) -> None:
    found = t.errors("other" if by_name else t.other)
    assert cells(found, "name", "column") == [("row 1", "other"), ("row 3", "other")]


def test_cell_computed_well_is_gone(t: pxt.Table) -> None:
    t.update({"n": 4}, where=t.name == "row 1")
    t.delete(t.name == "row 3")
    assert len(t.errors()) == 0


def test_row_without_a_key_has_its_id(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(half=even_only(t.n))
    t.insert([{"n": 1}, {"n": 2}, {"n": 3}], on_error="ignore")
    first, last = t.errors()["_rowid"]
    assert last == first + 2


def test_key_that_would_hide_a_column_gives_way_to_the_id(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"column": pxt.Int}, primary_key="column")
    t.add_computed_column(half=even_only(t.column))
    t.insert([{"column": 1}], on_error="ignore")
    assert list(t.errors().schema) == ["_rowid", "column", "errortype", "errormsg", "attempts", "at"]


def test_table_without_computed_columns_has_no_errors(ns: str) -> None:
    assert len(pxt.create_table(f"{ns}/t", {"n": pxt.Int}).errors()) == 0


def test_unknown_column_is_refused(t: pxt.Table) -> None:
    with pytest.raises(pxt.NotFoundError, match="no column 'halv'"):
        t.errors("halv")


def test_column_that_cannot_fail_is_refused(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="not computed"):
        t.errors("n")


def test_column_that_is_not_stored_is_refused(t: pxt.Table) -> None:
    t.add_computed_column(unstored=twice(t.n), stored=False)
    with pytest.raises(pxt.RequestError, match="not stored"):
        t.errors("unstored")
    assert set(t.errors()["column"]) == {"half", "other"}


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pxt.udf
def wordless(n: int) -> int:
    if n == 1:
        raise Wordless
    return n


def test_an_exception_that_cannot_say_what_it_is_fails_its_cell_alone(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert({"n": n} for n in range(3))
    t.add_computed_column(same=wordless(t.n), on_error="ignore")
    assert t.order_by(t.n).collect()["same"] == [0, None, 2]
    assert t.errors("same")["errortype"] == ["Wordless"]
    assert t.errors("same")["errormsg"] == ["(its message cannot be had: RuntimeError)"]
