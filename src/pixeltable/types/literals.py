"""The column type of a Python value, and the plain value behind enums, paths and numpy scalars."""

import datetime
import enum
import os
import sys
import uuid
from typing import Any

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
    dtype_name,
)

_SCALARS: dict[type, ColumnType] = {
    str: StringType(),
    bool: BoolType(),
    int: IntType(),
    float: FloatType(),
    datetime.datetime: TimestampType(),
    datetime.date: DateType(),
    uuid.UUID: UUIDType(),
    bytes: BinaryType(),
    dict: JsonType(),
    list: JsonType(),
    tuple: JsonType(),
}


class StandIn:
    """Base of objects that stand for a plain value wherever a value is expected."""

    __slots__ = ()

    def stands_for(self) -> Any:
        """The value."""
        raise NotImplementedError


def plain(value: Any) -> Any:
    """`value` with enum members, paths, numpy scalars and other stand-ins replaced by what they stand for.

    >>> plain(np.int64(4)), plain(b"x")
    (4, b'x')
    """
    if type(value) in _SCALARS or value is None:
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, StandIn):
        return value.stands_for()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    return value


def literal_type(value: Any) -> ColumnType | None:
    """The type of a plain value; None for a value no column can hold."""
    if type(value) in _SCALARS:
        return _SCALARS[type(value)]
    if isinstance(value, np.ndarray):
        return ArrayType(shape=value.shape, dtype=dtype_name(value.dtype)) if value.dtype.kind in "biufU" else None
    # Pillow is looked up, not imported: without it no value is an image.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(value, pillow.Image):
        return ImageType()
    return next((found for kind, found in _SCALARS.items() if isinstance(value, kind)), None)
