"""Columns as an Arrow table, and from there as a polars frame."""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pixeltable.exceptions import Error, InvalidConfiguration, Unsupported
from pixeltable.lazy import np
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
    encode_type,
    fits,
)
from pixeltable.types.json_form import json_line, png_bytes

if TYPE_CHECKING:
    import pyarrow as pa

TYPE_KEY = b"pixeltable_type"
"""Field metadata under this key is the column type as JSON, for `types.column_type.decode_type`."""


def arrow_table(columns: Mapping[str, list[Any]], types: Mapping[str, ColumnType]) -> "pa.Table":
    """The columns as an Arrow table.

    Int is int64, Float float64, Bool bool, String string, Date date32, UUID arrow.uuid, Binary binary. Timestamp is
    timestamp[us] in the zone of the column's first value, UTC if there is none. Json is JSON text. Array is a list of
    its dtype, nested for more dimensions, of fixed size where the shape says so. Image is a PNG file as binary; video,
    audio and document are paths. A field is nullable if its type is or a value is null.

    Raises:
        Unsupported: a column has arrays of different dimensions or dtypes, or a value has no Arrow form.
        InvalidConfiguration: pyarrow is not installed.
    """
    arrow = _require("pyarrow", purpose="to_arrow()")
    arrays, fields = [], []
    for name, column_type in types.items():
        try:
            array = _arrow_array(arrow, column_type, columns[name])
        except Error as error:
            raise Unsupported(f"column {name!r} cannot be turned into Arrow: {error.message}") from error
        metadata = {TYPE_KEY: json.dumps(encode_type(column_type)).encode()}
        nullable = column_type.nullable or array.null_count > 0
        fields.append(arrow.field(name, array.type, nullable=nullable, metadata=metadata))
        arrays.append(array)
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields))


def polars_frame(columns: Mapping[str, list[Any]], types: Mapping[str, ColumnType]) -> Any:
    """The columns as a polars frame, by way of Arrow; UUIDs as text, for which polars has no type.

    Raises:
        InvalidConfiguration: polars is not installed.
    """
    polars = _require("polars", purpose="to_polars()")
    uuids = {name for name, column_type in types.items() if isinstance(column_type, UUIDType)}
    columns = dict(columns) | {name: [value and str(value) for value in columns[name]] for name in uuids}
    types = dict(types) | {name: StringType(types[name].nullable) for name in uuids}
    return polars.from_arrow(arrow_table(columns, types))


def _require(package: str, *, purpose: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        hint = f"Install it: pip install {package}"
        raise InvalidConfiguration(f"{purpose} needs the package {package!r}", hint=hint) from error


def _arrow_array(arrow: Any, column_type: ColumnType, values: list[Any]) -> Any:
    if isinstance(column_type, ArrayType):
        return _nested_lists(arrow, column_type, values)
    try:
        build = _BUILD.get(type(column_type), _text)
        return build(arrow, values)
    except (arrow.ArrowException, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unsupported(f"a value is not a {column_type.name} ({error})") from error


def _plain(type_name: str) -> Callable[[Any, list[Any]], Any]:
    """Builds an array of the Arrow type that a function of that name returns, from values Arrow knows."""
    return lambda arrow, values: arrow.array(values, getattr(arrow, type_name)())


_text = _plain("string")


def _timestamps(arrow: Any, values: list[Any]) -> Any:
    zone = next((value.tzinfo for value in values if value is not None and value.tzinfo), None)
    return arrow.array(values, arrow.timestamp("us", zone or "UTC"))


def _uuids(arrow: Any, values: list[Any]) -> Any:
    stored = arrow.array([value and value.bytes for value in values], arrow.binary(16))
    return arrow.ExtensionArray.from_storage(arrow.uuid(), stored)


def _json_text(arrow: Any, values: list[Any]) -> Any:
    return _text(arrow, [None if value is None else json_line(value) for value in values])


def _images(arrow: Any, values: list[Any]) -> Any:
    return arrow.array([None if value is None else png_bytes(value) for value in values], arrow.binary())


_BUILD: dict[type[ColumnType], Callable[[Any, list[Any]], Any]] = {
    IntType: _plain("int64"),
    FloatType: _plain("float64"),
    BoolType: _plain("bool_"),
    DateType: _plain("date32"),
    BinaryType: _plain("binary"),
    TimestampType: _timestamps,
    UUIDType: _uuids,
    JsonType: _json_text,
    ImageType: _images,
}


def _nested_lists(arrow: Any, column_type: ArrayType, values: list[Any]) -> Any:
    """Arrays as lists of lists: the elements of all in one buffer, wrapped once per dimension from the inside out."""
    present = [value for value in values if value is not None]
    shape = _common_shape(column_type, present)
    dtype = _common_dtype(column_type, present)
    filler = np.zeros([length or 0 for length in shape], dtype=dtype)  # what a fixed-size list holds where it is null
    arrays = [filler if value is None else value for value in values]
    lists = arrow.array(np.concatenate(arrays or [filler.ravel()[:0]], axis=None).astype(dtype, copy=False))
    if dtype.kind == "U":
        lists = lists.cast(arrow.string())
    shapes = np.array([array.shape for array in arrays], dtype=np.int64).reshape(len(arrays), len(shape))
    nulls = arrow.array([value is None for value in values], arrow.bool_())
    for axis in reversed(range(len(shape))):
        mask = nulls if axis == 0 and len(present) < len(values) else None
        if shape[axis]:
            lists = arrow.FixedSizeListArray.from_arrays(lists, shape[axis], mask=mask)
        else:
            lists = arrow.ListArray.from_arrays(_offsets(shapes, axis), lists, mask=mask)
    return lists


def _offsets(shapes: "np.ndarray[Any, Any]", axis: int) -> "np.ndarray[Any, Any]":
    """Where each list of dimension `axis` starts and ends: every array has as many of them as the outer ones hold."""
    counts = shapes[:, :axis].prod(axis=1)
    offsets = np.concatenate([[0], np.cumsum(np.repeat(shapes[:, axis], counts))])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise Unsupported(f"its arrays have {offsets[-1]} elements in all, more than fit into one Arrow list array")
    return offsets.astype(np.int32)


def _common_shape(column_type: ArrayType, present: Sequence["np.ndarray[Any, Any]"]) -> tuple[int | None, ...]:
    """The declared shape, or that of a query result whose type says nothing: as many open lengths as dimensions."""
    shapes = {value.shape for value in present}
    if column_type.shape is not None and all(fits(shape, column_type.shape) for shape in shapes):
        shape = column_type.shape
    else:
        dimensions = {len(shape) for shape in shapes} or {1}
        if len(dimensions) > 1:
            raise Unsupported(f"its arrays have {' and '.join(map(str, sorted(dimensions)))} dimensions")
        shape = (None,) * dimensions.pop()
    if not shape:
        raise Unsupported("its arrays have no dimension")
    return shape


def _common_dtype(column_type: ArrayType, present: Sequence["np.ndarray[Any, Any]"]) -> "np.dtype[Any]":
    if column_type.dtype is not None and column_type.dtype != "str":
        return np.dtype(column_type.dtype)
    kinds = {value.dtype for value in present}
    if len({kind.kind for kind in kinds}) > 1:
        raise Unsupported(f"its arrays have the dtypes {', '.join(sorted(map(str, kinds)))}")
    return np.result_type(*kinds) if kinds else np.dtype(column_type.dtype or "float64")
