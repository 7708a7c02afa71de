"""How a value is shown in a table on the screen: short, on one line."""

from typing import Any

from pixeltable.lazy import np

CELL_CHARACTERS = 50
ARRAY_ELEMENTS = 6


def cell_text(value: Any) -> str:
    """`value` in at most `CELL_CHARACTERS` characters.

    >>> cell_text(0.1 + 0.2), cell_text("two\\nlines"), cell_text(None)
    ('0.3', 'two\\\\nlines', 'None')
    """
    if isinstance(value, str):
        text = value[: CELL_CHARACTERS + 1].replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    elif isinstance(value, float):
        text = float_text(value)
    elif isinstance(value, np.ndarray):
        text = array_text(value)
    elif isinstance(value, bytes):
        text = repr(value) if len(value) <= 16 else f"{value[:8]!r}... ({len(value)} bytes)"
    elif hasattr(value, "size") and hasattr(value, "mode"):
        text = image_text(value)
    else:
        text = str(value).replace("\n", "\\n")
    return text if len(text) <= CELL_CHARACTERS else f"{text[: CELL_CHARACTERS - 3]}..."


def float_text(value: float) -> str:
    """Six digits after the point and no more zeros than one; scientific where that would hide the number.

    >>> [float_text(x) for x in (2.0, 1 / 3, 1e-9, 1e300, float("nan"))]
    ['2.0', '0.333333', '1e-09', '1e+300', 'nan']
    """
    if value != 0 and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.6g}"
    whole, _, digits = f"{value:.6f}".partition(".")
    return f"{whole}.{digits.rstrip('0') or '0'}"


def array_text(array: "np.ndarray[Any, Any]") -> str:
    """The elements of a short vector; of anything larger its shape and dtype.

    >>> array_text(np.array([0.5, 1])), array_text(np.zeros((2, 3), dtype="uint8"))
    ('[0.5, 1.0]', 'array(2x3, uint8)')
    """
    if array.ndim == 1 and array.size <= ARRAY_ELEMENTS:
        return f"[{', '.join(cell_text(element) for element in array.tolist())}]"
    return shape_text(array)


def shape_text(array: "np.ndarray[Any, Any]") -> str:
    """The shape and dtype of an array.

    >>> shape_text(np.zeros((2, 3), dtype="uint8"))
    'array(2x3, uint8)'
    """
    return f"array({'x'.join(map(str, array.shape))}, {array.dtype})"


def image_text(image: Any) -> str:
    """The size and mode of a Pillow image."""
    return f"<Image {image.size[0]}x{image.size[1]} {image.mode}>"
