"""What going back to a version makes of the views over a table: told before, with nothing held, and checked within."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.catalog.view_needs import check_views
from pixeltable.exceptions import ConstraintViolation, SchemaChanged
from pixeltable.exec.context import Context
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.row_ids import put_ids
from pixeltable.session.session import Session
from pixeltable.session.view_changes import RowsAfter, inputs_of_views, view_changes
from pixeltable.storage.changes import ViewChange
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.past import entries_sql
from pixeltable.storage.writes import RowsChanged


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that differs from what it was at a version, in these columns of those that views are made of.

    `ops` wrote what it is made of now.
    """

    was: bool
    now: bool
    touched: frozenset[int]
    ops: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class RestoredViews:
    """What becomes of the views over a table when it goes back; `come` are rows of the table that come back for it."""

    table: TableRecord
    inputs: tuple[ColumnRecord, ...] = ()
    found: dict[int, _Row] = field(default_factory=dict)
    come: Sequence[int] = ()
    changes: Sequence[ViewChange] = ()

    def expect_as_found(self, connection: Connection, table: TableRecord, target: TableRecord) -> list[int]:
        """The rows of the table that leave for the views, whose head the caller holds.

        Raises:
            SchemaChanged, RowsChanged: it is not as it was when it was told what becomes of the views.
        """
        if table.schema_version != self.table.schema_version:
            raise SchemaChanged(table.path)
        if not self.changes:
            return []
        found = _differing(connection, table, target, self.inputs)
        if _but_leaving(found) != _but_leaving(self.found):
            raise RowsChanged
        return [row for row, differing in found.items() if not differing.was]


def restored_views(
    session: Session, catalog: Catalog, after: TableRecord, target: TableRecord, version: int, context: Context
) -> RestoredViews:
    """What becomes of the views over a table that is to be `after`, with the rows of `target`.

    Raises:
        ConstraintViolation: the version lacks something that a view is made of.
        RowsChanged: tell it again.
    """
    _check_needs(catalog, after, version)
    table = catalog.table(after.id, name=after.path)
    later = catalog.with_table(after)
    made_of = inputs_of_views(later, after)
    inputs = tuple(column for column in target.columns if column.id in made_of)
    found = session.database.read(lambda connection: _differing(connection, table, target, inputs))
    back = [row for row, differing in found.items() if differing.was]
    cells = matching_rows(session, target, [target.ref(column) for column in inputs], rows=back)
    if len(cells.rows) < len(back):  # erased meanwhile
        raise RowsChanged
    places = {row: place for place, row in enumerate(cells.rows)}
    come = [row for row in cells.rows if not found[row].now]
    put_ids(cells.batch, after, cells.rows)
    parts = [RowsAfter(come=[cells.batch.take([places[row] for row in come])])] if come else []
    for touched, rows in _alike(found):
        parts.append(RowsAfter(rows, cells.batch.take([places[row] for row in rows]), touched))
    return RestoredViews(table, inputs, found, come, view_changes(session, after, parts, context, later))


def _check_needs(catalog: Catalog, after: TableRecord, version: int) -> None:
    try:
        check_views(catalog, catalog.with_table(replace(after, schema_version=after.schema_version + 1)))
    except ConstraintViolation as error:
        raise ConstraintViolation(
            f"table {after.path!r} cannot be restored to version {version}: {error.message}"
        ) from None


def _alike(found: dict[int, _Row]) -> Iterator[tuple[frozenset[int], list[int]]]:
    """The rows that stay, by the columns in which they differ."""
    groups: dict[frozenset[int], list[int]] = {}
    for row, differing in sorted(found.items()):
        if differing.was and differing.now:
            groups.setdefault(differing.touched, []).append(row)
    yield from groups.items()


def _but_leaving(found: dict[int, _Row]) -> dict[int, _Row]:
    return {row: differing for row, differing in found.items() if differing.was}


def _differing(
    connection: Connection, table: TableRecord, target: TableRecord, inputs: Sequence[ColumnRecord]
) -> dict[int, _Row]:
    """The rows that only a table or only the version `target` of it has, and those that differ in `inputs`."""
    pairs = [(_heap_of(table, column), _heap_of(target, column), column.db_name) for column in inputs]
    present = _aliases([table.row_heap, *(now for now, _, _ in pairs if now is not None)], "n")
    past = _aliases([target.row_heap, *(was for _, was, _ in pairs if was is not None)], "w")
    differs = [_differs(now, was, name, present | past) for now, was, name in pairs]
    ops = ", ".join(f"{alias}.op_in" for alias in present.values())
    rows = [f"{entries_sql(heap)} {alias} USING (row)" for heap, alias in (present | past).items()]
    first, other = (next(iter(aliases.values())) for aliases in (present, past))
    statement = (
        f"SELECT row, {other}.op_in IS NOT NULL, {first}.op_in IS NOT NULL, "
        f"ARRAY[{ops}], ARRAY[{', '.join(differs)}]::boolean[] FROM ({_ids(table, target)}) r "
        f"LEFT JOIN {' LEFT JOIN '.join(rows)} "
        f"WHERE {other}.op_in IS NULL OR {first}.op_in IS NULL{''.join(f' OR {differ}' for differ in differs)}"
    )
    return {
        row: _Row(was, now, frozenset(c.id for c, differ in zip(inputs, others, strict=True) if differ), tuple(written))
        for row, was, now, written, others in connection.execute(statement).fetchall()
    }


def _ids(table: TableRecord, target: TableRecord) -> str:
    return f"SELECT row FROM {table.row_heap.current} UNION SELECT row FROM {entries_sql(target.row_heap)} x"


def _heap_of(table: TableRecord, column: ColumnRecord) -> Heap | None:
    found = table.column_by_id(column.id)
    return None if found is None or found.heap is None else table.heap(found.heap)


def _aliases(heaps: Sequence[Heap], name: str) -> dict[Heap, str]:
    return {heap: f"{name}{number}" for number, heap in enumerate(dict.fromkeys(heaps))}


def _differs(now: Heap | None, was: Heap | None, column: str, aliases: Mapping[Heap, str]) -> str:
    """Whether a cell, or why it failed, is another; entries of the same operation are the same."""
    if now is None or was is None:  # what is not stored now may be anything
        return "true"
    x, y = aliases[now], aliases[was]
    cell = f"{x}.{column} IS DISTINCT FROM {y}.{column}"
    error = f"{x}.errors->'{column}' IS DISTINCT FROM {y}.errors->'{column}'"
    entry = f"{x}.op_in IS DISTINCT FROM {y}.op_in" if now.id == was.id else "true"
    return f"({entry} AND ({cell} OR {error}))"
