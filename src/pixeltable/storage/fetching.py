"""Fetching the rows of a statement as columns."""

from collections.abc import Mapping
from typing import Any

from pixeltable.storage.database import Connection

_ROWS = 500
"""Rows taken at a time: below 700 new objects Python does not search all objects of the process for garbage. A search
takes longer than fetching 10,000 rows, and there would be one after another for a large result.
"""


def fetch_columns(connection: Connection, sql: str, parameters: Mapping[str, Any], *, width: int) -> list[list[Any]]:
    """The result of a statement, a list for each of its `width` columns."""
    cursor = connection.execute(sql, parameters)
    columns: list[list[Any]] = [[] for _ in range(width)]
    while rows := cursor.fetchmany(_ROWS):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns
