"""Types and values of a result as an Arrow table."""

import datetime
import io
import json
import sys
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import pixeltable as pxt
from pixeltable.api.arrow import TYPE_KEY
from pixeltable.api.results import ResultSet
from pixeltable.exceptions import InvalidConfiguration, Unsupported
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
    VideoType,
    decode_type,
)

BERLIN = ZoneInfo("Europe/Berlin")


def one_column(column_type: ColumnType, *values: Any) -> pa.ChunkedArray:
    table = ResultSet({"c": list(values)}, {"c": column_type}).to_arrow()
    table.validate(full=True)
    return table["c"]


VALUES = [
    pytest.param(IntType(), 2**63 - 1, pa.int64(), None, id="Int"),
    pytest.param(FloatType(), 1.5, pa.float64(), None, id="Float"),
    pytest.param(BoolType(), True, pa.bool_(), None, id="Bool"),
    pytest.param(StringType(), "ü", pa.string(), None, id="String"),
    pytest.param(DateType(), datetime.date(2024, 1, 2), pa.date32(), None, id="Date"),
    pytest.param(UUIDType(), uuid.UUID(int=7), pa.uuid(), None, id="UUID"),
    pytest.param(BinaryType(), b"\0\xff", pa.binary(), None, id="Binary"),
    pytest.param(VideoType(), "/tmp/a.mp4", pa.string(), None, id="Video"),
    pytest.param(
        TimestampType(),
        datetime.datetime(2024, 7, 1, 12, tzinfo=BERLIN),
        pa.timestamp("us", "Europe/Berlin"),
        None,
        id="Timestamp",
    ),
    pytest.param(JsonType(), {"a": [1, None]}, pa.string(), '{"a":[1,null]}', id="Json"),
    pytest.param(
        ArrayType(shape=(2,), dtype="float32"),
        np.array([1, 2], "f4"),
        pa.list_(pa.float32(), 2),
        [1.0, 2.0],
        id="vector",
    ),
    pytest.param(
        ArrayType(shape=(None, 2), dtype="int64"),
        np.array([[1, 2], [3, 4]]),
        pa.list_(pa.list_(pa.int64(), 2)),
        [[1, 2], [3, 4]],
        id="open and fixed length",
    ),
    pytest.param(
        ArrayType(shape=(2, None), dtype="bool"),
        np.array([[True], [False]]),
        pa.list_(pa.list_(pa.bool_()), 2),
        [[True], [False]],
        id="fixed and open length",
    ),
    pytest.param(ArrayType(dtype="str"), np.array(["a", "bcd"]), pa.list_(pa.string()), ["a", "bcd"], id="strings"),
    pytest.param(
        ArrayType(shape=(0,), dtype="int64"), np.array([], "int64"), pa.list_(pa.int64()), [], id="no elements"
    ),
]


@pytest.mark.parametrize(("column_type", "value", "arrow_type", "expected"), VALUES)
def test_value_and_null_keep_type_and_place(
    column_type: ColumnType, value: Any, arrow_type: pa.DataType, expected: Any
) -> None:
    column = one_column(column_type.with_nullable(True), None, value, None)
    assert column.type == arrow_type
    assert column.to_pylist() == [None, value if expected is None else expected, None]


@pytest.mark.parametrize("column_type", [case.values[0] for case in VALUES[:-7]], ids=str)
@pytest.mark.parametrize("values", [[], [None]], ids=["empty", "null"])
def test_type_does_not_depend_on_there_being_values(column_type: ColumnType, values: list[None]) -> None:
    arrow_type = next(case.values[2] for case in VALUES if case.values[0] == column_type)
    assert one_column(column_type.with_nullable(True), *values).type == arrow_type


def test_arrays_of_different_lengths_keep_their_elements() -> None:
    arrays = [np.arange(n * 2).reshape(n, 2) for n in (0, 3, 1)]
    column = one_column(ArrayType(shape=(None, None), dtype="int64"), *arrays)
    assert column.to_pylist() == [array.tolist() for array in arrays]


def test_arrays_without_a_declared_shape_take_that_of_the_values() -> None:
    column = one_column(ArrayType(), np.zeros((1, 2), "f4"), np.zeros((2, 1), "f4"))
    assert column.type == pa.list_(pa.list_(pa.float32()))


@pytest.mark.parametrize(
    ("column_type", "values"),
    [
        pytest.param(ArrayType(), [np.zeros(1), np.zeros((1, 1))], id="dimensions differ"),
        pytest.param(ArrayType(), [np.zeros(1), np.array(["a"])], id="dtypes differ"),
        pytest.param(ArrayType(), [np.array(1.0)], id="no dimension"),
        pytest.param(JsonType(), [object()], id="no JSON form"),
        pytest.param(IntType(), ["x"], id="not of its type"),
        pytest.param(StringType(), ["\ud800"], id="lone surrogate"),
        pytest.param(ImageType(), [Image.new("CMYK", (1, 1))], id="no PNG mode"),
    ],
)
def test_what_arrow_cannot_hold_is_refused_by_column(column_type: ColumnType, values: list[Any]) -> None:
    with pytest.raises(Unsupported, match=r"^column 'c' cannot be turned into Arrow: "):
        one_column(column_type, *values)


def test_images_become_png_files() -> None:
    image = Image.new("RGB", (2, 1), "red")
    (stored,) = one_column(ImageType(), image).to_pylist()
    assert Image.open(io.BytesIO(stored)).tobytes() == image.tobytes()


def test_field_metadata_holds_the_column_type() -> None:
    column_type = ArrayType(nullable=True, shape=(None, 2), dtype="float32")
    field = ResultSet({"c": []}, {"c": column_type}).to_arrow().schema.field("c")
    assert decode_type(json.loads(field.metadata[TYPE_KEY])) == column_type


@pytest.mark.parametrize(
    ("column_type", "values", "nullable"),
    [
        pytest.param(IntType(), [1], False, id="not null"),
        pytest.param(IntType(nullable=True), [1], True, id="nullable"),
        pytest.param(IntType(), [None], True, id="failed cell"),
    ],
)
def test_field_is_nullable_if_it_may_hold_null(column_type: ColumnType, values: list[Any], nullable: bool) -> None:
    assert ResultSet({"c": values}, {"c": column_type}).to_arrow().schema.field("c").nullable is nullable


def test_other_libraries_read_the_result_as_a_stream() -> None:
    result = ResultSet({"c": [1, 2]}, {"c": IntType()})
    assert pa.table(result).to_pydict() == {"c": [1, 2]}


@pytest.mark.parametrize(("package", "method"), [("polars", "to_polars"), ("pyarrow", "to_arrow")])
def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str, method: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidConfiguration, match=f"pip install {package}"):
        getattr(ResultSet({"c": [1]}, {"c": IntType()}), method)()


def test_polars_frame_has_uuids_as_text() -> None:
    polars = pytest.importorskip("polars")
    result = ResultSet({"u": [uuid.UUID(int=1), None], "i": [1, 2]}, {"u": UUIDType(nullable=True), "i": IntType()})
    assert result.to_polars().schema == {"u": polars.String, "i": polars.Int64}


@pytest.mark.parametrize("order", ["C", "F"])
def test_elements_are_in_the_order_of_their_indexes(order: Any) -> None:
    arrays = [np.array(np.arange(12).reshape(n, 2, 6 // n), order=order) for n in (1, 3, 2)]
    column = one_column(ArrayType(shape=(None, 2, None), dtype="int64", nullable=True), *arrays, None)
    assert column.to_pylist() == [*(array.tolist() for array in arrays), None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"ä": "\u2028", "n": [1.0, None]}, '{"ä":"\u2028","n":[1.0,null]}', id="text"),
        pytest.param([np.arange(2), float("nan"), 2**70], "[[0,1],null,1180591620717411303424]", id="other values"),
        pytest.param(
            {"at": datetime.datetime(2024, 7, 1, tzinfo=BERLIN)}, '{"at":"2024-07-01T00:00:00+02:00"}', id="time"
        ),
    ],
)
def test_json_is_text(value: Any, text: str) -> None:
    assert one_column(JsonType(), value).to_pylist() == [text]


def test_a_query_is_read_as_its_result_is(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.insert([{"n": 1, "s": "a"}, {"n": 2}])
    query = t.where(t.n > 0).select(t.n, t.s)
    expected = query.collect()
    assert query.to_arrow().equals(expected.to_arrow())
    assert pa.table(query).equals(expected.to_arrow())
    assert query.to_pandas().equals(expected.to_pandas())
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(query).equals(query.to_polars())
