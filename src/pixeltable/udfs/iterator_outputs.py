"""The columns that the items of an iterator have: what its TypedDict says, or a schema made for the arguments."""

import typing
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pixeltable.exceptions import InvalidArgument, InvalidExpression, InvalidType
from pixeltable.types.column_type import ColumnType
from pixeltable.types.hints import type_from_hint

Outputs = Mapping[str, ColumnType]
"""From the names of columns to their types."""


def outputs_of_item(item: Any, name: str) -> Outputs | None:
    """The columns that a hint says the items have, None for a dict of unknown keys.

    Raises:
        InvalidType: it is neither a TypedDict nor a dict, or a key has no column type.
        InvalidArgument: a key is `pos`, or differs from another one only in case.
        InvalidExpression: there are no keys.
    """
    if typing.is_typeddict(item):
        return _checked({key: _of_key(item, key, part, name) for key, part in _parts(item)}, name)
    plain = get_origin(item) or item
    return None if isinstance(plain, type) and issubclass(plain, Mapping) else refuse_item(item, name)


def refuse_item(item: Any, name: str) -> typing.Never:
    """Refuse a hint that does not say what the items have.

    Raises:
        InvalidType: always.
    """
    shown = item.__name__ if isinstance(item, type) and get_origin(item) is None else item
    fact = "has no hint for what it yields" if item is None else f"`{shown}` does not say what it yields"
    raise InvalidType(
        f"iterator {name!r}: {fact}", hint="Write Iterator[T], or class ...(pxt.PxtIterator[T]), with a TypedDict T."
    )


def outputs_of_schema(schema: Any, name: str) -> Outputs:
    """The columns of a schema that `conditional_output_schema` returned: from names to types.

    Raises:
        InvalidType, InvalidArgument, InvalidExpression: as `outputs_of_item`.
    """
    if not isinstance(schema, Mapping):
        raise InvalidType(f"iterator {name!r}: conditional_output_schema returned {schema!r}, expected a dict")
    found: dict[str, ColumnType] = {}
    for key, hint in schema.items():
        if not isinstance(key, str):
            raise InvalidType(f"iterator {name!r}: conditional_output_schema has the name {key!r}, which is no string")
        found[key] = _type(hint, key, name)
    return _checked(found, name)


def _parts(item: Any) -> list[tuple[str, Any]]:
    return list(typing.get_type_hints(item, include_extras=True).items())


def _of_key(item: Any, key: str, part: Any, name: str) -> ColumnType:
    marked = get_origin(part) in (typing.NotRequired, typing.Required)
    found = _type(get_args(part)[0] if marked else part, key, name)
    return found if key in item.__required_keys__ else found.with_nullable(True)


def _type(hint: Any, key: str, name: str) -> ColumnType:
    found = type_from_hint(hint)
    if found is None:
        shown = hint.__name__ if isinstance(hint, type) else hint
        raise InvalidType(f"iterator {name!r}, output {key!r}: the hint `{shown}` names no column type")
    return found


def _checked(outputs: Outputs, name: str) -> Outputs:
    if "pos" in outputs:
        raise InvalidArgument(f"iterator {name!r}: `pos` is the place in the list, which every view has by itself")
    known: dict[str, str] = {}
    for key in outputs:
        namesake = known.setdefault(key.lower(), key)
        if namesake != key:
            raise InvalidArgument(f"iterator {name!r}: outputs {namesake!r} and {key!r} differ only in case")
    if not outputs:
        raise InvalidExpression(f"iterator {name!r}: its items have no columns")
    return outputs
