"""The types as users write them: `pxt.Int`, `pxt.Array[(3,), pxt.Float]`, `pxt.Required[pxt.String]`.

Each form is an ordinary Python annotation that carries its column type, so it also serves as a type hint.
"""

import datetime
import uuid
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

from pixeltable.exceptions import InvalidType, PixeltableDeprecationWarning
from pixeltable.lazy import np
from pixeltable.types.annotations import Form, annotated_type
from pixeltable.types.column_type import (
    ArrayType,
    AudioType,
    BinaryType,
    BoolType,
    DateType,
    DocumentType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
    VideoType,
    dtype_name,
)
from pixeltable.types.hints import json_type_from

String = Annotated[str, StringType()]
Int = Annotated[int, IntType()]
Float = Annotated[float, FloatType()]
Bool = Annotated[bool, BoolType()]
Timestamp = Annotated[datetime.datetime, TimestampType()]
Date = Annotated[datetime.date, DateType()]
UUID = Annotated[uuid.UUID, UUIDType()]
Binary = Annotated[bytes, BinaryType()]
Video = Annotated[str, VideoType()]
Audio = Annotated[str, AudioType()]
Document = Annotated[str, DocumentType()]

_ARRAY_DTYPES = {IntType: "int64", FloatType: "float32", BoolType: "bool", StringType: "str"}


class Array(Form):
    """`Array`, `Array[dtype]`, `Array[shape]` or `Array[shape, dtype]`; a None in the shape leaves that length open.

    >>> Array[(3, None), Float].__metadata__
    (ArrayType(nullable=False, shape=(3, None), dtype='float32'),)
    """

    bare = ArrayType()

    def __class_getitem__(cls, item: Any) -> Any:
        is_shape = isinstance(item, tuple) and all(part is None or type(part) is int for part in item)
        shape, dtype = _shape_and_dtype(item if isinstance(item, tuple) and not is_shape else (item,))
        return Annotated[np.ndarray, ArrayType(shape=shape, dtype=dtype)]


def _shape_and_dtype(items: Sequence[Any]) -> tuple[tuple[int | None, ...] | None, str | None]:
    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    for item in items:
        if isinstance(item, tuple) and shape is None:
            if not all(n is None or (type(n) is int and n >= 0) for n in item):
                raise InvalidType(f"pxt.Array: the shape {item} must hold non-negative ints or None")
            shape = item
        elif dtype is None:
            dtype = _array_dtype(item)
        else:
            raise InvalidType(f"pxt.Array takes a shape and a dtype, got {items}", hint=_ARRAY)
    return shape, dtype


_ARRAY = "Write pxt.Array[(3,), pxt.Float], pxt.Array[(3, None)], pxt.Array[np.uint8] or pxt.Array."


def _array_dtype(item: Any) -> str:
    carried = annotated_type(item)
    if carried is not None and type(carried) in _ARRAY_DTYPES:
        return _ARRAY_DTYPES[type(carried)]
    try:
        dtype = np.dtype(item)
    except TypeError:
        fact = f"pxt.Array: the dtype {item!r} is neither pxt.Int, Float, Bool, String nor a numpy dtype"
        raise InvalidType(fact, hint=_ARRAY) from None
    if dtype.kind not in "biufU":
        raise InvalidType(
            f"pxt.Array: there are no arrays of dtype {dtype}", hint="Use bool, an integer, a float or str."
        )
    return dtype_name(dtype)


class Json(Form):
    """`Json`, any JSON value, or `Json[T]`, one of this form.

    T is a scalar type, `list[T]` or `[T]`, `(T1, T2)`, `(T, ...)`, `{'key': T}` - all keys are required unless written
    `NotRequired[T]`, others are refused -, a TypedDict or a pydantic model. `T | None` where null is possible.

    >>> Json[{"name": String, "sizes": list[Int]}].__metadata__[0].parameters()
    "[{'name': String, 'sizes': list[Int]}]"
    """

    bare = JsonType()

    def __class_getitem__(cls, item: Any) -> Any:
        return Annotated[Any, json_type_from(item)]


class Image(Form):
    """`Image`, `Image[(width, height)]`, `Image['RGB']` or both, in either order."""

    bare = ImageType()

    def __class_getitem__(cls, item: Any) -> Any:
        parts = item if isinstance(item, tuple) and not _is_size(item) else (item,)
        size = next((part for part in parts if _is_size(part)), None)
        mode = next((part for part in parts if isinstance(part, str)), None)
        if len(parts) != (size is not None) + (mode is not None):
            raise InvalidType(f"pxt.Image takes a size (width, height) and a mode such as 'RGB', got {item!r}")
        return Annotated[Any, ImageType(size=size, mode=mode)]


def _is_size(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(type(n) is int for n in item)


class Required:
    """`Required[T]` is an older way to write `T`: types accept null only as `T | None`."""

    def __class_getitem__(cls, item: Any) -> Any:
        if annotated_type(item) is None:
            raise InvalidType(f"pxt.Required[...] takes a pixeltable type, got {item!r}")
        warnings.warn(
            "pxt.Required[T] is an older way to write T: types accept null only as T | None",
            PixeltableDeprecationWarning,
            stacklevel=2,
        )
        return item
