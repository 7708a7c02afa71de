"""Cells as JSON-ready data, for `to_json()` and Arrow; what a column stores as Json is checked in `types.json_text`."""

import base64
import datetime
import io
import json
import math
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from pixeltable.exceptions import Unsupported
from pixeltable.lazy import np


def json_form(value: Any) -> Any:
    """`value` in terms of dict, list, str, int, float, bool and None.

    Dates and times become ISO 8601 text, UUIDs text, arrays nested lists, bytes base64, images PNG `data:` URLs.
    NaN and the infinities become null, which JSON has no other form for.

    >>> json_form({"day": datetime.date(2024, 1, 2), "raw": b"ab", "x": [float("nan"), 1.0]})
    {'day': '2024-01-02', 'raw': 'YWI=', 'x': [None, 1.0]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_form(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return json_form(value.tolist())
    return _text(value)


def json_line(value: Any) -> str:
    """`json_form` of a value as JSON text without spaces.

    >>> json_line({"day": datetime.date(2024, 1, 2), "x": [float("nan"), 2**70]})
    '{"day":"2024-01-02","x":[null,1180591620717411303424]}'
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # it holds what only json_form knows, such as an array, or an int beyond 64 bits
        return json.dumps(json_form(value), ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "save") and hasattr(value, "mode"):
        return f"data:image/png;base64,{base64.b64encode(png_bytes(value)).decode('ascii')}"
    raise Unsupported(f"a value of type {type(value).__name__} has no JSON form")


def png_bytes(image: Any) -> bytes:
    """A Pillow image as a PNG file, which loses nothing.

    Raises:
        Unsupported: the image is in a mode PNG does not have, such as CMYK.
    """
    buffer = io.BytesIO()
    try:
        image.save(buffer, format="PNG")
    except OSError as error:
        hint = "Convert it first: image.convert('RGB')."
        raise Unsupported(f"an image of mode {image.mode} cannot be written as PNG", hint=hint) from error
    return buffer.getvalue()
