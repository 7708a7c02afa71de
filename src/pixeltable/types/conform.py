"""Checking the values of a column, and bringing them into the one Python form its type has; all values at once.

Every rule looks at the set of Python types first, which costs nanoseconds a value; only a column that holds something
unusual is walked cell by cell.
"""

import datetime
import uuid
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any, NoReturn

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
    dtype_name,
    fits,
)
from pixeltable.types.json_conform import JsonMisfit, part_converter
from pixeltable.types.json_text import column_texts, is_plain_column, json_text, plain_json
from pixeltable.types.literals import plain

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MOST_BYTES, MOST_JSON_BYTES = 1_000_000_000, 268_435_455
"""Sizes of a cell; PostgreSQL has a little more for the first. Source: its "Limits"; JENTRY_OFFLENMASK."""

_NONE = type(None)


class CellRejected(ValueError):
    """The value at `index` is not one its column can hold."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"value {index}: {reason}")
        self.index = index
        self.reason = reason


def conform(column_type: ColumnType, values: Sequence[Any], *, zone: datetime.tzinfo) -> list[Any]:
    """`values` in the form their type has in Python; naive timestamps are taken to be in `zone`.

    Raises:
        CellRejected: a value does not belong to the type, or is null where null is not allowed.
    """
    kinds = set(map(type, values))
    if _NONE in kinds and not column_type.nullable:
        raise CellRejected(next(i for i, value in enumerate(values) if value is None), "expected a value, got None")
    return _conform(column_type, list(values), kinds - {_NONE}, zone)


@singledispatch
def _conform(column_type: ColumnType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    raise NotImplementedError(f"no rule checks values of {column_type}")


def _reject(index: int, expected: str, value: Any) -> NoReturn:
    raise CellRejected(index, f"expected {expected}, got {type(value).__name__} {_shorten(repr(value))}")


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Lossy(ValueError):
    """The value could be converted, but part of it would be lost; the message is the whole reason."""


def _each(values: list[Any], convert: Callable[[Any], Any], expected: str) -> list[Any]:
    """`convert` on every value that is not null; a value it refuses rejects the cell."""
    converted: list[Any] = []
    append = converted.append
    for value in values:
        try:
            append(None if value is None else convert(value))
        except _Lossy as error:
            raise CellRejected(len(converted), str(error)) from None
        except (TypeError, ValueError, OverflowError):
            _reject(len(converted), expected, value)
    return converted


@_conform.register
def _(column_type: StringType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    if kinds - {str}:
        values = _each(values, _to_str, "a string")
    check_text(values)
    return values


def _to_str(value: Any) -> str:
    value = plain(value)
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def check_text(values: Sequence[str | None]) -> None:
    """Reject what PostgreSQL cannot store: NUL, and surrogates that are no character."""
    try:
        joined = "".join(filter(None, values))
        size_bytes = len(joined.encode())
        if "\0" not in joined:
            if size_bytes > MOST_BYTES:
                _check_sizes([None if value is None else len(value.encode()) for value in values], MOST_BYTES)
            return
    except UnicodeEncodeError:
        pass  # which one it is, is found below
    for index, value in enumerate(values):
        if value is not None and "\0" in value:
            raise CellRejected(index, f"contains a NUL character at {value.index(chr(0))}, which cannot be stored")
        if value is not None and value.encode(errors="replace").decode() != value:
            raise CellRejected(index, "contains a lone surrogate, which is no Unicode character")


@_conform.register
def _(column_type: IntType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    if kinds - {int}:
        values = _each(values, _to_int, "an int")
    present = values if kinds and None not in values else [value for value in values if value is not None]
    if present and (min(present) < INT_MIN or max(present) > INT_MAX):
        index = next(i for i, value in enumerate(values) if value is not None and not INT_MIN <= value <= INT_MAX)
        raise CellRejected(index, f"{values[index]} is out of the range of a 64-bit integer")
    return values


def _to_int(value: Any) -> int:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return int(value)


@_conform.register
def _(column_type: FloatType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    if not kinds - {float}:
        return values
    converted = _each(values, _to_float, "a float")
    _check_exact(values, converted)
    return converted


def _to_float(value: Any) -> float:
    value = plain(value)
    if not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _check_exact(values: list[Any], converted: list[Any]) -> None:
    """Reject the first int of `values` that no float is equal to."""
    for index, (value, number) in enumerate(zip(values, converted, strict=True)):
        if number is not None and number == number and number != plain(value):
            raise CellRejected(index, f"{plain(value)} is not exact as a float; the nearest is {number!r}")


@_conform.register
def _(column_type: BoolType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    return _each(values, _to_bool, "a bool") if kinds - {bool} else values


def _to_bool(value: Any) -> bool:
    value = plain(value)
    if not isinstance(value, int):
        raise TypeError
    return bool(value)


@_conform.register
def _(column_type: TimestampType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    return _each(values, lambda value: to_timestamp(value, zone), "a datetime or an ISO 8601 string")


def to_timestamp(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    """A datetime or ISO string as an aware datetime in `zone`.

    >>> to_timestamp("2024-01-01T00:00:00+02:00", datetime.UTC).isoformat()
    '2023-12-31T22:00:00+00:00'
    """
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    value = _from_numpy(value)
    if type(value) is datetime.date:
        raise _Lossy(f"{value} is a date, which is no instant; give a datetime, such as {value}T00:00")
    if not isinstance(value, datetime.datetime) or value != value:  # pandas' NaT is a datetime that is none
        raise TypeError
    # pandas' Timestamp is a datetime that compares and prints in its own way; cells hold the standard one.
    if hasattr(value, "to_pydatetime"):
        if getattr(value, "nanosecond", 0):
            raise _Lossy(f"{value} is finer than a microsecond, which is as fine as a Timestamp is")
        value = value.to_pydatetime()
    assert isinstance(value, datetime.datetime)
    return value.replace(tzinfo=zone) if value.tzinfo is None else value.astimezone(zone)


def _from_numpy(value: Any) -> Any:
    """A datetime64 as the date or datetime that is equal to it; anything else as it is."""
    if isinstance(value, datetime.date) or not isinstance(value, np.datetime64):  # most are, and need no numpy
        return value
    found = value.item()
    if isinstance(found, int):  # of nanoseconds, or beyond the calendar
        whole = value.astype("datetime64[us]")
        if whole != value:
            raise _Lossy(f"{value} is finer than a microsecond, which is as fine as a Timestamp is")
        found = whole.item()
    return found


@_conform.register
def _(column_type: DateType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    return values if kinds == {datetime.date} else _each(values, _to_date, "a date or an ISO 8601 string")


def _to_date(value: Any) -> datetime.date:
    if value != value:
        raise ValueError  # pandas' NaT
    if isinstance(value, str):
        return datetime.date.fromisoformat(value)
    value = _from_numpy(value)
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time():
            raise _Lossy(f"{value} has a time of day, which a Date would lose; use .date() if that is meant")
        return value.date()
    if not isinstance(value, datetime.date):
        raise TypeError
    return value


@_conform.register
def _(column_type: UUIDType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    return _each(values, _to_uuid, "a UUID") if kinds - {uuid.UUID} else values


def _to_uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    if not isinstance(value, str):
        raise TypeError
    return uuid.UUID(value)


@_conform.register
def _(column_type: BinaryType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    if kinds - {bytes}:
        values = _each(values, _to_bytes, "bytes")
    _check_sizes([None if value is None else len(value) for value in values], MOST_BYTES)
    return values


def _check_sizes(sizes_bytes: Sequence[int | None], most: int) -> None:
    for index, size_bytes in enumerate(sizes_bytes):
        if size_bytes is not None:
            _check_size(index, size_bytes, most)


def _check_size(index: int, size_bytes: int, most: int) -> None:
    if size_bytes > most:
        fact = f"has {size_bytes:,} bytes, and a cell of its type holds {most:,}"
        raise CellRejected(index, f"{fact}; keep it in a file, and its path here")


def _to_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError
    return bytes(value)


@_conform.register
def _(column_type: JsonType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    """In the form they will be read in."""
    if is_plain_column(values):
        return conform_structure(column_type, values)
    plain_values: list[Any] = []
    for value in values:
        try:
            json_text(value)  # refuses what has no text
            plain_values.append(plain_json(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise CellRejected(len(plain_values), f"is not valid JSON: {error}") from None
    return conform_structure(column_type, plain_values)


def conform_structure(column_type: JsonType, values: list[Any]) -> list[Any]:
    """Plain JSON values in the form the schema of their type gives them.

    Raises:
        CellRejected: a value does not have the structure; the reason names the place within it.
    """
    if column_type.schema is None:
        return values
    convert = part_converter(column_type.with_nullable(True))
    converted: list[Any] = []
    try:
        for value in values:
            converted.append(convert(value))
    except JsonMisfit as error:
        raise CellRejected(len(converted), error.reason) from None
    return converted


def json_texts(values: Sequence[Any]) -> list[str | None]:
    """The JSON text of every value, in the form the database stores; the values are in the form of their type.

    Raises:
        CellRejected: a value holds what JSON cannot (a set, a datetime, NaN, a NUL character, a key that is no string).
    """
    texts = column_texts(list(values)) or _json_texts_one_by_one(values)
    if sum(map(len, filter(None, texts))) > MOST_JSON_BYTES:
        _check_sizes([None if text is None else len(text.encode()) for text in texts], MOST_JSON_BYTES)
    return texts


def _json_texts_one_by_one(values: Sequence[Any]) -> list[str | None]:
    texts: list[str | None] = []
    append = texts.append
    for value in values:
        try:
            append(None if value is None else json_text(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise CellRejected(len(texts), f"is not valid JSON: {error}") from None
    return texts


@_conform.register
def _(column_type: ArrayType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    return [None if value is None else _to_array(column_type, value, index) for index, value in enumerate(values)]


def _to_array(column_type: ArrayType, value: Any, index: int) -> "np.ndarray":
    if isinstance(value, list | tuple):
        try:
            value = _listed(value, column_type.dtype)
        except (TypeError, ValueError, OverflowError, FloatingPointError):
            _reject(index, str(column_type.with_nullable(False)), value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufU":
        _reject(index, "a numpy array of bool, number or str", value)
    if column_type.dtype is not None and dtype_name(value.dtype) != column_type.dtype:
        raise CellRejected(index, f"expected an array of dtype {column_type.dtype}, got dtype {value.dtype}")
    if column_type.shape is not None and not fits(value.shape, column_type.shape):
        raise CellRejected(index, f"expected an array of shape {column_type.shape}, got shape {value.shape}")
    _check_size(index, value.nbytes, MOST_BYTES)
    return value


_LISTED_AS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "U": "U"}
"""From a dtype's kind to the kinds of Python values that become it without loss: no text as numbers, no 1.5 as 1."""


def _listed(value: Any, dtype: str | None) -> "np.ndarray":
    found = np.array(value)
    if dtype is None or (found.size and found.dtype.kind not in _LISTED_AS[np.dtype(dtype).kind]):
        return found
    with np.errstate(over="raise"):  # no infinity for what is beyond a small float
        return np.array(value, dtype=dtype)


@_conform.register
def _(column_type: MediaType, values: list[Any], kinds: set[type], zone: datetime.tzinfo) -> list[Any]:
    raise CellRejected(0, f"{column_type.name} columns cannot be filled yet")
