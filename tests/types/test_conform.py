"""What every type accepts and converts, and how it rejects the rest."""

import datetime
import enum
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import INT_MAX, INT_MIN, CellRejected, conform, json_texts

ZONE = ZoneInfo("America/New_York")
NAIVE = datetime.datetime(2024, 7, 1, 12)  # noqa: DTZ001  # what is tested
AWARE = datetime.datetime(2024, 7, 1, 12, tzinfo=ZONE)
DATE = datetime.date(2024, 7, 1)
ID = uuid.UUID(int=7)


class Color(enum.Enum):
    RED = "red"
    ONE = 1


ACCEPTED = [
    (StringType(), "a", "a"), (StringType(), "", ""), (StringType(), Color.RED, "red"),
    (StringType(), Path("a/b"), "a/b"),
    (StringType(), np.str_("n"), "n"), (StringType(), "\U0001f600", "\U0001f600"),
    (IntType(), 1, 1), (IntType(), INT_MAX, INT_MAX), (IntType(), INT_MIN, INT_MIN), (IntType(), np.int8(4), 4),
    (IntType(), Color.ONE, 1),
    (FloatType(), 1.5, 1.5), (FloatType(), 2, 2.0), (FloatType(), np.float32(0.5), 0.5),
    (FloatType(), np.int64(3), 3.0),
    (BoolType(), True, True), (BoolType(), 0, False), (BoolType(), 7, True), (BoolType(), np.True_, True),
    (TimestampType(), NAIVE, AWARE), (TimestampType(), "2024-07-01T12:00", AWARE), (TimestampType(), AWARE, AWARE),
    (TimestampType(), "2024-07-01T16:00:00Z", AWARE), (TimestampType(), AWARE.astimezone(datetime.UTC), AWARE),
    (TimestampType(), pd.Timestamp("2024-07-01T12:00"), AWARE), (TimestampType(), "2024-07-01", AWARE.replace(hour=0)),
    (DateType(), DATE, DATE), (DateType(), "2024-07-01", DATE), (DateType(), NAIVE.replace(hour=0), DATE),
    (TimestampType(), np.datetime64("2024-07-01T12:00"), AWARE), (DateType(), np.datetime64("2024-07-01"), DATE),
    (TimestampType(), np.datetime64("2024-07-01T12:00", "ns"), AWARE), (FloatType(), 2**53, 2.0**53),
    (FloatType(), 2**80, 2.0**80), (FloatType(), np.float16(0.5), 0.5), (BoolType(), np.int64(1), True),
    (UUIDType(), ID, ID), (UUIDType(), str(ID), ID),
    (BinaryType(), b"x", b"x"), (BinaryType(), bytearray(b"x"), b"x"), (BinaryType(), memoryview(b"x"), b"x"),
]  # fmt: skip

# Not the values: an address in the text would differ between the processes of a run.
IDS = [f"{column_type}-{type(value).__name__}-{n}" for n, (column_type, value, _) in enumerate(ACCEPTED)]

REJECTED = [
    (StringType(), 1, "expected a string, got int 1"), (StringType(), b"a", "expected a string, got bytes b'a'"),
    (StringType(), "a\0", "contains a NUL character at 1"), (StringType(), "\ud800", "contains a lone surrogate"),
    (StringType(), Color.ONE, "expected a string, got Color"),
    (StringType(), "x" * 9 + "\0" + "y" * 99, "NUL character at 9"),
    (IntType(), 1.0, "expected an int, got float 1.0"), (IntType(), True, "expected an int, got bool True"),
    (IntType(), "1", "expected an int, got str '1'"),
    (IntType(), INT_MAX + 1, "9223372036854775808 is out of the range"),
    (IntType(), INT_MIN - 1, "is out of the range"), (IntType(), np.uint64(2**63), "is out of the range"),
    (FloatType(), "1", "expected a float, got str '1'"), (FloatType(), 10**400, "expected a float, got int"),
    (FloatType(), 1j, "expected a float, got complex 1j"),
    (BoolType(), 1.0, "expected a bool, got float 1.0"), (BoolType(), "true", "expected a bool, got str 'true'"),
    (TimestampType(), "soon", "expected a datetime or an ISO 8601 string, got str 'soon'"),
    (TimestampType(), DATE, "give a datetime, such as 2024-07-01T00:00"),
    (TimestampType(), 0, "expected a datetime"),
    (TimestampType(), datetime.datetime(1, 1, 1, tzinfo=datetime.UTC), "expected a datetime"),
    (TimestampType(), pd.NaT, "expected a datetime"),
    (DateType(), NAIVE, "2024-07-01 12:00:00 has a time of day, which a Date would lose"),
    (DateType(), "2024-13-01", "expected a date"),
    (DateType(), 1, "expected a date"),
    (DateType(), np.datetime64("2024-07-01T12"), "has a time of day"),
    (DateType(), np.datetime64("NaT"), "expected a date"),
    (TimestampType(), np.datetime64("2024-07-01"), "is a date"),
    (TimestampType(), np.datetime64("NaT"), "expected a dat"),
    (TimestampType(), pd.Timestamp("2024-07-01T12:00:00.000000001"), "is finer than a microsecond"),
    (TimestampType(), np.datetime64("2024-07-01T12:00:00.000000001"), "is finer than a microsecond"),
    (FloatType(), 2**53 + 1, "9007199254740993 is not exact as a float; the nearest is 9007199254740992.0"),
    (FloatType(), np.int64(2**53 + 1), "is not exact as a float"), (IntType(), np.float64(1), "expected an int"),
    (IntType(), np.True_, "expected an int"), (FloatType(), np.str_("1"), "expected a float"),
    (UUIDType(), "x", "expected a UUID, got str 'x'"), (UUIDType(), 1, "expected a UUID, got int 1"),
    (BinaryType(), "x", "expected bytes, got str 'x'"), (BinaryType(), [1], "expected bytes, got list [1]"),
    (ImageType(), "x.png", "cannot be filled yet"),
]  # fmt: skip


