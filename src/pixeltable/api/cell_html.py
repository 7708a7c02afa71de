"""How a value is shown in a notebook: as HTML that holds nothing of the value's own, and is never long."""

import base64
import html
import json
from collections.abc import Iterator
from typing import Any

from pixeltable.api.cell_text import ARRAY_ELEMENTS, array_text, cell_text, image_text, shape_text
from pixeltable.api.table_text import Html
from pixeltable.exceptions import Unsupported
from pixeltable.lazy import np
from pixeltable.types.cell_error import CellError
from pixeltable.types.json_form import png_bytes

TEXT_CHARACTERS = 300
JSON_CHARACTERS = 600
LINES = 16
THUMBNAIL_PIXELS = 128


def cell_html(value: Any, error: CellError | None = None) -> Html:
    """`value`, or why there is none: numbers and short vectors as in a text, images as thumbnails, Json indented.

    >>> cell_html("a<b"), cell_html(1 / 3)
    ('a&lt;b', '0.333333')
    """
    if error is not None:
        return _styled("span", _cut(f"{error.type}: {error.message}", TEXT_CHARACTERS), "color: #b00020;")
    if value is None:
        return _styled("span", "None", "opacity: 0.5;")
    if isinstance(value, str):
        text = _cut(value, TEXT_CHARACTERS)
        return _styled("span", text, "white-space: pre-wrap;") if "\n" in text else _escaped(text)
    if isinstance(value, dict | list | tuple):
        return _styled("pre", _json_text(value), "margin: 0; text-align: left;")
    if isinstance(value, np.ndarray):
        return _escaped(_array_text(value))
    if hasattr(value, "size") and hasattr(value, "mode"):
        return _picture(value)
    return _escaped(cell_text(value))


def _escaped(text: str) -> Html:
    return Html(html.escape(text))


def _styled(tag: str, text: str, style: str) -> Html:
    return Html(f'<{tag} style="{style}">{html.escape(text)}</{tag}>')


def _cut(text: str, characters: int) -> str:
    """The text, or its first lines or characters and dots."""
    lines = text[: characters + 1].split("\n")
    shown = "\n".join(lines[:LINES])
    if len(lines) > LINES:
        return f"{shown}\n..."
    return shown if len(shown) <= characters else f"{shown[: characters - 3]}..."


def _json_text(value: Any) -> str:
    encoder = json.JSONEncoder(indent=2, ensure_ascii=False, default=cell_text)
    try:
        text = "".join(_beginning(encoder.iterencode(value)))
    except (TypeError, ValueError, RecursionError):  # keys of other types, circles, or nested beyond all measure
        text = cell_text(value)
    return _cut(text, JSON_CHARACTERS)


def _beginning(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces that are shown, and one more: what comes after them is not encoded."""
    length = 0
    for piece in pieces:
        yield piece
        length += len(piece)
        if length > JSON_CHARACTERS:
            return


def _array_text(array: "np.ndarray[Any, Any]") -> str:
    if array.ndim == 1 and 0 < array.size <= ARRAY_ELEMENTS:
        return f"{array_text(array)} {shape_text(array)}"
    return shape_text(array)


def _picture(image: Any) -> Html:
    """A thumbnail within the page; of an image that cannot be read, what it is."""
    title = html.escape(image_text(image))
    try:
        data = base64.b64encode(png_bytes(_thumbnail(image))).decode("ascii")
    except (OSError, EOFError, SyntaxError, ValueError, Unsupported):  # what decoders raise for a broken file
        return Html(title)
    return Html(f'<img src="data:image/png;base64,{data}" title="{title}" alt="{title}"/>')


def _thumbnail(image: Any) -> Any:
    """The image at most `THUMBNAIL_PIXELS` wide and high, in a mode that a PNG file can have."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    return small if small.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else small.convert("RGB")
