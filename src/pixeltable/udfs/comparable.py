"""How aggregates take values: as numbers, in an order, and as texts that are equal just where values are."""

import datetime
import json
from typing import Any


def as_number(value: Any) -> Any:
    """The value itself.

    Raises:
        TypeError: it is no number, which Json may hold.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__} {value!r}")
    return value


def order_key(value: Any) -> tuple[bool, Any]:
    """What values are compared by; NaN is beyond all numbers, and instants are compared as such.

    Raises:
        TypeError: it is a list or a dict.
    """
    if isinstance(value, dict | list):
        raise TypeError(f"a {type(value).__name__} has no order")
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.UTC)  # times of one zone compare by their clocks, which are set back
    return value != value, value  # NaN is unlike itself


def identity_text(value: Any) -> str:
    """A text that is equal for values by which rows would be of one group, in every process.

    1 and 1.0 are equal, -0.0 and 0.0, and NaN and NaN; true and 1 are not.

    >>> identity_text(1) == identity_text(1.0), identity_text(1) == identity_text(True)
    (True, False)
    """
    return json.dumps(_tagged(value), sort_keys=True)


def _tagged(value: Any) -> Any:
    """JSON in which values of different types differ, and equal numbers do not."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        return ["n", f"{int(value):x}" if whole else repr(value)]
    if isinstance(value, list | tuple):
        return ["l", *map(_tagged, value)]
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return ["t", value.astimezone(datetime.UTC).isoformat()]
    return [type(value).__name__, str(value)]
