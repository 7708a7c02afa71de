"""Tables as plain text and as HTML, from cells that are text already: see `cell_text` and `cell_html` for values."""

import html
from collections.abc import Sequence
from typing import Literal, TypeVar

Align = Literal["left", "right"]
Item = TypeVar("Item")

GAP = "..."


class Html(str):
    """Text that is HTML, as opposed to one that has to be escaped."""

    __slots__ = ()


def text_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, align: Sequence[Align], width: int | None = None
) -> str:
    """Columns side by side under their headers; `align` has one entry a column.

    Where the lines would be longer than `width`, columns in the middle give way to one of dots.

    >>> print(text_table(["", "name"], [["0", "Ada"], ["10", "Grace"]], align=["right", "left"]))
        name
     0  Ada
    10  Grace
    """
    table = [headers, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    shown = _columns_that_fit(widths, width)
    lines = []
    for line in table:
        cells = [GAP if i is None else _pad(line[i], widths[i], align[i]) for i in shown]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, align: Sequence[Align]) -> str:
    """An HTML table; every text is escaped, unless it is `Html`.

    >>> html_table(["a<b"], [["1"]], align=["right"]).count("a&lt;b")
    1
    """
    head = _html_row("th", headers, align)
    body = "\n".join(_html_row("td", row, align) for row in rows)
    return (
        f'<table border="1" class="dataframe">\n  <thead>\n{head}\n  </thead>\n  <tbody>\n{body}\n  </tbody>\n</table>'
    )


def cut_middle(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], Sequence[Item]]:
    """The first and the last of `items`, `limit` in all; the second part is empty if that is all of them.

    >>> cut_middle(range(10), 4)
    (range(0, 2), range(8, 10))
    """
    if len(items) <= limit:
        return items, items[:0]
    first = (limit + 1) // 2
    return items[:first], items[len(items) - (limit - first) :]


def _pad(text: str, width: int, align: Align) -> str:
    return text.rjust(width) if align == "right" else text.ljust(width)


def _columns_that_fit(widths: Sequence[int], limit: int | None) -> list[int | None]:
    """Positions of the columns to show, None standing for those left out; at least the outer ones are shown."""
    positions = range(len(widths))
    for number in range(len(widths), 2, -1):
        first, last = cut_middle(positions, number)
        length = sum(widths[i] + 2 for i in (*first, *last)) - 2 + (len(GAP) + 2 if last else 0)
        if limit is None or length <= limit:
            return [*first, *([None] if last else []), *last]
    return [*positions] if len(widths) < 3 else [positions[0], None, positions[-1]]


def _html_row(tag: str, cells: Sequence[str], align: Sequence[Align]) -> str:
    inner = "".join(
        f'      <{tag} style="text-align: {side};">{text if isinstance(text, Html) else html.escape(text)}</{tag}>\n'
        for text, side in zip(cells, align, strict=True)
    )
    return f"    <tr>\n{inner}    </tr>"
