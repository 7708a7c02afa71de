"""The failed cells of a table: which, why, how often tried and when."""

from collections.abc import Sequence
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import InvalidArgument, SchemaChanged
from pixeltable.lazy import psycopg
from pixeltable.plan.query import Moment
from pixeltable.session.past import record_at
from pixeltable.session.query import Answer
from pixeltable.session.session import Session
from pixeltable.session.transactions import read
from pixeltable.storage.cells import decoder
from pixeltable.storage.heaps import Heap
from pixeltable.storage.past import entries_sql
from pixeltable.types.column_type import ColumnType, IntType, StringType, TimestampType

_ABOUT: dict[str, ColumnType] = {
    "column": StringType(),
    "errortype": StringType(),
    "errormsg": StringType(),
    "attempts": IntType(),
    "at": TimestampType(nullable=True),
}


_ERRORS = (
    "SELECT e.row, f.key, f.value->>'type', f.value->>'message', (f.value->>'attempts')::bigint, "
    "(f.value->>'at')::timestamptz"
)
_EACH = "CROSS JOIN LATERAL jsonb_each(e.errors) f WHERE e.errors IS NOT NULL AND f.key = ANY (%s)"


def failed_cells(
    session: Session, table_id: int, name: str, *, column: str | None, moment: Moment | None = None
) -> Answer:
    """The cells of a computed column, or of all, that have an error; by row, then in the order of the columns.

    With a moment, those that had one then.

    Each with its row's primary key, or `_rowid` where the table has none, or one that would be in the way of `_ABOUT`.

    Raises:
        UnknownColumn: there is no such column.
        InvalidArgument: it is not computed, or not stored.
    """
    for _ in range(session.settings.write_attempts):
        session.refresh().table(table_id, name=name)
        table = record_at(session, table_id, name, moment)
        columns = _stored_computed(table, column)
        try:
            return _answer(table, columns, _read(session, table, columns))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            continue  # dropped since: the next look at the schema says so
    raise SchemaChanged(name)


def _stored_computed(table: TableRecord, column: str | None) -> list[ColumnRecord]:
    if column is None:
        return list(table.fallible_columns)
    found = table.column(column)
    if found in table.fallible_columns:
        return [found]
    owner = next(owner for owner in table.lineage if found in owner.columns)
    if owner.id != table.id and found.is_computed and found.heap is not None:
        raise InvalidArgument(
            f"column {column!r} is of {owner.path!r}, whose rows are several in view {table.path!r}",
            hint=f"Ask {owner.path!r} for its errors.",
        )
    if not found.is_computed:
        raise InvalidArgument(f"column {column!r} is not computed: its cells have no errors")
    raise InvalidArgument(f"column {column!r} is not stored: its errors are raised when it is read")


def _key(table: TableRecord) -> tuple[ColumnRecord, ...]:
    key = table.primary_key
    return () if any(column.name in _ABOUT for column in key) else key


def _read(session: Session, table: TableRecord, columns: Sequence[ColumnRecord]) -> list[tuple[Any, ...]]:
    """One statement over the heaps of the columns: row, column, type, message, attempts, time, then the key's cells."""
    heaps = [table.heap(heap_id) for heap_id in {column.heap: None for column in columns} if heap_id is not None]
    if not heaps:
        return []
    wanted = [column.db_name for column in columns]
    parts = [_select(table, heap) for heap in heaps]
    if table.failures_heap is not None:
        parts.append(f"{_ERRORS} FROM {entries_sql(table.failures_heap)} e {_EACH}")
    statement = " UNION ALL ".join(parts)
    return read(session, lambda connection: connection.execute(statement, [wanted] * len(parts)).fetchall())


def _select(table: TableRecord, heap: Heap) -> str:
    key = "".join(f", k.{column.db_name}" for column in _key(table))
    return f"{_ERRORS}{key} FROM {entries_sql(heap)} e JOIN {entries_sql(table.row_heap)} k USING (row) {_EACH}"


def _answer(table: TableRecord, columns: Sequence[ColumnRecord], rows: Sequence[tuple[Any, ...]]) -> Answer:
    names = {column.db_name: column.name for column in columns}
    places = {name: place for place, name in enumerate(names)}
    ordered = sorted(rows, key=lambda row: (row[0], places[row[1]]))
    key = _key(table)
    found: dict[str, list[Any]] = {"_rowid": [row[0] for row in ordered]} if not key else {}
    types: dict[str, ColumnType] = {"_rowid": IntType()} if not key else {}
    for place, column in enumerate(key, start=6):
        decode = decoder(column.type) or (lambda value: value)
        found[column.name] = [decode(row[place]) for row in ordered]
        types[column.name] = column.type
    found["column"] = [names[row[1]] for row in ordered]
    for place, about in enumerate(list(_ABOUT)[1:], start=2):
        found[about] = [row[place] for row in ordered]
    return Answer(found, types | _ABOUT)
