"""Dtypes of a result as a pandas frame."""

import datetime
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from pixeltable.api.results import ResultSet
from pixeltable.types.column_type import (
    ArrayType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)

NOON = datetime.datetime(2024, 1, 2, 12, tzinfo=datetime.UTC)


def frame(column_type: ColumnType, *values: Any) -> pd.DataFrame:
    return ResultSet({"c": list(values)}, {"c": column_type}).to_pandas()


@pytest.mark.parametrize(
    ("column_type", "value", "without_null", "with_null"),
    [
        pytest.param(IntType(), 1, "int64", "float64", id="Int"),
        pytest.param(FloatType(), 1.5, "float64", "float64", id="Float"),
        pytest.param(BoolType(), True, "bool", "object", id="Bool"),
        pytest.param(TimestampType(), NOON, "datetime64[us, UTC]", "datetime64[us, UTC]", id="Timestamp"),
        pytest.param(DateType(), NOON.date(), "object", "object", id="Date"),
        pytest.param(UUIDType(), uuid.UUID(int=1), "object", "object", id="UUID"),
        pytest.param(JsonType(), {"a": 1}, "object", "object", id="Json"),
        pytest.param(ArrayType(), np.zeros(2), "object", "object", id="Array"),
    ],
)
def test_dtype(column_type: ColumnType, value: Any, without_null: str, with_null: str) -> None:
    assert frame(column_type, value, value).dtypes["c"] == without_null
    assert frame(column_type.with_nullable(True), value, None).dtypes["c"] == with_null


def test_strings_have_the_dtype_pandas_infers() -> None:
    assert frame(StringType(), "a").dtypes["c"] == pd.Series(["a"]).dtype


@pytest.mark.parametrize(
    ("column_type", "values", "dtype"),
    [
        pytest.param(IntType(), [], "int64", id="empty Int"),
        pytest.param(FloatType(), [], "float64", id="empty Float"),
        pytest.param(BoolType(), [], "bool", id="empty Bool"),
        pytest.param(StringType(), [], "object", id="empty String"),
        pytest.param(IntType(nullable=True), [None], "float64", id="null Int"),
        pytest.param(FloatType(nullable=True), [None], "float64", id="null Float"),
    ],
)
def test_dtype_without_values(column_type: ColumnType, values: list[None], dtype: str) -> None:
    assert frame(column_type, *values).dtypes["c"] == dtype


def test_arrays_stay_whole() -> None:
    assert frame(ArrayType(), np.arange(3), np.arange(3)).loc[1, "c"].tolist() == [0, 1, 2]


def test_columns_keep_their_order_when_there_are_no_rows() -> None:
    types = {"b": IntType(), "a": StringType()}
    assert list(ResultSet({"b": [], "a": []}, types).to_pandas().columns) == ["b", "a"]


BERLIN = ZoneInfo("Europe/Berlin")
TIMES = [NOON.astimezone(BERLIN), datetime.datetime(2024, 10, 27, 2, 30, 0, 7, BERLIN, fold=1)]


@pytest.mark.parametrize("zone", [datetime.UTC, BERLIN, datetime.timezone(datetime.timedelta(hours=-5))], ids=str)
def test_timestamps_are_those_that_pandas_makes(zone: datetime.tzinfo) -> None:
    values = [None, *(value.astimezone(zone) for value in TIMES)]
    made = frame(TimestampType(nullable=True), *values)["c"]
    pd.testing.assert_series_equal(made, pd.Series(values, name="c"), check_exact=True)
    assert made.dt.tz == zone


@pytest.mark.parametrize(
    ("column_type", "values"),
    [
        pytest.param(IntType(), [2**63, 1], id="int beyond 64 bits"),
        pytest.param(IntType(nullable=True), [2**70, None], id="int beyond 64 bits and null"),
        pytest.param(TimestampType(), [NOON, NOON.astimezone(BERLIN)], id="times of several zones"),
        pytest.param(TimestampType(), [datetime.datetime(1, 1, 1, tzinfo=BERLIN)], id="the beginning of time"),
        pytest.param(TimestampType(nullable=True), [None, None], id="no times"),
        pytest.param(TimestampType(), [NOON.replace(tzinfo=None)], id="time without a zone"),
        pytest.param(FloatType(nullable=True), [0.1, None, float("nan"), float("inf"), -0.0], id="floats"),
    ],
)
def test_what_is_out_of_the_ordinary_is_as_pandas_makes_it(column_type: ColumnType, values: list[Any]) -> None:
    pd.testing.assert_series_equal(frame(column_type, *values)["c"], pd.Series(values, name="c"), check_exact=True)


def test_a_frame_is_its_own() -> None:
    result = ResultSet({"i": [1, 2], "x": [0.5, 1.5]}, {"i": IntType(), "x": FloatType()})
    made = result.to_pandas()
    made.loc[0, "i"] = 7
    made["y"] = made["x"] * 2
    assert (result["i"], result.to_pandas()["i"].tolist()) == ([1, 2], [1, 2])
