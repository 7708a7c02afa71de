"""Column types and values of them, as Hypothesis draws them."""

import datetime
import string
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pixeltable.types.column_type import (
    ArrayType,
    AudioType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    DocumentType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    MediaType,
    StringType,
    TimestampType,
    UUIDType,
    VideoType,
)
from pixeltable.types.conform import INT_MAX, INT_MIN
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey, JsonScalar, JsonStructure, JsonTuple

MEDIA: list[type[ColumnType]] = [VideoType, AudioType, DocumentType]
nullable = st.booleans()
plain_scalars = st.sampled_from([StringType, IntType, FloatType, BoolType])
KEYS = ["a", "b", "c", "it's", "", "*"]


def _structures(parts: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[JsonStructure]:
    keys = st.builds(JsonKey, st.sampled_from(KEYS), parts, st.booleans())
    return st.one_of(
        parts.map(JsonItems),
        st.lists(parts, max_size=3).map(lambda items: JsonTuple(tuple(items))),
        st.lists(keys, max_size=3, unique_by=lambda key: key.name).map(lambda found: JsonFields(tuple(found))),
    )


parts: st.SearchStrategy[ColumnType] = st.recursive(
    st.builds(lambda kind, null: kind(null), plain_scalars, nullable) | st.builds(JsonType, nullable),
    lambda inner: st.builds(JsonType, nullable, _structures(inner)),
    max_leaves=6,
)
json_types = st.builds(
    JsonType, nullable, st.none() | _structures(parts) | plain_scalars.map(lambda k: JsonScalar(k()))
)
shapes = st.none() | st.lists(st.none() | st.integers(0, 3), max_size=3).map(tuple)
dtypes = st.sampled_from([None, "bool", "int8", "uint64", "float16", "float32", "float64", "str"])
column_types: st.SearchStrategy[ColumnType] = st.one_of(
    json_types,
    st.builds(ArrayType, nullable, shapes, dtypes),
    st.builds(
        ImageType, nullable, st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)), st.sampled_from([None, "L"])
    ),
    st.builds(
        lambda kind, null: kind(null),
        st.sampled_from(
            [StringType, BoolType, IntType, FloatType, TimestampType, DateType, UUIDType, BinaryType, *MEDIA]
        ),
        nullable,
    ),
)

texts = st.text(string.printable, max_size=5)
anything = st.recursive(
    st.booleans() | st.integers(INT_MIN, INT_MAX) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
_SCALARS: dict[type[ColumnType], st.SearchStrategy[Any]] = {
    StringType: texts,
    IntType: st.integers(INT_MIN, INT_MAX),
    FloatType: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    BoolType: st.booleans(),
    TimestampType: st.datetimes(datetime.datetime(1900, 1, 1), timezones=st.just(datetime.UTC)),  # noqa: DTZ001
    DateType: st.dates(),
    UUIDType: st.uuids(),
    BinaryType: st.binary(max_size=5),
}


def values_of(column_type: ColumnType) -> st.SearchStrategy[Any]:
    """Values that a column of the type takes, null among them where it does."""
    present = _present(column_type)
    return st.none() | present if column_type.nullable else present


def _present(column_type: ColumnType) -> st.SearchStrategy[Any]:
    if isinstance(column_type, JsonType):
        return anything if column_type.schema is None else _structured(column_type.schema)
    if isinstance(column_type, ArrayType):
        return _arrays(column_type)
    assert not isinstance(column_type, MediaType), "media have no values yet"
    return _SCALARS[type(column_type)]


def _structured(schema: JsonStructure) -> st.SearchStrategy[Any]:
    if isinstance(schema, JsonScalar):
        return values_of(schema.kind)
    if isinstance(schema, JsonItems):
        return st.lists(values_of(schema.item), max_size=3)
    if isinstance(schema, JsonTuple):
        return st.tuples(*map(values_of, schema.items))
    assert isinstance(schema, JsonFields)
    return st.fixed_dictionaries(
        {key.name: values_of(key.part) for key in schema.keys if key.required},
        optional={key.name: values_of(key.part) for key in schema.keys if not key.required},
    )


def _arrays(column_type: ArrayType) -> st.SearchStrategy[Any]:
    shape = (2,) if column_type.shape is None else tuple(1 if n is None else n for n in column_type.shape)
    return st.integers(0, 1).map(lambda n: np.full(shape, n).astype(column_type.dtype or "int64"))
