"""The rows of a batch update as users hand them in, checked: which row of the table each is, and what it sets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import InvalidArgument, MissingValue, TypeMismatch, Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.session.rows import Row, as_rows, rejected, texts_of
from pixeltable.session.session import Session
from pixeltable.storage.cells import array_text, numbers_text
from pixeltable.storage.database import Connection
from pixeltable.types.conform import CellRejected, conform

ROW_ID = "_rowid"


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Rows of a batch, by their place in it: their keys, and the cells they set, by column. No key: it is a row id."""

    rows: Sequence[Row]
    key: tuple[ColumnRecord, ...]
    keys: Sequence[tuple[Any, ...]]
    cells: Mapping[int, Mapping[int, Any]]

    def columns_of(self, place: int) -> frozenset[int]:
        """The ids of the columns that a row sets."""
        return frozenset(column for column, cells in self.cells.items() if place in cells)

    def key_text(self, place: int) -> str:
        """A row's key in words."""
        names = [column.name for column in self.key] or [ROW_ID]
        return ", ".join(f"{name}={cell!r}" for name, cell in zip(names, self.keys[place], strict=True))

    def find(self, connection: Connection, table: TableRecord) -> dict[int, int]:
        """The ids of the rows that are in the table, by place."""
        if not self.key:
            wanted = [key[0] for key in self.keys]
            found = connection.execute(
                f"SELECT u.n - 1, h.row FROM unnest(%s::bigint[]) WITH ORDINALITY AS u(row, n) "
                f"JOIN {table.row_heap.current} h ON h.row = u.row",
                (numbers_text(wanted),),
            )
            return dict(found.fetchall())
        names = [f"k{i}" for i in range(len(self.key))]
        columns = [texts_of(column, [key[place] for key in self.keys]) for place, column in enumerate(self.key)]
        same = " AND ".join(
            f"h.{column.db_name} = u.{name}::{table.row_heap.column(column.db_name).sql_type}"
            for name, column in zip(names, self.key, strict=True)
        )
        found = connection.execute(
            f"SELECT u.n - 1, h.row FROM unnest({', '.join(['%s::text[]'] * len(names))}) "
            f"WITH ORDINALITY AS u({', '.join(names)}, n) JOIN {table.row_heap.current} h ON {same}",
            [array_text(texts) for texts in columns],
        )
        return dict(found.fetchall())


def batch_rows(source: Iterable[Any]) -> list[Row]:
    """Dicts, or pydantic models, as a list of mappings.

    Raises:
        InvalidArgument: there is none, or an element is something else.
    """
    if isinstance(source, str | bytes | Mapping) or not hasattr(source, "__iter__"):
        raise InvalidArgument(f"batch_update() takes a list of rows, got {type(source).__name__}")
    rows = list(source)
    if not rows:
        raise InvalidArgument("batch_update() needs at least one row")
    return as_rows(rows)


def checked_rows(session: Session, table: TableRecord, rows: Sequence[Row]) -> BatchRows:
    """The rows, with keys and cells in the form of their columns.

    Raises:
        UnknownColumn, MissingValue, TypeMismatch, InvalidArgument, Unsupported: naming the row.
    """
    by_id = all(ROW_ID in row for row in rows)
    key = () if by_id else table.primary_key
    if not by_id and not key:
        raise Unsupported(
            f"table {table.path!r} has no primary key, so batch_update() cannot tell which rows are meant",
            hint=f"Give each row its {ROW_ID!r}, or use update(..., where=...).",
        )
    names = {ROW_ID} if by_id else {column.name for column in key}
    shapes: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(rows):
        shapes.setdefault(tuple(row), place)
    for shape, place in shapes.items():
        _check_names(table, shape, names, place)
    keys = (
        _row_ids(rows)
        if by_id
        else list(zip(*(_cells_of(session, column, rows).values() for column in key), strict=True))
    )
    _refuse_repeated(keys)
    given = {name for shape in shapes for name in shape} - names
    cells = {column.id: _cells_of(session, column, rows) for column in table.ready_columns if column.name in given}
    return BatchRows(rows, key, keys, cells)


def _check_names(table: TableRecord, shape: Sequence[str], key: Collection[str], place: int) -> None:
    missing = [name for name in key if name not in shape]
    if missing:
        raise MissingValue(f"row {place} lacks its key: {', '.join(sorted(missing))}")
    for name in shape:
        if name in key:
            continue
        column = table.column(name)
        if column.is_computed:
            raise Unsupported(f"row {place} has a value for {name!r}, which is computed", hint="Leave it out.")
        if column.primary_key:
            raise Unsupported(f"row {place} has a value for {name!r}, which is part of the primary key")


def _row_ids(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    for place, row in enumerate(rows):
        if type(row[ROW_ID]) is not int or not 0 <= row[ROW_ID] < 2**63:
            raise TypeMismatch(f"row {place}: {ROW_ID!r} is a row's number, got {row[ROW_ID]!r}")
    return [(row[ROW_ID],) for row in rows]


def _cells_of(session: Session, column: ColumnRecord, rows: Sequence[Row]) -> dict[int, Any]:
    """The cells of a column, by the places of the rows that name it."""
    found = {place: row[column.name] for place, row in enumerate(rows) if column.name in row}
    for place, value in found.items():
        if isinstance(value, Expr):
            raise Unsupported(
                f"row {place}, column {column.name!r}: batch_update() takes values, got the expression `{value}`",
                hint="Use update(), whose values may be expressions.",
            )
    places = list(found)
    try:
        return dict(zip(places, conform(column.type, list(found.values()), zone=session.settings.zone), strict=True))
    except CellRejected as error:
        raise rejected(column, CellRejected(places[error.index], error.reason)) from None


def _refuse_repeated(keys: Sequence[tuple[Any, ...]]) -> None:
    places: dict[tuple[Any, ...], int] = {}
    for place, key in enumerate(keys):
        first = places.setdefault(key, place)
        if first != place:
            shown = ", ".join(map(repr, key))
            raise InvalidArgument(
                f"rows {first} and {place} have the same key: {shown}", hint="Give each row of the table once."
            )
