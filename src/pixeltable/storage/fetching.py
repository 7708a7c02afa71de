"""Fetching the rows of a statement as columns."""

import gc
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixeltable.storage.database import Connection

if TYPE_CHECKING:
    import psycopg

_ROWS = 500
_MANY = 10_000


def fetch_columns(connection: Connection, sql: str, parameters: Mapping[str, Any], *, width: int) -> list[list[Any]]:
    """The result of a statement, a list for each of its `width` columns."""
    return columns_of(connection.execute(sql, parameters), width=width)


def columns_of(cursor: "psycopg.Cursor[Any]", *, width: int) -> list[list[Any]]:
    """The rows of a statement that was run, a list for each of their `width` columns."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    with _rest.taken(cursor.rowcount >= _MANY):
        while rows := cursor.fetchmany(_ROWS):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
    return columns


class _Rest:
    """Keeps the collector of garbage at rest while some thread fetches many rows.

    Their cells are new objects by the hundred thousand, none of them garbage; searching all objects of the process for
    garbage again and again meanwhile takes longer than fetching them. The collector is the whole process's, and so is
    this.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takers = 0
        self._was_on = False

    @contextmanager
    def taken(self, wanted: bool) -> Iterator[None]:
        if not wanted:
            yield
            return
        with self._lock:
            if not self._takers:
                self._was_on = gc.isenabled()
                gc.disable()
            self._takers += 1
        try:
            yield
        finally:
            with self._lock:
                self._takers -= 1
                if not self._takers and self._was_on:
                    gc.enable()


_rest = _Rest()
