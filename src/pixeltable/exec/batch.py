"""Columns of values, and why some of them are missing."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, all_nodes_in, structure
from pixeltable.lazy import np
from pixeltable.types.cell_error import CellError, message_of


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that could not be computed. `exception` is there in the process where it happened, `inputs` shows why."""

    error: CellError
    exception: BaseException | None = None
    inputs: str = ""

    def after(self, attempts: int) -> "Failure":
        """The failure of the last of so many tries."""
        return replace(self, error=replace(self.error, attempts=attempts))


def failure_of(exception: BaseException, *, inputs: str = "", attempts: int = 1) -> Failure:
    """What is kept of an exception."""
    now = datetime.datetime.now(datetime.UTC)
    return Failure(CellError(type(exception).__name__, message_of(exception), attempts, now), exception, inputs)


NOT_RUN = Failure(CellError("CancelledError", "the calls were given up before this one was made", 0, None))
"""Stands, as this very object, where a cell was not computed because the operation ended early."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values, one a row; where `failures` has the row, the value is None."""

    values: list[Any]
    failures: dict[int, Failure] = field(default_factory=dict)


def any_null(values: Sequence[Any]) -> bool:
    """Whether a column holds a null; by identity, since arrays answer == element by element."""
    return type(None) in set(map(type, values))


def key_of(expr: Expr) -> Any:
    """What is equal for expressions that have the same value in a row: those built alike.

    But each call of a function that is not deterministic, written twice, is two.
    """
    calls = tuple(
        id(node) for node in all_nodes_in(expr) if isinstance(node, Call) and not node.call_function.deterministic
    )
    return (structure(expr), calls) if calls else structure(expr)


class Batch:
    """Rows, as columns that are known under the expression they are the value of.

    `first` is the number of the first row among those of the operation, for messages.
    """

    def __init__(self, count: int, *, first: int = 0) -> None:
        self.count = count
        self.first = first
        self._columns: dict[Any, Column] = {}

    def put(self, expr: Expr, column: Column) -> None:
        """Make the value of an expression known."""
        self._columns[key_of(expr)] = column

    def get(self, expr: Expr) -> Column | None:
        """The value of an expression, if it is known."""
        return self._columns.get(key_of(expr))

    def column(self, key: Any) -> Column | None:
        """As `get`, by the key of an expression."""
        return self._columns.get(key)

    def set_column(self, key: Any, column: Column) -> None:
        """As `put`, by the key of an expression."""
        self._columns[key] = column

    def include(self, other: "Batch") -> None:
        """Make known what another batch of the same rows knows."""
        self._columns |= other._columns  # noqa: SLF001  # of its own class

    @property
    def size_bytes(self) -> int:
        """About how much memory the values take: exact for what can be large, a guess for the rest."""
        lists = {id(column.values): column.values for column in self._columns.values()}
        return sum(_size_bytes(values) for values in lists.values())

    def take(self, rows: Sequence[int]) -> "Batch":
        """The batch of some rows, in the order given; a row may come more than once."""
        taken = Batch(len(rows))
        for key, column in self._columns.items():
            failed = column.failures
            failures = {place: failed[row] for place, row in enumerate(rows) if row in failed} if failed else {}
            taken._columns[key] = Column([column.values[row] for row in rows], failures)
        return taken


def joined_batch(batches: Sequence[Batch]) -> Batch:
    """The rows of batches that know the same, one after the other."""
    joined = Batch(sum(batch.count for batch in batches), first=batches[0].first)
    for key in batches[0]._columns:  # noqa: SLF001  # of this module
        cells = Column([])
        for batch in batches:
            column = batch.column(key)
            assert column is not None
            cells.failures.update({len(cells.values) + row: failure for row, failure in column.failures.items()})
            cells.values.extend(column.values)
        joined.set_column(key, cells)
    return joined


def _size_bytes(values: Sequence[Any]) -> int:
    size = 8 * len(values)
    for kind in set(map(type, values)) - {int, float, bool, type(None)}:
        if kind in (str, bytes):
            size += sum(len(value) for value in values if type(value) is kind)
        elif issubclass(kind, np.ndarray):
            size += sum(value.nbytes for value in values if type(value) is kind)
        else:
            size += _GUESS_BYTES * len(values)
    return size


_GUESS_BYTES = 500
