"""Making a table with its first rows: both are there with one commit, or neither."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pixeltable.catalog import store
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.tally import Tally
from pixeltable.ids import Path
from pixeltable.session.entries import cells_of, heap_entries
from pixeltable.session.receipts import receipt
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.rows import check_distinct, conform_cells
from pixeltable.session.session import Session
from pixeltable.session.tables import (
    ColumnSpec,
    TableOptions,
    create_storage,
    drop_record,
    find_existing,
    new_record,
)
from pixeltable.session.upkeep import BULK, look_after
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, drop_heap
from pixeltable.storage.numbers import next_op
from pixeltable.storage.spool import Spool
from pixeltable.storage.writes import Counts, Entries, Piece, append_rows, commit_change
from pixeltable.types.status import RowCountStats, UpdateStatus

_PIECE = 10_000
"""Rows that are read and made ready together."""


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The rows of a table to be made. `cells` reads those of a column from one row to another, without that."""

    count: int
    cells: Callable[[str, int, int], Sequence[Any]]


def create_loaded_table(
    session: Session,
    path: Path,
    specs: Sequence[ColumnSpec],
    options: TableOptions,
    rows: FirstRows,
    *,
    if_exists: str,
    tally: Tally,
) -> tuple[TableRecord, UpdateStatus]:
    """Make a table of plain columns with rows, all of which are read and checked before; or the one that is there.

    What does not fit into memory waits in a file. Nobody sees the table, and one that is replaced stays, until the
    commit; until the last moment before that nobody waits for it either.

    Raises:
        PathTaken, UnknownDirectory: see `pxt.create_table`.
        TypeMismatch, MissingValue, DuplicateKey: naming the row and the column, or the key.
    """
    start = time.perf_counter()
    ids, ops = session.database.read(lambda connection: _numbers(connection, len(specs)))
    table = new_record(session, ids, path, specs, options)
    with Spool(session.settings.memory_mb * 2**20) as spool:
        pieces = list(_pieces(session, table, rows, spool, tally))
        loading = _Loading(table, pieces, ops, if_exists)
        made, is_new = session.change_schema(loading.register, first=loading.fill)
    known = session.catalog.find(made.id) or made
    if is_new and rows.count >= BULK:
        look_after(session, known, written=rows.count)
    return known, receipt(tally, start, RowCountStats(ins_rows=rows.count if is_new else 0))


def _numbers(connection: Connection, columns: int) -> tuple[list[int], tuple[int, int]]:
    """For a table, its heap and its columns; and the operations of its first two versions."""
    return store.new_ids(connection, 2 + columns), (next_op(connection), next_op(connection))


def _pieces(session: Session, table: TableRecord, rows: FirstRows, spool: Spool, tally: Tally) -> Iterator[Piece]:
    """The rows as they are written."""
    tally.total = rows.count
    keys: list[list[Any]] = [[] for _ in table.primary_key]
    for start in range(0, rows.count, _PIECE):
        tally.check()
        batch = Batch(min(_PIECE, rows.count - start), first=start)
        for column in table.columns:
            values = rows.cells(column.name, start, start + batch.count)
            batch.put(table.ref(column), Column(conform_cells(session, column, values, first=start)))
        for key, column in zip(keys, table.primary_key, strict=True):
            key += cells_of(batch, table, column).values
        entries = heap_entries(table, table.row_heap, table.columns, batch)
        assert entries is not None
        load = partial(_itself, entries) if spool.has_room(batch.size_bytes) else spool.store(entries)
        yield Piece(batch.count, partial(_loaded, load), failed=False)
        tally.advance(batch.count)
    if keys:
        check_distinct([column.name for column in table.primary_key], keys, table=table.path)


def _itself(entries: Entries) -> Entries:
    return entries


def _loaded(load: Callable[[], Entries], _: Heap) -> Entries:
    return load()


@dataclass(slots=True)
class _Loading:
    """The transaction that makes a table; its parts may be done again, if the database was lost."""

    table: TableRecord
    pieces: Sequence[Piece]
    ops: tuple[int, int]
    if_exists: str

    def fill(self, connection: Connection) -> None:
        """Store the rows, before anybody knows of the table."""
        with refusals_explained(self.table):
            self.table = create_storage(connection, replace(self.table, btrees=()))
            append_rows(connection, self.table.row_heap, self.pieces, op=self.ops[1])

    def register(self, connection: Connection, catalog: Catalog) -> tuple[TableRecord, bool]:
        """Have the table under its path, at version 1; False: there was one meanwhile, which stays."""
        path = Path(tuple(self.table.path.split("/")))
        existing = find_existing(catalog, path, if_exists=self.if_exists)
        if existing is not None and self.if_exists == "ignore":
            drop_heap(connection, self.table.row_heap)
            return existing, False
        if existing is not None:
            drop_record(connection, catalog, existing, force=self.if_exists == "replace_force")
        made = replace(self.table, dir=catalog.dir_id(path.parent))
        first, second = self.ops
        store.insert_table(connection, made, op=first)
        count = sum(piece.count for piece in self.pieces)
        commit_change(connection, made.target, second, Counts(inserts=count), uuid.uuid4())
        return made, True
