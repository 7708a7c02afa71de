"""Columns of values, and why some of them are missing."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pixeltable.exprs.expr import Expr, structure
from pixeltable.types.cell_error import CellError


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that could not be computed. `exception` is there in the process where it happened, `inputs` shows why."""

    error: CellError
    exception: BaseException | None = None
    inputs: str = ""


def failure_of(exception: BaseException, *, inputs: str = "") -> Failure:
    """What is kept of an exception."""
    error = CellError(type(exception).__name__, str(exception), at=datetime.datetime.now(datetime.UTC))
    return Failure(error, exception, inputs)


@dataclass(frozen=True, slots=True)
class Column:
    """Values, one a row; where `failures` has the row, the value is None."""

    values: list[Any]
    failures: dict[int, Failure] = field(default_factory=dict)


def any_null(values: Sequence[Any]) -> bool:
    """Whether a column holds a null; by identity, since arrays answer == element by element."""
    return type(None) in set(map(type, values))


class Batch:
    """Rows, as columns that are known under the expression they are the value of."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._columns: dict[Any, Column] = {}

    def put(self, expr: Expr, column: Column) -> None:
        """Make the value of an expression known."""
        self._columns[structure(expr)] = column

    def get(self, expr: Expr) -> Column | None:
        """The value of an expression, if it is known."""
        return self._columns.get(structure(expr))

    def take(self, rows: Sequence[int]) -> "Batch":
        """The batch of some rows, in the order given."""
        taken = Batch(len(rows))
        places = {row: place for place, row in enumerate(rows)}
        for key, column in self._columns.items():
            failures = {places[row]: failure for row, failure in column.failures.items() if row in places}
            taken._columns[key] = Column([column.values[row] for row in rows], failures)
        return taken
