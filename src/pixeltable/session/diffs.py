"""What differs between two versions of a table: rows, and the schema."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pixeltable.catalog.loading import read_epoch
from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import SchemaChanged
from pixeltable.lazy import psycopg
from pixeltable.plan.query import Moment
from pixeltable.session.past import record_at
from pixeltable.session.query import Answer
from pixeltable.session.session import Session
from pixeltable.storage.cells import decoder
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.heaps import Heap
from pixeltable.storage.past import entries_sql
from pixeltable.types.column_type import ColumnType, IntType, JsonType, StringType

_CHANGE, _COLUMNS = "change", "columns"


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows, one for each that differs; and changes of the schema."""

    rows: Answer
    schema_changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that differs: its id, what happened to it, the columns that changed, and its key's cells."""

    row: int
    change: str
    columns: tuple[str, ...]
    key: tuple[Any, ...]


def difference(session: Session, table_id: int, name: str, before: Moment, after: Moment) -> Difference:
    """What became of the one version until the other.

    A row is updated if a stored column that both have has another value. One that was deleted and inserted again is
    another row.

    Raises:
        UnknownVersion: a version was taken back.
    """
    old, new, rows = changed_rows(session, table_id, name, before, after)
    return Difference(_answer(new, rows), _schema_changes(old, new))


def changed_rows(
    session: Session, table_id: int, name: str, before: Moment, after: Moment
) -> tuple[TableRecord, TableRecord, list[RowChange]]:
    """Two versions of a table, and the rows in which they differ, in the order of their ids.

    Raises:
        UnknownVersion: a version was taken back.
    """
    for _ in range(session.settings.write_attempts):
        old, new = (record_at(session, table_id, name, moment) for moment in (before, after))
        try:
            rows, epoch = session.database.read(partial(_read, old=old, new=new))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            session.refresh()
            continue
        if epoch != session.catalog.epoch:
            session.refresh()
        present = session.table(table_id, name).schema_version
        if old.schema_version == new.schema_version == present:
            return old, new, rows
    raise SchemaChanged(name)


def _read(connection: Connection, *, old: TableRecord, new: TableRecord) -> tuple[list[RowChange], int]:
    with snapshot(connection):
        rows = [
            *_only_in(connection, old, other=new, change="deleted"),
            *_only_in(connection, new, other=old, change="inserted"),
            *_updated(connection, old, new),
        ]
        return sorted(rows, key=lambda row: row.row), read_epoch(connection)


def _key(table: TableRecord) -> tuple[ColumnRecord, ...]:
    """The primary key, if it does not get in the way of what else is said of a row."""
    key = table.primary_key
    return () if any(column.name in (_CHANGE, _COLUMNS) for column in key) else key


def _key_sql(table: TableRecord, alias: str) -> str:
    return "".join(f", {alias}.{column.db_name}" for column in _key(table))


def _only_in(connection: Connection, table: TableRecord, *, other: TableRecord, change: str) -> list[RowChange]:
    rows, others = entries_sql(table.row_heap), entries_sql(other.row_heap)
    found = connection.execute(
        f"SELECT x.row{_key_sql(table, 'x')} FROM {rows} x LEFT JOIN {others} y ON y.row = x.row WHERE y.row IS NULL"
    ).fetchall()
    return [RowChange(row, change, (), tuple(key)) for row, *key in found]


def _updated(connection: Connection, old: TableRecord, new: TableRecord) -> list[RowChange]:
    """Heap by heap: rows that both versions have, with entries that differ in a column that both have."""
    changed: dict[int, set[str]] = {}
    keys: dict[int, tuple[Any, ...]] = {}
    for heap in new.heaps:
        columns = _common_columns(old, new, heap)
        if not columns:
            continue
        was = next(other for other in old.heaps if other.id == heap.id)
        for row, differs, *key in _changed_entries(connection, new, was, heap, columns):
            names = {column.name for column, other in zip(columns, differs, strict=True) if other}
            changed.setdefault(row, set()).update(names)
            keys[row] = tuple(key)
    order = [column.name for column in new.columns]
    named = {row: tuple(name for name in order if name in names) for row, names in changed.items()}
    return [RowChange(row, "updated", names, keys[row]) for row, names in named.items()]


def _common_columns(old: TableRecord, new: TableRecord, heap: Heap) -> list[ColumnRecord]:
    places = {column.id: column.heap for column in old.columns}
    return [column for column in new.columns if column.heap == heap.id and places.get(column.id) == heap.id]


def _changed_entries(
    connection: Connection, table: TableRecord, was: Heap, now: Heap, columns: Sequence[ColumnRecord]
) -> list[tuple[Any, ...]]:
    differs = [f"x.{column.db_name} IS DISTINCT FROM y.{column.db_name}" for column in columns]
    return connection.execute(
        f"SELECT y.row, ARRAY[{', '.join(differs)}]{_key_sql(table, 'k')} FROM {entries_sql(was)} x "
        f"JOIN {entries_sql(now)} y ON y.row = x.row AND y.op_in <> x.op_in "
        f"JOIN {entries_sql(table.row_heap)} k ON k.row = y.row WHERE {' OR '.join(differs)}"
    ).fetchall()


def _answer(table: TableRecord, rows: Sequence[RowChange]) -> Answer:
    columns: dict[str, list[Any]] = {_CHANGE: [row.change for row in rows]}
    types: dict[str, ColumnType] = {_CHANGE: StringType()}
    key = _key(table)
    if not key:
        columns["_rowid"], types["_rowid"] = [row.row for row in rows], IntType()
    for place, column in enumerate(key):
        decode = decoder(column.type) or (lambda value: value)
        columns[column.name], types[column.name] = [decode(row.key[place]) for row in rows], column.type
    columns[_COLUMNS], types[_COLUMNS] = [list(row.columns) for row in rows], JsonType()
    return Answer(columns, types)


def _schema_changes(old: TableRecord, new: TableRecord) -> list[dict[str, Any]]:
    """Columns, then indexes, that one version has and the other has not, or not as it is there."""
    return [*_changes("column", old.columns, new.columns), *_changes("index", old.indexes, new.indexes)]


def _changes(
    kind: str, old: Sequence[ColumnRecord | IndexRecord], new: Sequence[ColumnRecord | IndexRecord]
) -> Iterator[dict[str, Any]]:
    before, after = {part.id: part for part in old}, {part.id: part for part in new}
    for part_id, part in (before | after).items():
        was, now = _definition(before.get(part_id)), _definition(after.get(part_id))
        if was != now:
            change = "added" if was is None else "dropped" if now is None else "altered"
            yield {"change": change, "kind": kind, "name": part.name, "before": was, "after": now}


def _definition(part: ColumnRecord | IndexRecord | None) -> str | None:
    """A column or an index as a text that differs where it does."""
    if part is None:
        return None
    if isinstance(part, ColumnRecord):
        return f"{part.name}: {part.type}" + ("" if part.expr is None else f" = {part.expr}")
    return f"{part.name}: {part.metric}, {part.precision}" + "".join(f", {expr}" for _, expr in part.embeddings)
