"""The cells behind results and row batches, by column; what users see of them is in `results` and `row`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import index as as_int
from typing import Any

from pixeltable.exceptions import UnknownResultColumn
from pixeltable.lazy import np
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import ColumnType


@dataclass(frozen=True, slots=True)
class Cells:
    """Named columns of equal length, their types, and by column and row the errors of cells that failed."""

    columns: Mapping[str, list[Any]]
    types: Mapping[str, ColumnType]
    errors: Mapping[str, Mapping[int, CellError]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert list(self.columns) == list(self.types), "every column has a type, in the same order"
        assert len({len(values) for values in self.columns.values()}) <= 1, "columns differ in length"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    @property
    def schema(self) -> dict[str, str]:
        return {name: str(column_type) for name, column_type in self.types.items()}

    @property
    def extent(self) -> str:
        """How many rows, columns and failed cells there are, in words."""
        extent = f"{_count(len(self), 'row')} x {_count(len(self.names), 'column')}"
        failed = sum(map(len, self.errors.values()))
        return f"{extent}, {_count(failed, 'failed cell')}" if failed else extent

    def column(self, name: str) -> list[Any]:
        """The values of a column; the list is the one held here.

        Raises:
            UnknownResultColumn: there is no such column.
        """
        if name not in self.columns:
            raise UnknownResultColumn(name, known=self.columns)
        return self.columns[name]

    def position(self, row: Any) -> int:
        """`row` as a number from 0; negative ones count from the end.

        Raises:
            IndexError: there are fewer rows.
        """
        position = as_int(row)
        if not -len(self) <= position < len(self):
            raise IndexError(f"row {position} is out of range: there are {len(self)} rows")
        return position % len(self)

    def row(self, position: int) -> dict[str, Any]:
        return {name: values[position] for name, values in self.columns.items()}

    def row_errors(self, position: int) -> dict[str, CellError]:
        return {name: found[position] for name, found in self.errors.items() if position in found}

    def part(self, rows: slice) -> "Cells":
        """The rows a slice selects."""
        kept = {old: new for new, old in enumerate(range(len(self))[rows])} if self.errors else {}
        errors = {
            name: {kept[row]: error for row, error in found.items() if row in kept}
            for name, found in self.errors.items()
        }
        return Cells({name: values[rows] for name, values in self.columns.items()}, self.types, errors)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def is_position(key: Any) -> bool:
    """Whether `key` is a row or column number, numpy's integers included."""
    return hasattr(key, "__index__") and not isinstance(key, np.ndarray)


def same_value(a: Any, b: Any) -> bool:
    """Equality of cells: arrays by shape and elements, NaN equal to itself, containers element by element."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and _same_array(a, b)
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return same_values(a, b)
    return bool(a == b)


def same_values(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """`same_value` of each pair."""
    return len(a) == len(b) and all(map(same_value, a, b))


def _same_array(a: "np.ndarray[Any, Any]", b: "np.ndarray[Any, Any]") -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
