"""The column types as frozen records, and how they relate; no values are looked at here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Self, TypeVar

from pixeltable.exceptions import InvalidExpression
from pixeltable.lazy import np
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey, JsonScalar, JsonStructure, JsonTuple
from pixeltable.types.kinds import KindTests


@dataclass(frozen=True, slots=True)
class ColumnType(KindTests):
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

    def matches(self, other: "ColumnType") -> bool:
        """Whether both are the same type, null aside."""
        return self.with_nullable(False) == other.with_nullable(False)

    def brief(self) -> str:
        """The text, or the beginning of a long one: for messages that name the part that matters."""
        text = str(self)
        return text if len(text) <= 80 else f"{text[:77]}..."

    def part_text(self) -> str:
        """As `str()`, within the brackets of a Json type."""
        return str(self)

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


JsonStep = str | int | slice
"""A step of a path into a Json value: a key, a position, a part of a list, or `*` for all items of one."""

AnyStep = TypeVar("AnyStep", bound=JsonStep)

WILDCARD = "*"


@dataclass(frozen=True, slots=True)
class JsonType(ColumnType):
    """Any JSON value - object, list, string, number, bool - or only those of `schema`."""

    schema: JsonStructure | None = None

    name: ClassVar[str] = "Json"

    def parameters(self) -> str:
        return "" if self.schema is None else f"[{self.schema.text()}]"

    def part_text(self) -> str:
        # `{...} | None` would be an operator between a dict and None.
        return str(self) if self.schema is None or self.nullable else self.schema.text()

    def accepts(self, other: ColumnType) -> bool:
        if self.schema is None:
            return isinstance(other, JsonType | StringType | IntType | FloatType | BoolType)
        if isinstance(other, JsonType):
            return other.schema is not None and self.schema.accepts(other.schema)
        return isinstance(self.schema, JsonScalar) and self.schema.kind.accepts(other)

    def at(self, *steps: JsonStep) -> ColumnType:
        """The type of what these steps lead to; it is nullable, since there may be nothing.

        Raises:
            InvalidExpression: no value of this type has anything there.

        >>> str(JsonType(schema=JsonItems(IntType())).at(0))
        'Int | None'
        """
        return self.follow(steps)[0].with_nullable(True)

    def follow(self, steps: Sequence[AnyStep]) -> tuple[ColumnType, tuple[AnyStep | str, ...]]:
        """What steps lead to, and the steps with a `*` wherever a key stands for the key of all items of a list.

        Raises:
            InvalidExpression: as `at`.
        """
        return _follow(self, tuple(steps))


def _follow(part: ColumnType, steps: tuple[AnyStep | str, ...]) -> tuple[ColumnType, tuple[AnyStep | str, ...]]:
    if not steps:
        return part, ()
    schema = part.schema if isinstance(part, JsonType) else JsonScalar(part)
    if schema is None:
        return JsonType(True), steps
    if isinstance(schema, JsonItems | JsonTuple) and isinstance(steps[0], str):
        steps = steps if steps[0] == WILDCARD else (WILDCARD, *steps)
        item, rest = _follow_each(schema.items if isinstance(schema, JsonTuple) else (schema.item,), steps[1:])
        return JsonType(part.nullable, JsonItems(item)), (WILDCARD, *rest)
    found, rest = _follow(_step(schema, steps[0]), steps[1:])
    return found.with_nullable(found.nullable or part.nullable), (steps[0], *rest)


def _follow_each(
    items: tuple[ColumnType, ...], steps: tuple[AnyStep | str, ...]
) -> tuple[ColumnType, tuple[AnyStep | str, ...]]:
    """What steps lead to from every item of a list; left open where that differs."""
    found = [_follow(item, steps) for item in items]
    return found[0] if found and all(each == found[0] for each in found) else (JsonType(True), steps)


def _step(schema: JsonStructure, step: JsonStep) -> ColumnType:
    """The part at a key, a position or a slice; nullable where a value of the structure may have nothing there."""
    if isinstance(schema, JsonFields) and isinstance(step, str):
        return _under_key(schema, step)
    if isinstance(schema, JsonItems) and not isinstance(step, str):
        return JsonType(schema=schema) if isinstance(step, slice) else schema.item.with_nullable(True)
    if isinstance(schema, JsonTuple) and isinstance(step, slice):
        return JsonType(schema=JsonTuple(schema.items[step]))
    if isinstance(schema, JsonTuple) and isinstance(step, int) and -len(schema.items) <= step < len(schema.items):
        return schema.items[step]
    raise InvalidExpression(f"a value of type `{JsonType(schema=schema).brief()}` has nothing at [{step!r}]")


def _under_key(schema: JsonFields, name: str) -> ColumnType:
    key = schema.by_name.get(name)
    if key is None:
        near = get_close_matches(name, schema.by_name, n=1)
        known = f"Did you mean {near[0]!r}?" if near else f"Keys: {', '.join(schema.by_name) or 'none'}."
        raise InvalidExpression(f"a value of type `{JsonType(schema=schema).brief()}` has no key {name!r}", hint=known)
    return key.part.with_nullable(key.part.nullable or not key.required)


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

    def accepts(self, other: ColumnType) -> bool:
        if not isinstance(other, ImageType):
            return False
        return self.size in (None, other.size) and self.mode in (None, other.mode)


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
    if isinstance(column_type, JsonType) and column_type.schema is not None:
        data["schema"] = _encode_structure(column_type.schema)
    return data


def _encode_structure(schema: JsonStructure) -> dict[str, Any]:
    if isinstance(schema, JsonScalar):
        return {"scalar": encode_type(schema.kind)}
    if isinstance(schema, JsonItems):
        return {"items": encode_type(schema.item)}
    if isinstance(schema, JsonTuple):
        return {"tuple": [encode_type(item) for item in schema.items]}
    assert isinstance(schema, JsonFields)
    return {"keys": [[key.name, encode_type(key.part), key.required] for key in schema.keys]}


def decode_type(data: dict[str, Any]) -> ColumnType:
    """The type that `encode_type` described."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "type"
    }
    if fields.get("schema") is not None:
        fields["schema"] = _decode_structure(fields["schema"])
    return TYPES[data["type"]](**fields)


def _decode_structure(data: dict[str, Any]) -> JsonStructure:
    if "scalar" in data:
        return JsonScalar(decode_type(data["scalar"]))
    if "items" in data:
        return JsonItems(decode_type(data["items"]))
    if "tuple" in data:
        return JsonTuple(tuple(map(decode_type, data["tuple"])))
    return JsonFields(tuple(JsonKey(name, decode_type(part), required) for name, part, required in data["keys"]))
