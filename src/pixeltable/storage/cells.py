"""Cells as the text PostgreSQL reads, a column at a time, and back from what its driver returns."""

import datetime
import json
import re
import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from typing import Any

from pixeltable.lazy import np
from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    MediaType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import json_texts

Texts = list[str | None]
"""A column of cells as text; None is null."""

Cells = list[Any]
"""A column of cells as they are written: text, bytes of what is stored as such, arrays of vectors; None is null."""


def stored_cells(column_type: ColumnType, values: Sequence[Any]) -> Cells:
    """The values of a column as they are written.

    Raises:
        CellRejected: a Json value has no JSON form.
    """
    if isinstance(column_type, BinaryType):
        return list(values)
    if isinstance(column_type, ArrayType):  # `in` would compare arrays element by element
        return [None if value is None else array_bytes(value) for value in values]
    return cell_texts(column_type, values)


@singledispatch
def cell_texts(column_type: ColumnType, values: Sequence[Any]) -> Texts:
    """The values of a column as text.

    Raises:
        CellRejected: a Json value has no JSON form.
    """
    return _map(str, values)  # Int, Float, UUID: what Python prints is what PostgreSQL reads


def _map(convert: Callable[[Any], str], values: Sequence[Any]) -> Texts:
    if None in values:
        return [None if value is None else convert(value) for value in values]
    return list(map(convert, values))


@cell_texts.register(StringType)
@cell_texts.register(MediaType)
def _(column_type: ColumnType, values: Sequence[Any]) -> Texts:
    return list(values)


@cell_texts.register
def _(column_type: BoolType, values: Sequence[Any]) -> Texts:
    return [None if value is None else "t" if value else "f" for value in values]


@cell_texts.register(TimestampType)
@cell_texts.register(DateType)
def _(column_type: ColumnType, values: Sequence[Any]) -> Texts:
    return [None if value is None else value.isoformat() for value in values]


@cell_texts.register
def _(column_type: BinaryType, values: Sequence[Any]) -> Texts:
    return [None if value is None else f"\\x{value.hex()}" for value in values]


@cell_texts.register
def _(column_type: JsonType, values: Sequence[Any]) -> Texts:
    return json_texts(values)


@cell_texts.register
def _(column_type: ArrayType, values: Sequence[Any]) -> Texts:
    return [None if value is None else f"\\x{array_bytes(value).hex()}" for value in values]


def array_bytes(array: "np.ndarray") -> bytes:
    """An array with what it takes to read it back: dtype, number of dimensions, shape; then its elements in C order."""
    dtype = array.dtype.newbyteorder("<").str.encode()
    header = struct.pack(f"<B{len(dtype)}sB{array.ndim}I", len(dtype), dtype, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()


def array_from_bytes(data: bytes) -> "np.ndarray":
    """The array that `array_bytes` wrote.

    >>> array_from_bytes(array_bytes(np.arange(6, dtype="int16").reshape(2, 3))).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    width = data[0]
    dimensions = data[1 + width]
    start = 2 + width + 4 * dimensions
    shape = struct.unpack_from(f"<{dimensions}I", data, 2 + width)
    return np.frombuffer(data, dtype=np.dtype(data[1 : 1 + width].decode()), offset=start).reshape(shape).copy()


def numbers_text(numbers: Iterable[int]) -> str:
    """Whole numbers as PostgreSQL reads an array of them; psycopg takes ten times as long."""
    return f"{{{','.join(map(str, numbers))}}}"


def array_text(texts: Texts) -> str:
    """Texts as PostgreSQL reads an array of them; see `numbers_text`."""
    quoted = ["NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]
    return f"{{{','.join(quoted)}}}"


def vector_texts(vectors: Sequence["np.ndarray | None"]) -> Texts:
    """1-d float arrays in pgvector's notation."""
    return [None if vector is None else f"[{','.join(map(repr, vector.tolist()))}]" for vector in vectors]


_SPECIAL = re.compile(r"[\\\t\n\r]")


def copy_column(texts: Sequence[str | None]) -> list[str]:
    """A column as COPY reads it in its text format: special characters escaped, null as \\N."""
    present = texts if None not in texts else [text for text in texts if text is not None]
    if _SPECIAL.search("".join(present)) is None:  # type: ignore[arg-type]  # no None is left in it
        return ["\\N" if text is None else text for text in texts]
    return ["\\N" if text is None else _escaped(text) for text in texts]


def _escaped(text: str) -> str:
    # The backslash first: the others put some in. A pattern that asks for each character takes ten times as long.
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def decoder(column_type: ColumnType) -> Callable[[Any], Any] | None:
    """What turns a cell as the driver returns it into its Python form; None where it is that already."""
    return array_from_bytes if isinstance(column_type, ArrayType) else None


def text_reader(column_type: ColumnType, zone: datetime.tzinfo) -> Callable[[str], Any]:
    """What turns the text that `cell_texts` made of a value back into the value; times are in `zone`."""
    if isinstance(column_type, TimestampType):
        return lambda text: datetime.datetime.fromisoformat(text).astimezone(zone)
    return _READERS.get(type(column_type), str)


_READERS: dict[type[ColumnType], Callable[[str], Any]] = {
    IntType: int,
    FloatType: float,
    BoolType: lambda text: text == "t",
    DateType: datetime.date.fromisoformat,
    UUIDType: uuid.UUID,
    BinaryType: lambda text: bytes.fromhex(text[2:]),
    JsonType: json.loads,
    ArrayType: lambda text: array_from_bytes(bytes.fromhex(text[2:])),
}
