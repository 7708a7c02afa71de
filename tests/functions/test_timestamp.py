"""Functions on timestamps as methods and properties of expressions; their results are in their docstrings."""

import datetime
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import CellFailure, InvalidArgument, TypeMismatch
from pixeltable.functions import timestamp
from pixeltable.session.current import end_session
from pixeltable.types.column_type import BoolType, ColumnType, DateType, FloatType, IntType, JsonType, StringType
from pixeltable.types.column_type import TimestampType as Time
from tests.udfs.columns import column

BERLIN = ZoneInfo("Europe/Berlin")
T = column("t", Time())
PROPERTIES = ["year", "month", "day", "hour", "minute", "second", "microsecond"]
METHODS: dict[str, tuple[tuple[Any, ...], ColumnType]] = {
    "date": ((), DateType()), "astimezone": (("UTC",), Time()), "strip_timezone": ((), Time()),
    "weekday": ((), IntType()), "isoweekday": ((), IntType()), "isocalendar": ((), JsonType()),
    "isoformat": ((), StringType()), "strftime": (("%Y",), StringType()), "toordinal": ((), IntType()),
    "posix_timestamp": ((), FloatType()), "replace": ((2020,), Time()), "add": ((), Time()),
    "date_trunc": (("day",), Time()), "date_diff": ((T, "day"), IntType()),
}  # fmt: skip


