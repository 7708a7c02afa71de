"""Single rows and batches of rows as users hold them; whole query results are in `results`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from pixeltable.api.cells import Cells, same_value
from pixeltable.api.cells_html import cells_html, row_html
from pixeltable.exceptions import UnknownResultColumn
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import ColumnType
from pixeltable.types.json_form import json_form


class Row(Mapping[str, Any]):
    """The cells of one row by column name.

    `errors` says why cells are null that could not be computed; `index_values` holds vectors and the like by index
    name, where they were asked for.
    """

    __slots__ = ("_cells", "errors", "index_values")

    def __init__(
        self,
        cells: Mapping[str, Any],
        *,
        errors: Mapping[str, CellError] | None = None,
        index_values: Mapping[str, Any] | None = None,
    ) -> None:
        self._cells = dict(cells)
        self.errors = dict(errors or {})
        self.index_values = dict(index_values or {})

    def __getitem__(self, name: str) -> Any:
        if name not in self._cells:
            raise UnknownResultColumn(name, known=self._cells)
        return self._cells[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __eq__(self, other: object) -> bool:
        """Equal cells, whatever the errors; a dict of the same cells is equal too."""
        return same_value(self._cells, dict(other)) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # cells may be lists or arrays

    def __repr__(self) -> str:
        return f"Row({self._cells!r})"

    def _repr_html_(self) -> str:
        return row_html(self._cells, self.errors)

    def to_json(self) -> dict[str, Any]:
        """The cells as JSON-ready data, see `json_form`."""
        return {name: json_form(value) for name, value in self._cells.items()}


class RowBatch(Sequence[Row]):
    """Rows in order; `batch[i]` is a `Row`, `batch['column']` a list, a slice a batch."""

    __slots__ = ("_cells",)

    def __init__(
        self,
        columns: Mapping[str, list[Any]],
        types: Mapping[str, ColumnType],
        *,
        errors: Mapping[str, Mapping[int, CellError]] | None = None,
    ) -> None:
        self._cells = Cells(columns, types, errors or {})

    @property
    def schema(self) -> dict[str, str]:
        """Type names by column."""
        return self._cells.schema

    @property
    def column_names(self) -> list[str]:
        return self._cells.names

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> "RowBatch": ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return list(self._cells.column(key))
        if isinstance(key, slice):
            part = self._cells.part(key)
            return RowBatch(part.columns, part.types, errors=part.errors)
        position = self._cells.position(key)
        return Row(self._cells.row(position), errors=self._cells.row_errors(position))

    def __len__(self) -> int:
        return len(self._cells)

    def __eq__(self, other: object) -> bool:
        """Equal rows in the same order."""
        if not isinstance(other, RowBatch):
            return NotImplemented
        return len(self) == len(other) and all(map(Row.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # cells may be lists or arrays

    def __repr__(self) -> str:
        return f"RowBatch([{', '.join(repr(self._cells.row(i)) for i in range(len(self)))}])"

    def _repr_html_(self) -> str:
        return cells_html(self._cells)

    def to_json(self) -> list[dict[str, Any]]:
        """Each row as JSON-ready data."""
        return [row.to_json() for row in self]
