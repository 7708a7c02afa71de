"""Dtypes of a result as a pandas frame."""

import datetime
import uuid
from typing import Any

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
