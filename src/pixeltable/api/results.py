"""The result of a query, held by column; rows as users meet them one at a time are in `row`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, overload

from pixeltable.api.arrow import arrow_table, polars_frame
from pixeltable.api.cell_text import cell_text
from pixeltable.api.cells import Cells, is_position, same_values
from pixeltable.api.cells_html import SHOWN_ROWS, cells_html
from pixeltable.api.pandas_frame import pandas_frame
from pixeltable.api.pydantic_rows import Model, check_model, validated
from pixeltable.api.table_text import GAP, Align, cut_middle, text_table
from pixeltable.exceptions import InvalidArgument
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import NUMERIC, ColumnType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHOWN_CHARACTERS = 120


class ResultSet:
    """Rows of a query, in order.

    `result[i]` is a row as a dict, `result['column']` a list, `result[i, 'column']` and `result[i, j]` a cell, a slice
    a ResultSet; iteration gives dicts. Cells that failed are None; `errors` says why, by column and row.
    """

    __slots__ = ("_cells",)

    def __init__(
        self,
        columns: Mapping[str, list[Any]],
        types: Mapping[str, ColumnType],
        *,
        errors: Mapping[str, Mapping[int, CellError]] | None = None,
    ) -> None:
        """`columns` are lists of equal length, which become the result's own; `types` has the same names in order."""
        self._cells = Cells(columns, types, errors or {})

    @property
    def schema(self) -> dict[str, str]:
        """Type names by column."""
        return self._cells.schema

    @property
    def errors(self) -> dict[str, dict[int, CellError]]:
        """Errors of failed cells by column and row number."""
        return {name: dict(found) for name, found in self._cells.errors.items() if found}

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> "ResultSet": ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: tuple[int, str | int]) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        cells = self._cells
        if isinstance(key, str):
            return list(cells.column(key))
        if isinstance(key, slice):
            part = cells.part(key)
            return ResultSet(part.columns, part.types, errors=part.errors)
        if is_position(key):
            return cells.row(cells.position(key))
        if isinstance(key, tuple) and len(key) == 2 and is_position(key[0]):
            return cells.column(self._column_name(key[1]))[cells.position(key[0])]
        raise InvalidArgument(
            f"{key!r} does not select from a result", hint="Use a row number, a column name, a slice or (row, column)."
        )

    def _column_name(self, key: Any) -> str:
        if isinstance(key, str):
            return key
        names = self._cells.names
        if is_position(key) and -len(names) <= key < len(names):
            return str(names[key])
        if is_position(key):
            raise IndexError(f"column {key} is out of range: there are {len(names)} columns")
        raise InvalidArgument(f"{key!r} is neither a column name nor a column number")

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self._cells.names
        for values in zip(*self._cells.columns.values(), strict=True):
            yield dict(zip(names, values, strict=True))

    def __eq__(self, other: object) -> bool:
        """Same columns in the same order with the same values: arrays by elements, NaN equal to NaN."""
        if not isinstance(other, ResultSet):
            return NotImplemented
        return list(self.schema) == list(other.schema) and all(
            same_values(values, other[name]) for name, values in self._cells.columns.items()
        )

    __hash__ = None  # type: ignore[assignment]  # cells may be lists or arrays

    def to_pandas(self) -> "pd.DataFrame":
        """The result as a pandas DataFrame; dtypes as in `pandas_frame`."""
        return pandas_frame(self._cells.columns, self._cells.types)

    def to_arrow(self) -> "pa.Table":
        """The result as an Arrow table; types as in `arrow_table`."""
        return arrow_table(self._cells.columns, self._cells.types)

    def to_polars(self) -> Any:
        """The result as a polars DataFrame.

        Raises:
            InvalidConfiguration: polars or pyarrow is not installed.
        """
        return polars_frame(self._cells.columns, self._cells.types)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Lets DuckDB, polars, pandas and others read the result directly.

        Source: the Arrow PyCapsule interface.
        """
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pydantic(self, model: type[Model]) -> Iterator[Model]:
        """An instance of `model` for each row; columns the model has no field for are left to its `extra` setting.

        Raises:
            RequestError: at the call, if a required field has no column, or the model forbids extra fields and there
                are extra columns; while iterating, if a row does not validate.
        """
        check_model(model, self._cells.names)
        return validated(model, self)

    def __repr__(self) -> str:
        table = text_table(
            ["", *self._cells.names],
            [[str(number), *row] for number, row in self._shown_rows()],
            align=["right", *self._align()],
            width=SHOWN_CHARACTERS,
        )
        return f"{table}\n\n[{self._cells.extent}]"

    def _repr_html_(self) -> str:
        return cells_html(self._cells)

    def _shown_rows(self) -> list[tuple[int | str, list[str]]]:
        """Number and texts of each row to show; dots stand for rows left out."""
        first, last = cut_middle(range(len(self)), SHOWN_ROWS)
        shown: list[tuple[int | str, list[str]]] = [(i, self._texts(i)) for i in first]
        if last:
            shown.append((GAP, [GAP] * len(self._cells.names)))
        return shown + [(i, self._texts(i)) for i in last]

    def _texts(self, position: int) -> list[str]:
        return [cell_text(values[position]) for values in self._cells.columns.values()]

    def _align(self) -> list[Align]:
        return ["right" if isinstance(kind, NUMERIC) else "left" for kind in self._cells.types.values()]
