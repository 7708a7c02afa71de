"""Json comes from the database as it was stored, one value or many of them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pixeltable.session.current import current_session
from pixeltable.storage.fetching import fetch_columns

CELLS: list[Sequence[Any]] = [
    [1, 1.5, "a, b", True, [], {}, {"k": [None, {"é": "\U0001f600"}]}],
    [2**63, -(2**70), 1, 12345678901234567890123, "1234567890123456789012345"],
    ["],[", '"', "\\", "\n", "null", ""],
    [],
]


def fetched(sql: str, *cells: Any) -> list[Any]:
    parameters = {"cells": list(cells)} if cells else {}
    (column,) = current_session().database.read(lambda connection: fetch_columns(connection, sql, parameters, width=1))
    return column


@pytest.mark.parametrize("cells", CELLS, ids=["kinds", "long numbers", "marks", "none"])
@pytest.mark.usefixtures("session_settings")
def test_json_is_what_was_stored(cells: Sequence[Any]) -> None:
    texts = [None, *map(json.dumps, cells), None, "null"]
    assert fetched("SELECT unnest(%(cells)s::text[])::jsonb", *texts) == [None, *cells, None, None]


@pytest.mark.usefixtures("session_settings")
def test_json_may_be_as_deep_as_the_parser_goes() -> None:
    depth = 1024
    (value,) = fetched("SELECT unnest(%(cells)s::text[])::jsonb", "[" * depth + "]" * depth)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


@pytest.mark.usefixtures("session_settings")
def test_lists_of_json_are_lists_of_what_was_stored() -> None:
    texts = ['{"a": 1}', None, "18446744073709551617"]
    assert fetched("SELECT %(cells)s::text[]::jsonb[]", *texts) == [[{"a": 1}, None, 2**64 + 1]]
    assert fetched("SELECT NULL::jsonb[] FROM unnest(%(cells)s::text[])", "1") == [None]


@pytest.mark.usefixtures("session_settings")
def test_more_rows_than_come_at_once_keep_their_order() -> None:
    numbers = fetched("SELECT to_jsonb(n) FROM generate_series(1, 1234) AS n")
    assert numbers == list(range(1, 1235))
