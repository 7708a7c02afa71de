"""A timestamp without a zone is the same instant in both engines, also where clocks are set back or forward."""

import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from pixeltable.exec.context import Context
from pixeltable.exec.evaluate import evaluate
from pixeltable.exprs.leaves import Literal
from pixeltable.plan.planner import compile_scan
from pixeltable.plan.sql import to_sql
from pixeltable.session.current import current_session
from pixeltable.types.column_type import TimestampType
from tests.exec.columns import ENGINE

NO_COLUMN: Any = SimpleNamespace(clocks_agree=lambda: True)
"""A scope for expressions without a column."""

CHANGES = [
    ("America/New_York", "2024-03-10T02:00"),
    ("America/New_York", "2024-11-03T01:00"),
    ("Europe/Dublin", "2024-10-27T01:00"),
    ("Antarctica/Troll", "2024-10-27T01:00"),
    ("Australia/Lord_Howe", "2024-04-07T01:30"),
    ("Australia/Lord_Howe", "2024-10-06T02:00"),
    ("Asia/Kolkata", "1942-09-01T00:00"),
    ("Pacific/Apia", "2011-12-30T00:00"),
    ("UTC", "2024-01-01T00:00"),
]


def literals_around(time: str) -> list[Literal]:
    start = datetime.datetime.fromisoformat(time) - datetime.timedelta(hours=3)
    times = (start + datetime.timedelta(minutes=10 * n) for n in range(36))
    return [Literal(time, TimestampType()) for time in times]


@pytest.mark.parametrize(("zone", "time"), CHANGES)
def test_literal_without_a_zone(zone: str, time: str, session_settings: dict[str, str]) -> None:  # noqa: ARG001
    literals = literals_around(time)
    context = Context(ZoneInfo(zone), lambda spec: pytest.fail(spec.path), 1, ENGINE)
    in_python = [evaluate(literal, [], 1, context)[0].astimezone(datetime.UTC) for literal in literals]
    assert [value.astimezone(datetime.UTC) for value in select(literals, zone)] == in_python


def select(literals: list[Literal], zone: str) -> tuple[Any, ...]:
    scan = compile_scan(sa.select(*(to_sql(literal, NO_COLUMN) for literal in literals)), ())
    with current_session().database.connection() as connection, connection.transaction():
        connection.execute(f"SET LOCAL TimeZone = '{zone}'")  # type: ignore[arg-type]  # one of the zones above
        return connection.execute(scan.sql, scan.parameters).fetchone() or ()  # type: ignore[arg-type]