def only(column_type: ColumnType, value: Any) -> Any:
    (found,) = conform(column_type, [value], zone=ZONE)
    return found


@pytest.mark.parametrize(("column_type", "value", "expected"), ACCEPTED, ids=IDS)
def test_accepted(column_type: ColumnType, value: Any, expected: Any) -> None:
    found = only(column_type, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("column_type", "value", "expected"), ACCEPTED, ids=IDS)
def test_a_mixed_column_gives_what_a_plain_one_does(column_type: ColumnType, value: Any, expected: Any) -> None:
    values = [None, value, expected, None, expected]
    assert conform(column_type.with_nullable(True), values, zone=ZONE) == [None, expected, expected, None, expected]


@pytest.mark.parametrize(("column_type", "value", "reason"), REJECTED, ids=ascii)
def test_rejected(column_type: ColumnType, value: Any, reason: str) -> None:
    with pytest.raises(CellRejected) as caught:
        only(column_type, value)
    assert caught.value.index == 0
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("column_type", "value", "reason"), [case for case in REJECTED if case[0] != ImageType()], ids=ascii
)
def test_rejected_at_its_index(column_type: ColumnType, value: Any, reason: str) -> None:
    good = next(expected for kind, _, expected in ACCEPTED if kind == column_type)
    with pytest.raises(CellRejected) as caught:
        conform(column_type.with_nullable(True), [good, None, good, value, value], zone=ZONE)
    assert caught.value.index == 3
    assert reason in caught.value.reason


@pytest.mark.parametrize("column_type", [*{kind: None for kind, *_ in ACCEPTED}, JsonType(), ArrayType()], ids=str)
def test_null_where_it_is_not_allowed(column_type: ColumnType) -> None:
    good = next((expected for kind, _, expected in ACCEPTED if kind == column_type), np.zeros(1))
    with pytest.raises(CellRejected, match="value 1: expected a value, got None"):
        conform(column_type, [good, None], zone=ZONE)
    assert conform(column_type.with_nullable(True), [None, None], zone=ZONE) == [None, None]


def test_the_values_given_are_left_alone() -> None:
    given = [1, 2.0]
    conform(FloatType(), given, zone=ZONE)
    assert [type(value) for value in given] == [int, float]


def test_an_instant_beyond_the_calendar_of_the_zone_is_rejected() -> None:
    with pytest.raises(CellRejected, match="expected a datetime"):
        conform(TimestampType(), [datetime.datetime.max.replace(tzinfo=datetime.UTC)], zone=ZoneInfo("Asia/Kolkata"))


F32 = ArrayType(shape=(2,), dtype="float32")


@pytest.mark.parametrize(
    ("column_type", "value", "dtype"),
    [
        (F32, [1, 2.5], "float32"),
        (F32, np.zeros(2, "float32"), "float32"),
        (F32, np.zeros(2, ">f4"), ">f4"),
        (ArrayType(dtype="float64"), 3 * [[1.5]], "float64"),
        (ArrayType(dtype="uint8"), [0, 255], "uint8"),
        (ArrayType(dtype="bool"), [True, False], "bool"),
        (ArrayType(dtype="str"), ["a", "bc"], "<U2"),
        (ArrayType(dtype="int64"), [], "int64"),
        (ArrayType(), [1, 2], "int64"),
        (ArrayType(shape=(None, 2)), np.zeros((5, 2)), "float64"),
        (ArrayType(shape=()), np.array(1.0), "float64"),
    ],
    ids=str,
)
def test_arrays_accepted(column_type: ColumnType, value: Any, dtype: str) -> None:
    found = only(column_type, value)
    assert (found.tolist(), found.dtype) == (np.array(value).tolist(), np.dtype(dtype))


@pytest.mark.parametrize(
    ("column_type", "value", "reason"),
    [
        (F32, np.zeros(2), "expected an array of dtype float32, got dtype float64"),
        (F32, np.zeros(3, "float32"), "expected an array of shape (2,), got shape (3,)"),
        (F32, ["a", "b"], "expected an array of dtype float32"),
        (F32, [[1], [1, 2]], "expected Array[(2,), float32], got list [[1], [1, 2]]"),
        (F32, 1.0, "expected a numpy array of bool, number or str, got float 1.0"),
        (F32, [None, 1], "expected a numpy array of bool, number or str"),
        (ArrayType(dtype="int64"), [1.5], "expected an array of dtype int64, got dtype float64"),
        (ArrayType(dtype="uint8"), [256], "expected Array[uint8], got list [256]"),
        (ArrayType(dtype="bool"), [2], "expected an array of dtype bool"),
        (ArrayType(dtype="int64"), ["1"], "expected an array of dtype int64"),
        (ArrayType(), np.array([1j]), "expected a numpy array of bool, number or str"),
        (ArrayType(), np.array([None]), "expected a numpy array of bool, number or str"),
        (ArrayType(shape=(None, None)), np.zeros(2), "expected an array of shape (None, None), got shape (2,)"),
    ],
    ids=str,
)
def test_arrays_rejected(column_type: ColumnType, value: Any, reason: str) -> None:
    with pytest.raises(CellRejected) as caught:
        conform(column_type.with_nullable(True), [None, value], zone=ZONE)
    assert caught.value.index == 1
    assert reason in caught.value.reason


def test_json_is_rejected_where_it_becomes_text() -> None:
    with pytest.raises(CellRejected, match="value 2: is not valid JSON: set has no JSON form"):
        json_texts([None, 1, {1}])
