"""Json comes from the database as it was stored, one value or many of them."""

import gc
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session
from pixeltable.storage.database import Connection
from pixeltable.storage.fetching import fetch_columns, stream_columns
from pixeltable.types.column_type import BinaryType

Fetch = Callable[..., list[list[Any]]]

CELLS: list[Sequence[Any]] = [
    [1, 1.5, "a, b", True, [], {}, {"k": [None, {"é": "\U0001f600"}]}],
    [2**63, -(2**70), 1, 12345678901234567890123, "1234567890123456789012345"],
    [0.1, 0.0012345678901234567, 1e-30, 0.1, 2**64],
    [0.0012345678901234567, 2.5e-40],
    ["],[", '"', "\\", "\n", "null", ""],
    [],
]


WAYS = {
    "at once": fetch_columns,
    "streamed": stream_columns,
    "at once in binary": partial(fetch_columns, types=[BinaryType()]),
    "streamed in binary": partial(stream_columns, types=[BinaryType()]),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def fetch(request: pytest.FixtureRequest, session_settings: object) -> Fetch:  # noqa: ARG001  # needs a session
    found: Fetch = request.param
    return found


def fetched(fetch: Fetch, sql: str, *cells: Any) -> list[Any]:
    parameters = {"cells": list(cells)} if cells else {}
    (column,) = current_session().database.read(lambda connection: fetch(connection, sql, parameters, width=1))
    return column


@pytest.mark.parametrize("cells", CELLS, ids=["kinds", "long numbers", "both", "long fractions", "marks", "none"])
def test_json_is_what_was_stored(fetch: Fetch, cells: Sequence[Any]) -> None:
    texts = [None, *map(json.dumps, cells), None, "null"]
    assert fetched(fetch, "SELECT unnest(%(cells)s::text[])::jsonb", *texts) == [None, *cells, None, None]


def test_json_may_be_as_deep_as_the_parser_goes(fetch: Fetch) -> None:
    depth = 1024
    (value,) = fetched(fetch, "SELECT unnest(%(cells)s::text[])::jsonb", "[" * depth + "]" * depth)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


def test_lists_of_json_are_lists_of_what_was_stored(fetch: Fetch) -> None:
    texts = ['{"a": 1}', None, "18446744073709551617"]
    assert fetched(fetch, "SELECT %(cells)s::text[]::jsonb[]", *texts) == [[{"a": 1}, None, 2**64 + 1]]
    assert fetched(fetch, "SELECT NULL::jsonb[] FROM unnest(%(cells)s::text[])", "1") == [None]


def test_more_rows_than_come_at_once_keep_their_order(fetch: Fetch) -> None:
    numbers = fetched(fetch, "SELECT to_jsonb(n) FROM generate_series(1, 1234) AS n")
    assert numbers == list(range(1, 1235))


def test_very_many_rows_leave_the_collector_of_garbage_on(fetch: Fetch) -> None:
    assert fetched(fetch, "SELECT n FROM generate_series(1, 25000) AS n") == list(range(1, 25_001))
    assert gc.isenabled()


def test_no_rows_are_columns_without_cells(fetch: Fetch) -> None:
    found = current_session().database.read(lambda connection: fetch(connection, "SELECT 1, 2 LIMIT 0", {}, width=2))
    assert found == [[], []]


def test_a_connection_serves_on_after_a_statement_that_failed_late(fetch: Fetch) -> None:
    def run(connection: Connection) -> list[list[Any]]:
        with pytest.raises(psycopg.DataError):
            fetch(connection, "SELECT 1 / (n - 20000) FROM generate_series(1, 30000) AS n", {}, width=1)
        assert gc.isenabled()
        return fetch(connection, "SELECT 1", {}, width=1)

    assert current_session().database.read(run) == [[1]]


def test_what_the_database_has_no_number_for_late_in_a_table_python_computes(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert({"n": n} for n in [*range(5000), 2**63 - 1])
    assert t.select(m=t.n + 1).collect()["m"][-2:] == [5000, 2**63]
