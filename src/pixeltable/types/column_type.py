"""The column types as frozen records, and how they relate; no values are looked at here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from pixeltable.lazy import np


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a cell may hold. Two types are equal when they accept the same values."""

    nullable: bool = False

    name: ClassVar[str]

    def with_nullable(self, nullable: bool) -> Self:
        """The same type that does, or does not, accept null."""
        return self if nullable == self.nullable else replace(self, nullable=nullable)

    def parameters(self) -> str:
        """The bracketed part of the name, empty where there is none."""
        return ""

    def accepts(self, other: "ColumnType") -> bool:
        """Whether every value of `other` is a value of this type, null aside."""
        return type(self) is type(other)

    def __str__(self) -> str:
        return f"{self.name}{self.parameters()}{' | None' if self.nullable else ''}"


@dataclass(frozen=True, slots=True)
class StringType(ColumnType):
    name: ClassVar[str] = "String"


@dataclass(frozen=True, slots=True)
class BoolType(ColumnType):
    name: ClassVar[str] = "Bool"


@dataclass(frozen=True, slots=True)
class IntType(ColumnType):
    """64-bit signed."""

    name: ClassVar[str] = "Int"


@dataclass(frozen=True, slots=True)
class FloatType(ColumnType):
    """Double precision."""

    name: ClassVar[str] = "Float"

    def accepts(self, other: ColumnType) -> bool:
        return isinstance(other, FloatType | IntType)


@dataclass(frozen=True, slots=True)
class TimestampType(ColumnType):
    """An instant; shown in the configured time zone."""

    name: ClassVar[str] = "Timestamp"


@dataclass(frozen=True, slots=True)
class DateType(ColumnType):
    name: ClassVar[str] = "Date"


@dataclass(frozen=True, slots=True)
class UUIDType(ColumnType):
    name: ClassVar[str] = "UUID"


@dataclass(frozen=True, slots=True)
class BinaryType(ColumnType):
    name: ClassVar[str] = "Binary"


@dataclass(frozen=True, slots=True)
class JsonType(ColumnType):
    """Any JSON value: object, list, string, number, bool."""

    name: ClassVar[str] = "Json"

    def accepts(self, other: ColumnType) -> bool:
        return isinstance(other, JsonType | StringType | IntType | FloatType | BoolType)


@dataclass(frozen=True, slots=True)
class ArrayType(ColumnType):
    """A numpy array. `shape` None accepts any shape, a None within it any length; `dtype` None any dtype.

    `dtype` is a numpy name (`float32`); every string dtype is `str`, whatever its width.
    """

    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None

    name: ClassVar[str] = "Array"

    def parameters(self) -> str:
        if self.dtype is None:
            return "" if self.shape is None else f"[{self.shape}]"
        return f"[{self.dtype}]" if self.shape is None else f"[{self.shape}, {self.dtype}]"

    def accepts(self, other: ColumnType) -> bool:
        if not isinstance(other, ArrayType):
            return False
        if self.dtype is not None and self.dtype != other.dtype:
            return False
        return self.shape is None or (other.shape is not None and fits(other.shape, self.shape))


def fits(shape: Sequence[int | None], pattern: Sequence[int | None]) -> bool:
    """Whether `shape` is one that `pattern` allows; None in the pattern allows any length."""
    return len(shape) == len(pattern) and all(
        want is None or have == want for have, want in zip(shape, pattern, strict=True)
    )


def dtype_name(dtype: Any) -> str:
    """The name by which a numpy dtype is recorded."""
    dtype = np.dtype(dtype)
    return "str" if dtype.kind == "U" else dtype.name


@dataclass(frozen=True, slots=True)
class MediaType(ColumnType):
    """Common to the types whose cells refer to a file."""

    name: ClassVar[str] = "Media"


@dataclass(frozen=True, slots=True)
class ImageType(MediaType):
    """`size` is (width, height) in pixels, `mode` Pillow's."""

    size: tuple[int, int] | None = None
    mode: str | None = None

    name: ClassVar[str] = "Image"

    def parameters(self) -> str:
        parts = [str(self.size)] if self.size else []
        if self.mode:
            parts.append(repr(self.mode))
        return f"[{', '.join(parts)}]" if parts else ""


@dataclass(frozen=True, slots=True)
class VideoType(MediaType):
    name: ClassVar[str] = "Video"


@dataclass(frozen=True, slots=True)
class AudioType(MediaType):
    name: ClassVar[str] = "Audio"


@dataclass(frozen=True, slots=True)
class DocumentType(MediaType):
    name: ClassVar[str] = "Document"


TYPES: dict[str, type[ColumnType]] = {
    kind.name: kind
    for kind in (
        StringType, BoolType, IntType, FloatType, TimestampType, DateType, UUIDType, BinaryType, JsonType, ArrayType,
        ImageType, VideoType, AudioType, DocumentType,
    )
}  # fmt: skip

NUMERIC = (IntType, FloatType)


def encode_type(column_type: ColumnType) -> dict[str, Any]:
    """The type as JSON-ready data; inverse of `decode_type`."""
    data: dict[str, Any] = {"type": column_type.name}
    if column_type.nullable:
        data["nullable"] = True
    if isinstance(column_type, ArrayType):
        data |= {"shape": column_type.shape, "dtype": column_type.dtype}
    if isinstance(column_type, ImageType):
        data |= {"size": column_type.size, "mode": column_type.mode}
    return data


def decode_type(data: dict[str, Any]) -> ColumnType:
    """The type that `encode_type` described."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "type"
    }
    return TYPES[data["type"]](**fields)


def common_type(types: Sequence[ColumnType]) -> ColumnType | None:
    """The narrowest type that accepts all of `types`, or None if there is none; nullable if one of them is."""
    nullable = any(t.nullable for t in types)
    images = [t for t in types if isinstance(t, ImageType)]
    if images and len(images) == len(types):
        sizes, modes = {t.size for t in images}, {t.mode for t in images}
        return ImageType(nullable, sizes.pop() if len(sizes) == 1 else None, modes.pop() if len(modes) == 1 else None)
    for candidate in types:
        if all(candidate.accepts(t) for t in types):
            return candidate.with_nullable(nullable)
    if types and all(JsonType().accepts(t) for t in types):
        return JsonType(nullable)
    arrays = [t for t in types if isinstance(t, ArrayType)]
    return _common_array(arrays, nullable) if arrays and len(arrays) == len(types) else None


def _common_array(types: Sequence[ArrayType], nullable: bool) -> ArrayType:
    """What the types agree on: the dtype, the number of dimensions, single lengths."""
    dtypes = {t.dtype for t in types}
    shapes = [t.shape for t in types if t.shape is not None]
    shape: tuple[int | None, ...] | None = None
    if len(shapes) == len(types) and len({len(shape) for shape in shapes}) == 1:
        shape = tuple(lengths[0] if len(set(lengths)) == 1 else None for lengths in zip(*shapes, strict=True))
    return ArrayType(nullable, shape, dtypes.pop() if len(dtypes) == 1 else None)
