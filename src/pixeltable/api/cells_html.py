"""Results, batches and single rows as HTML, for a notebook."""

from collections.abc import Mapping
from typing import Any

from pixeltable.api.cell_html import cell_html
from pixeltable.api.cells import Cells
from pixeltable.api.table_text import GAP, Align, cut_middle, html_table
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import NUMERIC

SHOWN_ROWS = 60
SHOWN_COLUMNS = 60


def cells_html(cells: Cells) -> str:
    """A table of the first and the last rows, and how many there are."""
    names = _with_gap(*cut_middle(cells.names, SHOWN_COLUMNS))
    rows = [
        [GAP if row is None or name is None else _cell(cells, name, row) for name in names]
        for row in _with_gap(*cut_middle(range(len(cells)), SHOWN_ROWS))
    ]
    table = html_table([name or GAP for name in names], rows, align=[_align(cells, name) for name in names])
    return f"{table}\n<p>{cells.extent}</p>"


def row_html(row: Mapping[str, Any], errors: Mapping[str, CellError]) -> str:
    """A table with a line for each cell of a row."""
    rows = [[name, cell_html(value, errors.get(name))] for name, value in row.items()]
    return html_table(["Column", "Value"], rows, align=["left"] * 2)


def _with_gap(first: Any, last: Any) -> list[Any]:
    """What is shown, None standing for what is left out."""
    return [*first, None, *last] if last else [*first]


def _cell(cells: Cells, name: str, row: int) -> str:
    return cell_html(cells.columns[name][row], cells.errors.get(name, {}).get(row))


def _align(cells: Cells, name: str | None) -> Align:
    return "right" if name is not None and isinstance(cells.types[name], NUMERIC) else "left"
