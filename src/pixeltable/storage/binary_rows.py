"""Entries as COPY reads them in its binary format: bytes and vectors as they are, not as text to parse."""

import datetime
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pixeltable.lazy import np
from pixeltable.storage.cells import Cells
from pixeltable.storage.heaps import BYTES, Heap, holds_vectors

# Source: PostgreSQL's documentation of COPY, "Binary Format".
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

_NULL = struct.pack(">i", -1)
_CHUNK_BYTES = 1 << 20

_START = struct.Struct(">hiqiq")
"""The number of fields; then with their lengths the row and the operation."""

_LENGTH = struct.Struct(">i")
_INT = struct.Struct(">iq")
_FLOAT = struct.Struct(">id")
_DAYS = struct.Struct(">ii")
_VECTOR = struct.Struct(">ihh")
_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def suits(heap: Heap, columns: Sequence[str]) -> bool:
    """Whether there is something in these columns that the binary format has a shorter way for."""
    types = [heap.column(name).sql_type for name in columns]
    return any(sql_type == BYTES or holds_vectors(sql_type) for sql_type in types)


def binary_rows(rows: Sequence[int], op: int, columns: Sequence[Cells], sql_types: Sequence[str]) -> Iterator[bytes]:
    """The entries that operation `op` writes for these rows, in parts of about a megabyte, without head and trailer."""
    fields = [_field_of(sql_type) for sql_type in sql_types]
    count = 2 + len(columns)
    parts: list[bytes] = []
    size_bytes = 0
    for row, *cells in zip(rows, *columns, strict=True):
        parts.append(_START.pack(count, 8, row, 8, op))
        for field, cell in zip(fields, cells, strict=True):
            part = _NULL if cell is None else field(cell)
            parts.append(part)
            size_bytes += len(part)
        if size_bytes >= _CHUNK_BYTES:
            yield b"".join(parts)
            parts, size_bytes = [], 0
    yield b"".join(parts)


def _field_of(sql_type: str) -> Callable[[Any], bytes]:
    if holds_vectors(sql_type):
        return _half_vector if sql_type.startswith("half") else _vector
    return _FIELDS[sql_type]


def _bytes(cell: bytes) -> bytes:
    return _LENGTH.pack(len(cell)) + cell


def _text(cell: str) -> bytes:
    return _bytes(cell.encode())


def _json(cell: str) -> bytes:
    return _bytes(b"\x01" + cell.encode())  # the version of the format of jsonb


def _timestamp(cell: str) -> bytes:
    return _INT.pack(8, (datetime.datetime.fromisoformat(cell) - _EPOCH) // _MICROSECOND)


def _date(cell: str) -> bytes:
    return _DAYS.pack(4, datetime.date.fromisoformat(cell).toordinal() - _EPOCH.toordinal())


def _vector(cell: "np.ndarray") -> bytes:
    return _VECTOR.pack(4 + 4 * cell.size, cell.size, 0) + cell.astype(">f4").tobytes()


def _half_vector(cell: "np.ndarray") -> bytes:
    # By way of float32, as the database rounds what it reads from text.
    return _VECTOR.pack(4 + 2 * cell.size, cell.size, 0) + cell.astype("f4").astype(">f2").tobytes()


# Source: the functions with which PostgreSQL receives these types, `boolrecv` and so on, and pgvector's `halfvec_recv`.
_FIELDS: dict[str, Callable[[Any], bytes]] = {
    BYTES: _bytes,
    "text": _text,
    "jsonb": _json,
    "bigint": lambda cell: _INT.pack(8, int(cell)),
    "double precision": lambda cell: _FLOAT.pack(8, float(cell)),
    "boolean": lambda cell: b"\0\0\0\1\1" if cell == "t" else b"\0\0\0\1\0",
    "timestamptz": _timestamp,
    "date": _date,
    "uuid": lambda cell: _bytes(uuid.UUID(cell).bytes),
}
