"""Fetching the rows of a statement as columns."""

import gc
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from pixeltable.lazy import psycopg
from pixeltable.storage.database import Connection, has_long_number, loaded_json
from pixeltable.types.column_type import ArrayType, BinaryType, ColumnType

if TYPE_CHECKING:
    from psycopg.abc import Buffer

_ROWS = 500
_MANY = 10_000


def fetch_columns(
    connection: Connection, sql: str, parameters: Mapping[str, Any], *, width: int, types: Collection[ColumnType] = ()
) -> list[list[Any]]:
    """The result of a statement, a list for each of its `width` columns; `types` are what it has columns of."""
    cursor = _cursor(connection, types)
    cursor.execute(sql, parameters)
    return columns_of(cursor, width=width, decoders=_DECODERS)


def stream_columns(
    connection: Connection, sql: str, parameters: Mapping[str, Any], *, width: int, types: Collection[ColumnType] = ()
) -> list[list[Any]]:
    """As `fetch_columns`, of rows that are taken while the database makes the next ones, each on a core of its own.

    The statement is not kept prepared, so this is for those that may yield very many rows.
    """
    if not psycopg.capabilities.has_stream_chunked():
        return fetch_columns(connection, sql, parameters, width=width, types=types)
    cursor = _cursor(connection, types)
    columns: list[list[Any]] = [[] for _ in range(width)]
    rows_of: Any = cursor.stream(sql, parameters, size=_ROWS)  # a generator; closed, it ends the statement
    with ExitStack() as at_rest, closing(rows_of) as found:
        while rows := list(islice(found, _ROWS)):
            _extend(columns, rows, cursor, _DECODERS)
            if len(columns[0]) == _MANY:
                at_rest.enter_context(_rest.taken(True))
    return columns


def has_bytes(types: Iterable[ColumnType]) -> bool:
    """Whether results of such types are better had in the binary format: as text, bytes are twice as long."""
    return any(isinstance(column_type, ArrayType | BinaryType) for column_type in types)


def _cursor(connection: Connection, types: Iterable[ColumnType]) -> "psycopg.Cursor[Any]":
    """A cursor that leaves Json as text, to be parsed for many rows at once."""
    in_binary = has_bytes(types)
    cursor = connection.cursor(binary=in_binary)
    cursor.adapters.register_loader("jsonb", _json_loader() if in_binary else psycopg.types.string.TextLoader)
    return cursor


@cache
def _json_loader() -> type["psycopg.adapt.Loader"]:
    class JsonText(psycopg.adapt.Loader):
        """Json as text; in the binary format a byte with the version of that format is before it."""

        format = psycopg.pq.Format.BINARY

        def load(self, data: "Buffer") -> str:
            return bytes(data[1:]).decode()

    return JsonText


Decoder = Callable[[Sequence[Any]], list[Any]]


def columns_of(
    cursor: "psycopg.Cursor[Any]", *, width: int, decoders: Mapping[int, Decoder] = MappingProxyType({})
) -> list[list[Any]]:
    """The rows of a statement that was run, a list for each of their `width` columns.

    `decoders` make cells, some hundred at a time, of columns whose type in the database has that number.
    """
    columns: list[list[Any]] = [[] for _ in range(width)]
    with _rest.taken(cursor.rowcount >= _MANY):
        while rows := cursor.fetchmany(_ROWS):
            _extend(columns, rows, cursor, decoders)
    return columns


def _extend(
    columns: Sequence[list[Any]],
    rows: Sequence[Sequence[Any]],
    cursor: "psycopg.Cursor[Any]",
    decoders: Mapping[int, Decoder],
) -> None:
    made = [decoders.get(column.type_code) for column in cursor.description or ()]
    for column, values, decode in zip(columns, zip(*rows, strict=True), made, strict=True):
        column.extend(values if decode is None else decode(values))


def _json_cells(texts: Sequence[str | None]) -> list[Any]:
    """The values of Json cells, parsed as one list: the way to the parser and back is longer than it needs for one."""
    joined = f"[{','.join(['null' if text is None else text for text in texts])}]".encode()
    if not has_long_number(joined):
        with suppress(orjson.JSONDecodeError):  # nested as deep as it can be, and that is one level more
            return list(orjson.loads(joined))
    return [None if text is None else loaded_json(text) for text in texts]


def _json_lists(lists: Sequence[list[str | None] | None]) -> list[Any]:
    return [None if texts is None else _json_cells(texts) for texts in lists]


_DECODERS: dict[int, Decoder] = {3802: _json_cells, 3807: _json_lists}
"""By the number of a type of the database: jsonb, jsonb[]. Source: pg_type.dat of PostgreSQL."""


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
                    if not gc.get_freeze_count():  # else some of the program's objects are to be left alone
                        gc.freeze()
                        gc.unfreeze()  # all are old objects now, without having been searched
                    gc.enable()


_rest = _Rest()
