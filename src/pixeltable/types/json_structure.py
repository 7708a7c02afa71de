"""What is known of the inside of a typed Json value: a scalar, a list, a list of fixed length, or an object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable.types.column_type import ColumnType


class JsonStructure:
    """Base of the structures. Their parts are column types: String, Int, Float, Bool or Json, each nullable or not."""

    __slots__ = ()

    def text(self) -> str:
        """As users write it within the brackets of `Json[...]`."""
        raise NotImplementedError

    def accepts(self, other: "JsonStructure") -> bool:
        """Whether every value of `other` is one of this structure."""
        raise NotImplementedError


def accepts_part(wide: "ColumnType", narrow: "ColumnType") -> bool:
    """Whether every value of a part, null included, is one of another part."""
    return wide.accepts(narrow) and (wide.nullable or not narrow.nullable)


@dataclass(frozen=True, slots=True)
class JsonScalar(JsonStructure):
    """A value of `kind`, which is String, Int, Float or Bool; null is for the Json type to allow."""

    kind: "ColumnType"

    def text(self) -> str:
        return str(self.kind)

    def accepts(self, other: JsonStructure) -> bool:
        return isinstance(other, JsonScalar) and self.kind.accepts(other.kind)


@dataclass(frozen=True, slots=True)
class JsonItems(JsonStructure):
    """A list of any length, of `item`s."""

    item: "ColumnType"

    def text(self) -> str:
        # A tuple between the brackets of `list` would be taken for several parameters.
        inner = self.item.part_text()
        return f"list[{f'Json[{inner}]' if inner.startswith('(') else inner}]"

    def accepts(self, other: JsonStructure) -> bool:
        if isinstance(other, JsonTuple):
            return all(accepts_part(self.item, item) for item in other.items)
        return isinstance(other, JsonItems) and accepts_part(self.item, other.item)


@dataclass(frozen=True, slots=True)
class JsonTuple(JsonStructure):
    """A list that has one item for each of `items`."""

    items: "tuple[ColumnType, ...]"

    def text(self) -> str:
        inner = ", ".join(item.part_text() for item in self.items)
        return f"({inner},)" if len(self.items) == 1 else f"({inner})"

    def accepts(self, other: JsonStructure) -> bool:
        if not isinstance(other, JsonTuple) or len(self.items) != len(other.items):
            return False
        return all(accepts_part(wide, narrow) for wide, narrow in zip(self.items, other.items, strict=True))


@dataclass(frozen=True, slots=True)
class JsonKey:
    """A key of an object, and the part under it; one that is not `required` may be absent."""

    name: str
    part: "ColumnType"
    required: bool = True

    def text(self) -> str:
        """As users write it within the braces."""
        inner = self.part.part_text()
        if self.required:
            return f"{self.name!r}: {inner}"
        # Python's NotRequired takes neither a dict nor a tuple.
        return f"{self.name!r}: NotRequired[{f'Json[{inner}]' if inner[0] in '{(' else inner}]"


@dataclass(frozen=True, slots=True, eq=False)
class JsonFields(JsonStructure):
    """An object with these keys and no others. Their order is kept for showing, and means nothing."""

    keys: tuple[JsonKey, ...]

    @property
    def by_name(self) -> Mapping[str, JsonKey]:
        return {key.name: key for key in self.keys}

    def text(self) -> str:
        return "{" + ", ".join(key.text() for key in self.keys) + "}"

    def accepts(self, other: JsonStructure) -> bool:
        if not isinstance(other, JsonFields):
            return False
        wide, narrow = self.by_name, other.by_name
        needed = {key.name for key in self.keys if key.required}
        return needed <= narrow.keys() <= wide.keys() and all(
            accepts_part(wide[name].part, key.part) and (key.required or not wide[name].required)
            for name, key in narrow.items()
        )

    def __eq__(self, other: object) -> bool:
        return frozenset(self.keys) == frozenset(other.keys) if isinstance(other, JsonFields) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.keys))
