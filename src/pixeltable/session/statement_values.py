"""The values of a statement's parameters: whether they fit it, and as what the driver takes them."""

import datetime
import decimal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.storage.database import jsonb, loaded_json
from pixeltable.types.conform import CellRejected, json_texts

_SCALARS = (
    type(None), bool, int, float, str, bytes, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta,
    uuid.UUID,
)  # fmt: skip


def bound_values(names: Sequence[str], values: Mapping[str, Any]) -> list[Any]:
    """The values of the parameters, in the order of their `names`.

    Raises:
        InvalidArgument: one is missing or too many, or none that the database has a type for.
    """
    missing = [name for name in names if name not in values]
    if missing:
        raise InvalidArgument(
            f"the SQL has a parameter :{missing[0]}, and params has no value of that name",
            hint=f"Pass params={{{missing[0]!r}: value}}.",
        )
    unused = [name for name in values if name not in names]
    if unused:
        known = f"Its parameters: {', '.join(f':{name}' for name in names)}." if names else "It has none."
        raise InvalidArgument(f"params has {unused[0]!r}, and the SQL has no parameter of that name", hint=known)
    return [_bound(name, values[name]) for name in names]


def _bound(name: str, value: Any) -> Any:
    """As the driver takes it: a dict is jsonb, a list or tuple an array."""
    if isinstance(value, dict):
        try:
            (text,) = json_texts([value])
        except CellRejected as error:
            raise InvalidArgument(f"params[{name!r}]: {error.reason}") from None
        return jsonb(loaded_json(text or "null"))
    if isinstance(value, list | tuple):
        return [_bound(name, item) for item in value]
    if isinstance(value, str):
        check_text(f"params[{name!r}]", value)
    elif not isinstance(value, _SCALARS):
        raise InvalidArgument(
            f"params[{name!r}] is of type {type(value).__name__}",
            hint="Values are None, bool, int, float, str, bytes, dates, times, UUIDs, lists of those, and dicts.",
        )
    return value


def check_text(what: str, text: str) -> None:
    """Refuse a text that the database has no way to read.

    Raises:
        InvalidArgument: it holds NUL, or half of a surrogate pair.
    """
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidArgument(f"{what} holds NUL or half of a surrogate pair, which no text in a database does")
