"""Comments and custom metadata of tables and columns: what can be stored."""

import json
from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.types.conform import CellRejected, check_text
from pixeltable.types.json_text import json_text


def check_comment(value: Any) -> str | None:
    """The comment, None if it is empty.

    Raises:
        InvalidArgument: it is no text, or one that cannot be stored.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidArgument(f"a comment is a string, got {type(value).__name__}")
    try:
        check_text([value])
    except CellRejected as error:
        raise InvalidArgument(f"the comment {value!r} {error.reason}") from None
    return value or None


def check_custom_metadata(value: Any) -> Any:
    """The metadata as it will be read again: tuples as lists, for example.

    Raises:
        InvalidArgument: it has no JSON form.
    """
    try:
        return json.loads(json_text(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"custom_metadata is not valid JSON: {error}") from None
