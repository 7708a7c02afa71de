"""Cells come back as they were: arrays as bytes, and every type through the database by COPY and by INSERT."""

import datetime
import itertools
import math
import struct
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable.storage.cells import array_bytes, array_from_bytes, cell_texts, copy_column, vector_texts
from pixeltable.types.column_type import BinaryType, BoolType, FloatType, IntType, StringType

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "U3",
]  # fmt: skip
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (7,), (0, 3), (2, 3), (1, 1, 1, 2)]


def sample(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.resize(np.arange(5), shape).astype(dtype)


def assert_same(found: np.ndarray, array: np.ndarray) -> None:
    assert found.dtype == array.dtype.newbyteorder("<")
    assert found.shape == array.shape
    assert found.tobytes() == array.astype(found.dtype).tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_array_round_trip(dtype: str, shape: tuple[int, ...]) -> None:
    array = sample(shape, dtype)
    assert_same(array_from_bytes(array_bytes(array)), array)


@pytest.mark.parametrize("dtype", [">i4", ">f8", ">U2", "<f4", "=i8", ">f2"])
def test_array_of_another_byte_order(dtype: str) -> None:
    array = sample((2, 3), dtype)
    assert_same(array_from_bytes(array_bytes(array)), array)


SQUARE = np.arange(36, dtype="float32").reshape(6, 6)


@pytest.mark.parametrize(
    "array",
    [
        SQUARE.T,
        SQUARE[::2, 1::3],
        SQUARE[::-1],
        SQUARE[:, 2],
        np.asfortranarray(SQUARE),
        np.broadcast_to(np.float64(2), (3, 2)),
    ],
    ids=["transposed", "strided", "reversed", "column", "fortran", "broadcast"],
)
def test_array_not_contiguous(array: np.ndarray) -> None:
    assert_same(array_from_bytes(array_bytes(array)), array)


def test_array_of_special_values() -> None:
    array = np.array([math.nan, math.inf, -math.inf, -0.0, 5e-324])
    assert_same(array_from_bytes(array_bytes(array)), array)


@pytest.mark.parametrize("texts", [["", "", ""], ["é", "\U0001f600x", ""]])
def test_array_of_texts(texts: list[str]) -> None:
    assert array_from_bytes(array_bytes(np.array(texts))).tolist() == texts


def test_array_read_can_be_written_to() -> None:
    found = array_from_bytes(array_bytes(np.zeros(2)))
    found[0] = 1
    assert found.tolist() == [1, 0]


def test_copy_escapes() -> None:
    assert copy_column(["a", None, "\t\\N\r\n", ""]) == ["a", "\\N", "\\t\\\\N\\r\\n", ""]
    assert copy_column(["a", None]) == ["a", "\\N"]
    assert copy_column([]) == []


@pytest.mark.parametrize(
    ("column_type", "values", "texts"),
    [
        (IntType(True), [1, None], ["1", None]),
        (FloatType(), [0.1, math.inf, -math.nan, -0.0, 1e300], ["0.1", "inf", "nan", "-0.0", "1e+300"]),
        (BoolType(True), [True, None, False], ["t", None, "f"]),
        (BinaryType(), [b"", b"\0\xff"], ["\\x", "\\x00ff"]),
        (StringType(True), ["\\", None], ["\\", None]),
    ],
)
def test_texts(column_type: Any, values: list[Any], texts: list[str | None]) -> None:
    assert cell_texts(column_type, values) == texts


def test_vectors_keep_every_digit() -> None:
    assert vector_texts([np.array([0.1, 1e-7]), None]) == ["[0.1,1e-07]", None]


TEXTS = [
    "", " ", "\t", "\n", "\r\n", "\\", "\\\\", "\\N", "\\.", "\\t", "a\tb\nc\\d", "NULL", "null", "{}", "{a,b}", '"',
    "'", ",", "\x01",
    "\x0b\x0c\x1f\x7f", "é", "e\u0301", "\u2028", "\ufeff", "\uffff", "\U0001f600", "%s %(a)s", ":name", "$1",
    "x" * 5000, None,
]  # fmt: skip
FLOATS = [
    0.0,
    -0.0,
    0.1,
    1 / 3,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    math.nan,
    math.inf,
    -math.inf,
    None,
]
ZONES = [
    datetime.UTC,
    datetime.timezone(datetime.timedelta(hours=5.75)),
    datetime.timezone(-datetime.timedelta(hours=9.5)),
]
TIMESTAMPS = [
    datetime.datetime(1, 1, 1, tzinfo=datetime.UTC), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999,
    tzinfo=datetime.UTC),
    *(datetime.datetime(2024, 2, 29, 23, 59, 59, 1, tzinfo=zone) for zone in ZONES),
    *(datetime.datetime(1890, 1, 1, 0, 0, 0, 999999, tzinfo=zone) for zone in ZONES), None,
]  # fmt: skip
DATES = [datetime.date.min, datetime.date.max, datetime.date(2024, 2, 29), datetime.date(1582, 10, 10), None]
INTS = [0, -1, 2**63 - 1, -(2**63), None]
JSONS = [{}, [], "", "\\N\t\n", 0, 1.5, -1e-300, True, {"a\\": ["\n", {"é": None}]}, [[None]], 2**70, None]
COLUMNS: dict[str, tuple[Any, Sequence[Any]]] = {
    "String": (pxt.String | None, TEXTS),
    "Float": (pxt.Float | None, FLOATS),
    "Timestamp": (pxt.Timestamp | None, TIMESTAMPS),
    "Date": (pxt.Date | None, DATES),
    "Int": (pxt.Int | None, INTS),
    "Bool": (pxt.Bool | None, [True, False, None]),
    "UUID": (pxt.UUID | None, [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), None]),
    "Binary": (pxt.Binary | None, [b"", b"\0", b"\\x00", bytes(range(256)), b"\n\t", None]),
    "Json": (pxt.Json | None, JSONS),
    "Array": (
        pxt.Array | None,
        [sample(shape, dtype) for shape in SHAPES for dtype in ("bool", "float16", "U3")] + [None],
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("count", [3, 300], ids=["by INSERT", "by COPY"])
def test_round_trip_through_the_database(name: str, count: int, ns: str) -> None:
    form, values = COLUMNS[name]
    rows = list(itertools.islice(itertools.cycle(values), max(count, len(values))))
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "v": form})
    for start in range(0, len(rows), count):
        t.insert({"n": n, "v": rows[n]} for n in range(start, min(start + count, len(rows))))
    found = t.order_by(t.n).select(t.v).collect()["v"]
    assert [exact(value) for value in found] == [exact(value) for value in rows]


def exact(value: Any) -> Any:
    """A form in which equal means the same: NaN is NaN, -0.0 is not 0.0, True not 1."""
    if isinstance(value, float):
        return struct.pack("<d", math.nan if math.isnan(value) else value)
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC)
    return (type(value), repr(value))


def test_strings_in_all_columns_at_once(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {f"c{n}": pxt.String | None for n in range(3)})
    rows = [dict(zip(t.columns(), texts, strict=True)) for texts in itertools.product(TEXTS[:12], repeat=3)]
    t.insert(rows)
    assert [dict(row) for row in t.collect()] == rows
