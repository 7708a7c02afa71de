"""The types as users write them: `pxt.Int`, `pxt.Array[(3,), pxt.Float]`, `pxt.Required[pxt.String]`.

Each form is an ordinary Python annotation that carries its column type, so it also serves as a type hint.
"""

import datetime
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, get_args, get_origin

from pixeltable.exceptions import InvalidType
from pixeltable.lazy import np
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
    StringType,
    TimestampType,
    UUIDType,
    VideoType,
    dtype_name,
)

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


def annotated_type(form: Any) -> ColumnType | None:
    """The column type an annotation carries, or None if it carries none."""
    if get_origin(form) is Annotated:
        return next((item for item in get_args(form)[1:] if isinstance(item, ColumnType)), None)
    return form.bare if isinstance(form, type) and issubclass(form, _Form) else None


class _Form:
    """Base of the forms that take brackets; `bare` is what the form means without them."""

    bare: ColumnType


class Array(_Form):
    """`Array`, `Array[dtype]` or `Array[shape, dtype]`; a None within the shape leaves that length open.

    >>> Array[(3, None), Float].__metadata__
    (ArrayType(nullable=False, shape=(3, None), dtype='float32'),)
    """

    bare = ArrayType()

    def __class_getitem__(cls, item: Any) -> Any:
        shape, dtype = _shape_and_dtype(item if isinstance(item, tuple) else (item,))
        if dtype is None:
            raise TypeError("Array needs a dtype, as in pxt.Array[(3,), pxt.Float] or pxt.Array[np.uint8]")
        return Annotated[np.ndarray, ArrayType(shape=shape, dtype=dtype)]


def _shape_and_dtype(items: Sequence[Any]) -> tuple[tuple[int | None, ...] | None, str | None]:
    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    for item in items:
        if isinstance(item, tuple) and shape is None:
            if not all(n is None or (type(n) is int and n >= 0) for n in item):
                raise TypeError(f"Array shape {item} must hold non-negative ints or None")
            shape = item
        elif dtype is None:
            dtype = _array_dtype(item)
        else:
            raise TypeError(f"Array takes a shape and a dtype, got {items}")
    return shape, dtype


def _array_dtype(item: Any) -> str:
    carried = annotated_type(item)
    if carried is not None and type(carried) in _ARRAY_DTYPES:
        return _ARRAY_DTYPES[type(carried)]
    try:
        dtype = np.dtype(item)
    except TypeError:
        raise TypeError(f"Array dtype {item!r} is neither pxt.Int, Float, Bool, String nor a numpy dtype") from None
    if dtype.kind not in "biufU":
        raise TypeError(f"Array dtype {dtype} is not supported; use bool, an integer, a float or str")
    return dtype_name(dtype)


class Json(_Form):
    """Any JSON value."""

    bare = JsonType()


class Image(_Form):
    """`Image`, `Image[(width, height)]`, `Image['RGB']` or both, in either order."""

    bare = ImageType()

    def __class_getitem__(cls, item: Any) -> Any:
        parts = item if isinstance(item, tuple) and not _is_size(item) else (item,)
        size = next((part for part in parts if _is_size(part)), None)
        mode = next((part for part in parts if isinstance(part, str)), None)
        if len(parts) != (size is not None) + (mode is not None):
            raise TypeError(f"Image takes a size (width, height) and a mode such as 'RGB', got {item!r}")
        return Annotated[Any, ImageType(size=size, mode=mode)]


def _is_size(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(type(n) is int for n in item)


class Required:
    """`Required[T]` is an older way to write `T`: types accept null only as `T | None`."""

    def __class_getitem__(cls, item: Any) -> Any:
        if annotated_type(item) is None:
            raise InvalidType(f"Required[...] takes a pixeltable type, got {item!r}")
        return item
