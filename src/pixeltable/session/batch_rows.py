"""The rows of a batch update as users hand them in, checked: which row of the table each is, and what it sets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord, kind_of
from pixeltable.exceptions import InvalidArgument, MissingValue, TypeMismatch, Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session.rows import Row, as_rows, rejected, texts_of
from pixeltable.session.session import Session
from pixeltable.storage.cells import array_text, numbers_text
from pixeltable.storage.database import Connection
from pixeltable.storage.past import entries_sql
from pixeltable.types.conform import CellRejected, conform

ROW_ID = "_rowid"


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Rows of a batch, by their place in it: their keys, and the cells they set, by column. No key: it is a row id.

    Rows of a view have the key of its base; its columns are called here as the view calls them.
    """

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
        keyed = table.lineage[-1].row_heap
        names = [f"k{i}" for i in range(len(self.key))]
        columns = [texts_of(column, [key[place] for key in self.keys]) for place, column in enumerate(self.key)]
        same = " AND ".join(
            f"h.{column.db_name} = u.{name}::{keyed.column(column.db_name).sql_type}"
            for name, column in zip(names, self.key, strict=True)
        )
        of_view = f" JOIN {table.row_heap.current} v ON v.row = h.row" if table.row_heap != keyed else ""
        found = connection.execute(
            f"SELECT u.n - 1, h.row FROM unnest({', '.join(['%s::text[]'] * len(names))}) "
            f"WITH ORDINALITY AS u({', '.join(names)}, n) JOIN {entries_sql(keyed)} h ON {same}{of_view}",
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
    key = () if by_id else _key_of(table)
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


def _key_of(table: TableRecord) -> tuple[ColumnRecord, ...]:
    """The primary key of the rows, of a view that of its base, by the names that the table has for its columns.

    Raises:
        Unsupported: no key tells which rows are meant.
    """
    *views, keyed = table.lineage
    names = {_stands_for(table, column).id: column.name for column in reversed(table.ready_columns)}
    names |= {column.id: column.name for column in table.ready_columns}
    reason = None
    if not keyed.primary_key:
        reason = f"{kind_of(keyed)} {keyed.path!r} has no primary key"
    elif exploded := next((view for view in views if view.is_exploded), None):
        reason = f"view {exploded.path!r} has several rows for one key of its base"
    elif any(column.id not in names for column in keyed.primary_key):
        reason = f"view {table.path!r} does not show the primary key of {keyed.path!r}"
    if reason is not None:
        raise Unsupported(
            f"{reason}, so batch_update() cannot tell which rows are meant",
            hint=f"Give each row its {ROW_ID!r}, or use update(..., where=...).",
        )
    return tuple(replace(column, name=names[column.id]) for column in keyed.primary_key)


def _stands_for(table: TableRecord, column: ColumnRecord) -> ColumnRecord:
    """The column that a column of a select list is, under a name of its own; any other is itself."""
    if column.heap is not None or not isinstance(column.expr, ColumnRef):
        return column
    meant = table.column_by_id(column.expr.ref_column)
    assert meant is not None
    return _stands_for(table, meant)


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
        table.check_own(column)
        if table.view is not None and table.view.makes(column.id):
            raise Unsupported(f"row {place} has a value for {name!r}, which is made by the iterator of the view")


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
