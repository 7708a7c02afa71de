"""Rows as users hand them in, turned into checked columns."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import DuplicateKey, InvalidArgument, MissingValue, TypeMismatch, UnknownColumn, Unsupported
from pixeltable.session.session import Session
from pixeltable.storage.cells import Cells, Texts, cell_texts, stored_cells
from pixeltable.types.conform import CellRejected, conform

Row = Mapping[str, Any]


def check_distinct(names: Sequence[str], columns: Sequence[Sequence[Any]], *, table: str) -> None:
    """Check that no two rows have the same values in some columns.

    Raises:
        DuplicateKey: two have.
    """
    seen: set[tuple[Any, ...]] = set()
    for cells in zip(*columns, strict=True):
        if cells in seen:
            raise DuplicateKey(
                ", ".join(f"{name}={cell!r}" for name, cell in zip(names, cells, strict=True)), table=table
            )
        seen.add(cells)


def as_rows(source: Iterable[Any]) -> list[Row]:
    """Dicts, or pydantic models, as a list of mappings.

    Raises:
        InvalidArgument: an element is neither, or there is none.
    """
    rows = list(source)
    if not rows:
        raise Unsupported("cannot insert an empty sequence", hint="Pass at least one row.")
    if set(map(type, rows)) == {dict}:
        return rows
    return [_as_row(number, row) for number, row in enumerate(rows)]


def _as_row(number: int, row: Any) -> Row:
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "model_dump"):
        dumped: Row = row.model_dump()
        return dumped
    raise InvalidArgument(f"row {number} is a {type(row).__name__}", hint="Rows are dicts or pydantic models.")


def gather(session: Session, table: TableRecord, rows: Sequence[Row]) -> dict[int, list[Any]]:
    """The plain columns of `rows`, checked, under their ids; what a row does not name has its default, or is null.

    Raises:
        UnknownColumn, MissingValue, TypeMismatch, Unsupported: naming the row and the column.
    """
    alike = _columns_of_alike(rows)
    _check_names(table, rows, dict.fromkeys(map(tuple, rows)) if alike is None else [tuple(alike)])
    plain = [column for column in table.ready_columns if not column.is_computed]
    found = alike or {}
    return {
        column.id: conform_cells(session, column, found.get(column.name) or _cells(column, rows)) for column in plain
    }


def _cells(column: ColumnRecord, rows: Sequence[Row]) -> list[Any]:
    absent = None if column.default is None else column.default.value
    return [row.get(column.name, absent) for row in rows]


def _columns_of_alike(rows: Sequence[Row]) -> dict[str, list[Any]] | None:
    """The values under each name where all rows have the same names, which is the rule; None where they have not."""
    names = tuple(rows[0])
    if set(map(len, rows)) != {len(names)}:
        return None
    try:
        return {name: list(map(itemgetter(name), rows)) for name in names}
    except KeyError:
        return None


def _check_names(table: TableRecord, rows: Sequence[Row], shapes: Iterable[tuple[str, ...]]) -> None:
    """Refuse names that cannot be inserted; `shapes` are the sets of names that rows have."""
    columns = {column.name: column for column in table.ready_columns}
    required = {name for name, column in columns.items() if _is_required(column)}
    writable = {name for name, column in columns.items() if not column.is_computed}
    for keys in shapes:
        for name in keys:
            if name not in columns:
                raise UnknownColumn(name, table=table.path, known=columns)
            if name not in writable:
                number = _first_with(keys, rows)
                raise Unsupported(f"row {number} has a value for {name!r}, which is computed", hint="Leave it out.")
        missing = required.difference(keys)
        if missing:
            names = ", ".join(sorted(missing))
            number = _first_with(keys, rows)
            raise MissingValue(f"row {number} of table {table.path!r} lacks required columns: {names}")


def _is_required(column: ColumnRecord) -> bool:
    return not column.type.nullable and not column.is_computed and column.default is None


def _first_with(keys: tuple[str, ...], rows: Sequence[Row]) -> int:
    return next(number for number, row in enumerate(rows) if tuple(row) == keys)


def conform_cells(session: Session, column: ColumnRecord, values: Sequence[Any], *, first: int = 0) -> list[Any]:
    """The values in the form of the column's type; `first` is the number of the first row, for messages.

    Raises:
        TypeMismatch: naming the row and the column.
    """
    try:
        return conform(column.type, values, zone=session.settings.zone)
    except CellRejected as error:
        raise rejected(column, error, first=first) from None


def texts_of(column: ColumnRecord, values: Sequence[Any]) -> Texts:
    """The values as text for the database.

    Raises:
        TypeMismatch: naming the row and the column.
    """
    try:
        return cell_texts(column.type, values)
    except CellRejected as error:
        raise rejected(column, error) from None


def cells_to_store(column: ColumnRecord, values: Sequence[Any], *, first: int = 0) -> Cells:
    """The values as they are written; `first` is the number of the first row, for messages.

    Raises:
        TypeMismatch: naming the row and the column.
    """
    try:
        return stored_cells(column.type, values)
    except CellRejected as error:
        raise rejected(column, error, first=first) from None


def rejected(column: ColumnRecord, error: CellRejected, *, first: int = 0) -> TypeMismatch | MissingValue:
    """The user's error for a cell that its column cannot hold."""
    fact = f"row {first + error.index}, column {column.name!r} (`{column.type.brief()}`): {error.reason}"
    if error.reason.endswith("got None"):
        return MissingValue(fact, hint=f"Declare the column as `{column.type} | None` to allow null.")
    return TypeMismatch(fact)
