"""The type that several have in common, as it is inferred for literals, unions and mixed columns."""

from collections.abc import Sequence

from pixeltable.types.column_type import ArrayType, ColumnType, ImageType, JsonType
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey, JsonScalar, JsonStructure, JsonTuple


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
        return JsonType(nullable, _common_structure([t.schema for t in types if isinstance(t, JsonType)], len(types)))
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


def _common_structure(found: Sequence[JsonStructure | None], count: int) -> JsonStructure | None:
    """What is common to the insides of `count` types; None, which is anything, unless all are alike in kind."""
    lists = [schema for schema in found if isinstance(schema, JsonItems | JsonTuple)]
    if len(lists) == count:
        return _common_list(lists)
    objects = [schema for schema in found if isinstance(schema, JsonFields)]
    if len(objects) == count:
        return _common_object(objects)
    scalars = [schema.kind for schema in found if isinstance(schema, JsonScalar)]
    kind = common_type(scalars) if len(scalars) == count else None
    return None if kind is None or isinstance(kind, JsonType) else JsonScalar(kind)


def _common_list(schemas: Sequence[JsonItems | JsonTuple]) -> JsonStructure:
    tuples = [schema.items for schema in schemas if isinstance(schema, JsonTuple)]
    if len(tuples) == len(schemas) and len({len(items) for items in tuples}) == 1:
        return JsonTuple(tuple(_common_part(parts) for parts in zip(*tuples, strict=True)))
    parts = [schema.item for schema in schemas if isinstance(schema, JsonItems)]
    return JsonItems(_common_part([*parts, *(item for items in tuples for item in items)]))


def _common_object(schemas: Sequence[JsonFields]) -> JsonFields:
    """All keys that occur; one is required if it is in all of them."""
    known = [schema.by_name for schema in schemas]
    names = dict.fromkeys(name for keys in known for name in keys)
    return JsonFields(tuple(_common_key(name, [keys.get(name) for keys in known]) for name in names))


def _common_key(name: str, keys: Sequence[JsonKey | None]) -> JsonKey:
    found = [key for key in keys if key is not None]
    required = len(found) == len(keys) and all(key.required for key in found)
    return JsonKey(name, _common_part([key.part for key in found]), required)


def _common_part(parts: Sequence[ColumnType]) -> ColumnType:
    found = common_type(parts)
    assert found is not None, "whatever is in JSON has Json in common"
    return found
