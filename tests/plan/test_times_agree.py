"""Functions on timestamps, dates and UUIDs mean the same in SQL and in Python, also where clocks are changed.

Each zone is once that of a session.
"""

import datetime
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.functions import date, timestamp
from pixeltable.functions import uuid as uuids
from pixeltable.plan.planner import Pusher
from pixeltable.plan.scope import Pushdown
from pixeltable.session import session
from pixeltable.session.current import current_session, end_session
from pixeltable.types.column_type import DateType, IntType, TimestampType, UUIDType
from pixeltable.types.days import CALENDAR_UNITS
from pixeltable.udfs.function import Function
from tests.engines import OUT_OF_RANGE, RAISED, Rows, StoredRows, examples, run_in_python
from tests.plan.test_engines_agree import COMPARE, agree

ZONES = {
    "America/New_York": ["2024-03-10T07:00", "2024-11-03T06:00"],
    "America/Havana": ["2024-03-10T05:00", "2024-11-03T05:00"],  # midnight is skipped, and comes twice
    "America/Sao_Paulo": ["2018-11-04T03:00", "2018-02-18T02:00"],
    "Antarctica/Troll": ["2024-03-31T01:00", "2024-10-27T01:00"],  # by two hours
    "Australia/Lord_Howe": ["2024-04-06T15:00", "2024-10-05T15:30"],  # by half an hour
    "Asia/Kolkata": ["1942-09-01T00:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],  # a day is skipped
    "Europe/Dublin": ["2024-10-27T01:00"],
    "UTC": ["2024-01-01T00:00"],
}
EDGES = [
    "1970-01-01T00:00", "1969-12-31T23:59:59.999999", "1900-01-01T00:00:00.000001", "2000-02-29T12:00",
    "2024-12-30T00:00", "2021-01-03T23:59:59.5", "2100-12-31T23:59:59.999999",
    "9999-12-30T00:00", "0001-01-03T00:00",
]  # fmt: skip
T, U = (ColumnRef(number, 1, name, TimestampType(True)) for number, name in enumerate("tu"))
D, E = (ColumnRef(number, 1, name, DateType(True)) for number, name in enumerate("de"))
N = ColumnRef(9, 1, "n", IntType(True))
V = ColumnRef(8, 1, "v", UUIDType(True))


def instants(zone: str) -> list[datetime.datetime]:
    """Times every ten minutes around the changes of a zone's clocks, and some at the edges of all that there is."""
    around = [
        at(change) + datetime.timedelta(minutes=minutes) for change in ZONES[zone] for minutes in range(-200, 201, 10)
    ]
    near = around + [at(change) + datetime.timedelta(hours=n) for change in ZONES[zone] for n in (-48, -25, 24, 30)]
    some = examples(st.datetimes(datetime.datetime(1902, 1, 1), datetime.datetime(2200, 1, 1)), 60)  # noqa: DTZ001
    everything = near + [at(edge) for edge in EDGES] + [value.replace(tzinfo=datetime.UTC) for value in some]
    return [value.astimezone(ZoneInfo(zone)) for value in everything]


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def rows_of(zone: str) -> Rows:
    values = instants(zone)
    others = values[7:] + values[:7]
    return [{"t": t, "u": u} for t, u in zip([*values, None, None], [*others, values[0], None], strict=True)]


@contextmanager
def in_zone(zone: str) -> Iterator[None]:
    """A session with this `time_zone`, of the same database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIXELTABLE_TIME_ZONE", zone)
        end_session()
        assert current_session().settings.zone_name == zone
        yield
    end_session()


def differences(exprs: Sequence[Expr], rows: Rows, path: str, zone: str = "UTC") -> Iterator[str]:
    types = {node.ref_name: node.col_type for expr in exprs for node in nodes_in(expr) if isinstance(node, ColumnRef)}
    with in_zone(zone):
        stored = StoredRows(path, types, rows)
        for expr in exprs:
            results = zip(rows, run_in_python(expr, rows), stored.run(expr), strict=True)
            for row, in_python, in_sql in results:
                if not same(in_python, in_sql):
                    yield f"{expr} with {row}: Python {in_python!r}, SQL {in_sql!r}"


def same(in_python: Any, in_sql: Any) -> bool:
    """As `agree`; times also on the clock, where it comes twice and in what zone."""
    if isinstance(in_python, datetime.datetime) and isinstance(in_sql, datetime.datetime):
        return in_python.isoformat() == in_sql.isoformat()
    if in_sql is OUT_OF_RANGE:
        return in_python is RAISED
    return agree(in_python, in_sql)


TIME_FUNCTIONS: dict[str, Callable[[], list[Expr]]] = {
    **{name: (lambda name=name: [getattr(T, name)]) for name in  # type: ignore[misc]
       ("year", "month", "day", "hour", "minute", "second", "microsecond")},
    **{name: (lambda name=name: [getattr(T, name)()]) for name in  # type: ignore[misc]
       ("date", "weekday", "isoweekday", "toordinal", "posix_timestamp")},
    "date_trunc": lambda: [T.date_trunc(unit) for unit in timestamp.UNITS],
    "date_diff": lambda: [
        T.date_diff(other, unit)
        for unit in timestamp.UNITS if unit not in ("month", "quarter", "year")
        for other in (U, at("2024-03-10T07:00"))
    ],
}  # fmt: skip
DATE_FUNCTIONS: dict[str, Callable[[], list[Expr]]] = {
    **{name: (lambda name=name: [getattr(D, name)]) for name in ("year", "month", "day")},  # type: ignore[misc]
    **{name: (lambda name=name: [getattr(D, name)()]) for name in  # type: ignore[misc]
       ("weekday", "isoweekday", "toordinal", "isoformat")},
    "add_days": lambda: [D.add_days(N), D.add_days(0), D.add_days(-40), D.add_days(N).year, D.add_days(N) > E],
    "date_trunc": lambda: [D.date_trunc(unit) for unit in CALENDAR_UNITS],
    "date_diff": lambda: [
        *(D.date_diff(E, unit) for unit in ("day", "week")), D.date_diff(datetime.date(2024, 2, 29), "week")
    ],
}  # fmt: skip


@pytest.mark.parametrize(("module", "functions"), [(timestamp, TIME_FUNCTIONS), (date, DATE_FUNCTIONS)])
def test_every_function_with_sql_is_here(module: Any, functions: dict[str, Any]) -> None:
    declared = {name for name, value in vars(module).items() if isinstance(value, Function)}
    with_sql = {name for name in declared if getattr(module, name).sql is not None}
    assert with_sql == functions.keys()
    assert declared - with_sql == module.PYTHON_ONLY.keys()


@pytest.mark.parametrize("zone", ZONES)
def test_functions_of_timestamps(zone: str, ns: str) -> None:
    exprs = [expr for build in TIME_FUNCTIONS.values() for expr in build()]
    assert not list(differences(exprs, rows_of(zone), f"{ns}/t", zone))


MOVES = [
    datetime.timedelta(hours=1), datetime.timedelta(days=-1), datetime.timedelta(minutes=90, microseconds=7),
    datetime.timedelta(days=400), datetime.timedelta(0), datetime.timedelta(days=-730_000),
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_moved_timestamps(zone: str, ns: str) -> None:
    exprs: list[Expr] = [T + move for move in MOVES]
    exprs += [(T - MOVES[0]).day, (T + MOVES[0]).date_trunc("day"), T.date_trunc("month") - MOVES[2]]
    exprs += [apply(T + move, other) for apply in COMPARE.values() for move in MOVES[-3:] for other in (U, T)]
    assert not list(differences(exprs, rows_of(zone), f"{ns}/t", zone))


@pytest.mark.parametrize("zone", ZONES)
def test_literals_beside_timestamps(zone: str, ns: str) -> None:
    times = [value.replace(tzinfo=None).isoformat() for value in instants(zone)[:60:3]]
    exprs = [apply(T, text) for text in times for apply in (COMPARE["<"], COMPARE["=="])]
    exprs += [timestamp.hour(Literal(instants("UTC")[0], TimestampType())) + T.year]
    assert not list(differences(exprs, rows_of(zone), f"{ns}/t", zone))


def left_to_python(exprs: Sequence[Expr], path: str, pushdown: Pushdown) -> list[Expr]:
    stored = StoredRows(path, {"t": T.col_type, "u": U.col_type}, rows_of("UTC")[:1])
    push = Pusher(stored.record, pushdown=pushdown)
    return [expr for expr in exprs if push.sql(stored.bound(expr)) is None]


def test_where_the_database_has_other_clocks_python_is_asked(ns: str) -> None:
    exprs = [expr for name, build in TIME_FUNCTIONS.items() if name != "posix_timestamp" for expr in build()]
    exprs += [T > "2024-01-01T00:00"]
    left = left_to_python(exprs, f"{ns}/t", Pushdown(lambda: False))
    assert list(map(str, left)) == list(map(str, exprs))


def test_clocks_are_not_compared_for_what_does_not_go_by_them(ns: str) -> None:
    exprs = [T.posix_timestamp(), T + MOVES[0] > U, T < "2024-01-01T00:00+00:00"]
    assert left_to_python(exprs, f"{ns}/t", Pushdown(lambda: pytest.fail("asked"))) == []


def test_a_session_compares_clocks_once_if_it_has_to(ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(session, "clocks_agree", lambda _, zone: bool(asked.append(zone)))
    with in_zone("Asia/Kolkata"):
        t = pxt.create_table(f"{ns}/t", {"t": pxt.Timestamp})
        t.insert(t="2024-01-01T00:00:00+00:00")
        assert t.where(t.t + datetime.timedelta(hours=1) > t.t).count() == 1
        assert asked == []
        assert [t.where(t.t.hour == hour).count() for hour in (0, 5)] == [0, 1]
        assert asked == [ZoneInfo("Asia/Kolkata")]
        assert "the database has other data of the session's time zone" in t.where(t.t.hour == 0).explain()
    with in_zone("UTC"):
        assert pxt.get_table(f"{ns}/t").where(t.t.hour == 0).count() == 1
    assert len(asked) == 1


EDGE_DATES = [
    None, datetime.date.min, datetime.date.max, datetime.date(1970, 1, 1), datetime.date(2024, 2, 29),
    datetime.date(2021, 1, 3), datetime.date(1899, 12, 31),
]  # fmt: skip


def date_rows() -> Rows:
    numbers = [0, 1, -1, 31, 10**6, -(10**6), 2**31 - 1, 2**31, -(2**62), 3_000_000, None]
    edges = itertools.product(EDGE_DATES, EDGE_DATES, numbers)
    some = examples(st.tuples(st.dates(), st.dates(), st.integers(-(10**5), 10**5)), 100)
    return [{"d": d, "e": e, "n": n} for d, e, n in [*edges, *some]]


def test_functions_of_dates(ns: str) -> None:
    exprs = [expr for build in DATE_FUNCTIONS.values() for expr in build()]
    assert not list(differences(exprs, date_rows(), f"{ns}/t"))


def test_moved_dates(ns: str) -> None:
    moves = [datetime.timedelta(days=days) for days in (1, -1, 366, 10**6, -3_652_058)]
    exprs: list[Expr] = [D + move for move in moves] + [(D - move).month for move in moves]
    exprs += [apply(D + move, E) for apply in COMPARE.values() for move in moves]
    assert not list(differences(exprs, date_rows(), f"{ns}/t"))


def test_text_of_uuids(ns: str) -> None:
    values = [None, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), *examples(st.uuids(), 50)]
    exprs = [uuids.to_string(V), uuids.hex(V), V.hex() == V.to_string()]
    assert not list(differences(exprs, [{"v": value} for value in values], f"{ns}/t"))
