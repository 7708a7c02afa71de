"""Functions on dates as methods and properties of expressions; their results are in their docstrings."""

import datetime
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exceptions import CellFailure, InvalidArgument
from pixeltable.functions import date
from pixeltable.types.column_type import ColumnType, DateType, IntType, JsonType, StringType
from tests.udfs.columns import column

D = column("d", DateType())
PROPERTIES = ["year", "month", "day"]
METHODS: dict[str, tuple[tuple[Any, ...], ColumnType]] = {
    "weekday": ((), IntType()), "isoweekday": ((), IntType()), "isocalendar": ((), JsonType()),
    "isoformat": ((), StringType()), "strftime": (("%Y",), StringType()), "toordinal": ((), IntType()),
    "replace": ((2020,), DateType()), "add_days": ((1,), DateType()), "date_trunc": (("month",), DateType()),
    "date_diff": ((D, "day"), IntType()),
}  # fmt: skip


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("nullable", [False, True])
def test_properties(name: str, nullable: bool) -> None:
    call = getattr(column("d", DateType(nullable)), name)
    assert call.call_function is getattr(date, name).spec
    assert call.col_type == IntType(nullable)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("nullable", [False, True])
def test_methods(name: str, nullable: bool) -> None:
    arguments, result = METHODS[name]
    call = getattr(column("d", DateType(nullable)), name)(*arguments)
    assert call.call_function is getattr(date, name).spec
    assert call.col_type == result.with_nullable(nullable)


def test_null_in_null_out(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"d": pxt.Date | None, "e": pxt.Date})
    t.insert(d=None, e="2024-02-29")
    found = {name: getattr(t.d, name) for name in PROPERTIES}
    found |= {name: getattr(t.d, name)(*args) for name, (args, _) in METHODS.items() if name != "date_diff"}
    found["date_diff"] = t.e.date_diff(t.d, "day")
    assert set(t.select(**found).collect()[0].values()) == {None}


@pytest.mark.parametrize(
    ("start", "end", "unit", "expected"),
    [
        ("2024-01-31", "2024-02-29", "month", 1), ("2024-01-31", "2024-02-28", "month", 0),
        ("2024-02-29", "2025-02-28", "year", 1), ("2024-02-29", "2025-02-27", "year", 0),
        ("2024-03-01", "2024-02-01", "month", -1), ("2024-03-01", "2024-02-02", "month", 0),
        ("2024-01-01", "2024-12-31", "quarter", 3), ("2024-01-01", "2024-01-14", "week", 1),
        ("2024-01-14", "2024-01-01", "week", -1), ("0001-01-01", "9999-12-31", "day", 3_652_058),
    ],
)  # fmt: skip
def test_difference_in_whole_units(start: str, end: str, unit: str, expected: int) -> None:
    dates = datetime.date.fromisoformat(end), datetime.date.fromisoformat(start)
    assert date.date_diff.body(*dates, unit) == expected


@pytest.mark.parametrize("unit", ["hour", "days", ""])
def test_an_unknown_unit_is_refused_when_the_expression_is_built(unit: str) -> None:
    with pytest.raises(InvalidArgument, match="is not one of day, week, month"):
        D.date_trunc(unit)
    with pytest.raises(InvalidArgument, match="is not one of day, week, month"):
        D.date_diff(D, unit)


def test_in_a_query(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"d": pxt.Date, "unit": pxt.String})
    t.insert([{"d": "2024-02-28", "unit": "month"}, {"d": "2024-12-31", "unit": "day"}])
    found = t.where(t.d.year == 2024).select(
        a=t.d.date_trunc("year"), b=t.d.date_trunc(t.unit), c=t.d + datetime.timedelta(days=2), e=t.d.add_days(-1)
    )
    assert [[str(value) for value in row.values()] for row in found.collect()] == [
        ["2024-01-01", "2024-02-01", "2024-03-01", "2024-02-27"],
        ["2024-01-01", "2024-12-31", "2025-01-02", "2024-12-30"],
    ]
    assert t.where(t.d - datetime.timedelta(days=1) == "2024-02-27").count() == 1


def test_make_date_of_no_day_fails_its_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(d=date.make_date(2023, 2, t.n), on_error="ignore")
    t.insert([{"n": 28}, {"n": 29}], on_error="ignore")
    assert [row["d"] for row in t.select(t.d).collect()] == [datetime.date(2023, 2, 28), None]


def test_a_day_beyond_the_calendar_is_an_error(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"d": pxt.Date})
    t.insert(d="9999-12-31")
    with pytest.raises(pxt.Error):
        t.where(t.d.add_days(1) > "2024-01-01").count()
    with pytest.raises(CellFailure):
        t.add_computed_column(x=t.d + datetime.timedelta(days=1))