@pytest.fixture
def in_berlin(session_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:  # noqa: ARG001
    """A directory of a session whose zone is Berlin's."""
    monkeypatch.setenv("PIXELTABLE_TIME_ZONE", "Europe/Berlin")
    end_session()
    pxt.create_dir("berlin")
    yield "berlin"
    pxt.drop_dir("berlin", force=True)
    end_session()


def table(path: str, *times: str | datetime.datetime | None) -> Any:
    t = pxt.create_table(f"{path}/t", {"t": pxt.Timestamp | None})
    t.insert({"t": time} for time in times)
    return t


def values(query: Any) -> list[Any]:
    return [row["x"] for row in query.collect()]


def text(value: datetime.datetime) -> str:
    return value.isoformat()


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("nullable", [False, True])
def test_properties(name: str, nullable: bool) -> None:
    call = getattr(column("t", Time(nullable)), name)
    assert call.call_function is getattr(timestamp, name).spec
    assert call.col_type == IntType(nullable)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("nullable", [False, True])
def test_methods(name: str, nullable: bool) -> None:
    arguments, result = METHODS[name]
    call = getattr(column("t", Time(nullable)), name)(*arguments)
    assert call.call_function is getattr(timestamp, name).spec
    assert call.col_type == result.with_nullable(nullable)


@pytest.mark.parametrize("name", [*PROPERTIES, *METHODS])
def test_null_in_null_out(name: str, ns: str) -> None:
    t = table(ns, None, "2024-01-01T12:00:00")
    arguments = METHODS[name][0] if name in METHODS else None
    arguments = (t.t, "day") if name == "date_diff" else arguments
    expr = getattr(t.t, name) if arguments is None else getattr(t.t, name)(*arguments)
    first, second = values(t.select(x=expr))
    assert first is None
    assert second is not None


def test_parts_are_those_of_the_sessions_zone(in_berlin: str) -> None:
    t = table(in_berlin, "2024-12-31T23:30:00Z")
    assert values(t.select(x=t.t.year)) == [2025]
    assert values(t.select(x=t.t.date())) == [datetime.date(2025, 1, 1)]
    assert values(t.where(t.t.hour == 0).select(x=t.t.isoformat())) == ["2025-01-01T00:30:00+01:00"]


def test_what_follows_astimezone_goes_by_that_zone(in_berlin: str) -> None:
    t = table(in_berlin, "2024-12-31T23:30:00Z")
    there = t.t.astimezone("America/New_York")
    assert values(t.select(x=there.hour)) == [18]
    assert values(t.select(x=there.add(days=1).replace(minute=0).date_trunc("hour").day)) == [1]
    assert values(t.select(x=(there + datetime.timedelta(hours=1)).hour)) == [19]
    assert [text(value) for value in values(t.select(x=there))] == ["2024-12-31T18:30:00-05:00"]
    assert values(t.where(there.day == 31).select(x=t.t.day)) == [1]


def test_a_stored_cell_is_in_the_sessions_zone(in_berlin: str) -> None:
    t = table(in_berlin, "2024-12-31T23:30:00Z")
    t.add_computed_column(there=t.t.astimezone("America/New_York"))
    t.add_computed_column(hour=t.there.hour)
    t.insert(t="2024-12-31T23:30:00Z")
    assert values(t.select(x=t.hour)) == [0, 0]
    assert [text(value) for value in values(t.select(x=t.there))] == ["2025-01-01T00:30:00+01:00"] * 2


def test_strip_timezone_reads_the_clock_as_the_sessions(in_berlin: str) -> None:
    t = table(in_berlin, "2024-12-31T23:30:00Z")
    stripped = t.select(x=t.t.astimezone("UTC").strip_timezone(), y=t.t.strip_timezone()).collect()[0]
    assert text(stripped["x"]) == "2024-12-31T23:30:00+01:00"
    assert text(stripped["y"]) == "2025-01-01T00:30:00+01:00"


def test_make_timestamp_is_in_the_sessions_zone(in_berlin: str) -> None:
    t = table(in_berlin, "2024-10-27T12:00:00Z")
    made = timestamp.make_timestamp(t.t.year, t.t.month, t.t.day, 2, 30)
    assert [text(value) for value in values(t.select(x=made))] == ["2024-10-27T02:30:00+02:00"]  # the earlier of two


def test_a_timestamp_in_the_program_is_seen_in_the_sessions_zone(in_berlin: str) -> None:
    t = table(in_berlin, "2024-01-01T00:00:00Z")
    new_year = datetime.datetime(2024, 12, 31, 23, 30, tzinfo=datetime.UTC)
    assert values(t.select(x=timestamp.year(new_year))) == [2025]
    assert values(t.select(x=timestamp.isoformat(new_year))) == ["2025-01-01T00:30:00+01:00"]


BEFORE_SUMMER = datetime.datetime(2024, 3, 30, 2, 30, tzinfo=BERLIN)
BEFORE_WINTER = datetime.datetime(2024, 10, 26, 2, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("start", "amounts", "expected"),
    [
        pytest.param(BEFORE_SUMMER, {"days": 1}, "2024-03-31T03:30:00+02:00", id="a skipped time"),
        pytest.param(BEFORE_SUMMER, {"days": 2}, "2024-04-01T02:30:00+02:00", id="the clock stays"),
        pytest.param(BEFORE_SUMMER, {"hours": 48}, "2024-04-01T03:30:00+02:00", id="hours pass"),
        pytest.param(BEFORE_SUMMER, {"days": 1, "hours": -1}, "2024-03-31T01:30:00+01:00", id="days first"),
        pytest.param(BEFORE_WINTER, {"days": 1}, "2024-10-27T02:30:00+02:00", id="the earlier of two"),
        pytest.param(BEFORE_WINTER, {"days": 1, "minutes": 60}, "2024-10-27T02:30:00+01:00", id="then the later"),
        pytest.param(BEFORE_SUMMER, {"months": -1}, "2024-02-29T02:30:00+01:00", id="a shorter month"),
        pytest.param(BEFORE_SUMMER, {"years": 1, "months": 11}, "2026-02-28T02:30:00+01:00", id="years and months"),
        pytest.param(BEFORE_SUMMER, {"weeks": -1}, "2024-03-23T02:30:00+01:00", id="weeks"),
        pytest.param(
            BEFORE_SUMMER, {"milliseconds": 1, "microseconds": 1, "seconds": -30}, "2024-03-30T02:29:30.001001+01:00",
            id="parts of a second",
        ),
        pytest.param(BEFORE_SUMMER, {}, "2024-03-30T02:30:00+01:00", id="nothing"),
    ],
)  # fmt: skip
def test_add(start: datetime.datetime, amounts: dict[str, int], expected: str) -> None:
    assert text(timestamp.add.body(start, **amounts)) == expected


def test_add_of_null_is_null(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"t": pxt.Timestamp, "n": pxt.Int | None})
    t.insert(t="2024-01-01T00:00:00", n=None)
    assert values(t.select(x=t.t.add(days=t.n))) == [None]


@pytest.mark.parametrize("unit", timestamp.UNITS)
def test_a_unit_later_is_one_unit(unit: str) -> None:
    amount = {"months": 3} if unit == "quarter" else {f"{unit}s": 1}
    later = timestamp.add.body(BEFORE_WINTER, **amount)
    assert timestamp.date_diff.body(later, BEFORE_WINTER, unit) == 1
    assert timestamp.date_diff.body(BEFORE_WINTER, later, unit) == -1
    assert timestamp.date_trunc.body(later, unit) > timestamp.date_trunc.body(BEFORE_WINTER, unit)


def test_a_day_starts_where_clocks_skip_midnight_or_show_it_twice() -> None:
    havana = ZoneInfo("America/Havana")
    summer = datetime.datetime(2024, 3, 10, 12, tzinfo=havana)
    winter = datetime.datetime(2024, 11, 3, 0, 30, tzinfo=havana, fold=1)
    assert text(timestamp.date_trunc.body(summer, "day")) == "2024-03-10T01:00:00-04:00"
    assert text(timestamp.date_trunc.body(winter, "day")) == "2024-11-03T00:00:00-04:00"
    assert text(timestamp.date_trunc.body(winter, "hour")) == "2024-11-03T00:00:00-05:00"


@pytest.mark.parametrize(
    "build",
    [
        lambda t: t.astimezone("Europe/Atlantis"),
        lambda t: t.astimezone("../etc"),
        lambda t: t.astimezone("Europe"),
        lambda t: t.date_trunc("days"),
        lambda t: t.date_diff(t, "fortnight"),
    ],
)
def test_an_unknown_zone_or_unit_is_refused_when_the_expression_is_built(build: Any) -> None:
    with pytest.raises(InvalidArgument):
        build(T)


def test_an_unknown_zone_or_unit_in_a_row_fails_its_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"t": pxt.Timestamp, "s": pxt.String})
    t.insert([{"t": "2024-01-01T00:00:00", "s": "day"}, {"t": "2024-01-01T00:00:00", "s": "UTC"}])
    t.add_computed_column(z=t.t.astimezone(t.s), on_error="ignore")
    t.add_computed_column(d=t.t.date_trunc(t.s), on_error="ignore")
    rows = t.select(t.z.errortype, t.d.errortype).collect()
    assert [list(row.values()) for row in rows] == [["InvalidArgument", None], [None, "InvalidArgument"]]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])  # in SQL, and in Python
def test_an_hour_that_comes_twice_is_two_groups(zone: str | None, in_berlin: str) -> None:
    midnight = datetime.datetime(2024, 10, 26, 23, tzinfo=datetime.UTC)
    t = table(in_berlin, *(midnight + datetime.timedelta(minutes=30 * n) for n in range(8)))
    hour = (t.t if zone is None else t.t.astimezone(zone)).date_trunc("hour")
    rows = t.group_by(hour).select(x=hour, n=pxtf.count(t.t)).order_by(pxtf.min(t.t)).collect()
    assert [(text(row["x"]), row["n"]) for row in rows] == [
        ("2024-10-27T01:00:00+02:00", 2), ("2024-10-27T02:00:00+02:00", 2),
        ("2024-10-27T02:00:00+01:00", 2), ("2024-10-27T03:00:00+01:00", 2),
    ]  # fmt: skip


def test_units_and_times_as_parameters_of_a_query(ns: str) -> None:
    t = table(ns, *(f"2024-01-0{day}T12:00:00" for day in range(1, 8)))

    @pxt.query
    def since_start(when: datetime.datetime, unit: str) -> Any:
        days = t.t.date_diff(when.date_trunc(unit), "day")
        return t.where((days >= 0) & (t.t - datetime.timedelta(hours=1) < when)).select(x=t.t.day)

    found = t.where(t.t.day == 3).select(x=since_start(t.t, "week")).collect()["x"]
    assert found == [[{"x": 1}, {"x": 2}, {"x": 3}]]


def test_moved_by_a_timedelta_time_passes(in_berlin: str) -> None:
    t = table(in_berlin, BEFORE_SUMMER, None)
    moved = values(t.select(x=t.t + datetime.timedelta(days=1)))
    assert [text(moved[0]), moved[1]] == ["2024-03-31T03:30:00+02:00", None]
    assert t.where(t.t - datetime.timedelta(hours=1) < BEFORE_SUMMER).count() == 1
    t.add_computed_column(later=datetime.timedelta(minutes=1) + t.t)
    assert t.where(t.later.minute == 31).count() == 1


def test_moved_out_of_the_calendar_is_an_error(ns: str) -> None:
    t = table(ns, "2024-01-01T00:00:00")
    with pytest.raises(pxt.Error):
        t.where(t.t + datetime.timedelta(days=3_000_000) > "2024-01-01").count()
    with pytest.raises(CellFailure):
        t.add_computed_column(x=t.t - datetime.timedelta(days=800_000))
    with pytest.raises(InvalidArgument, match="before the year 1 or after the year 9999"):
        t.t - datetime.timedelta.max


def test_iso_text_beside_a_moved_timestamp_is_read_when_the_expression_is_built() -> None:
    compared = (T + datetime.timedelta(days=1)) > "2024-01-01T00:00:00+00:00"
    assert compared.col_type == BoolType()
    with pytest.raises(TypeMismatch, match=r"the String 'tomorrow' cannot be used as `Timestamp`"):
        T < "tomorrow"  # noqa: B015  # building it is what fails
