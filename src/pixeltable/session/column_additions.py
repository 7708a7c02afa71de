"""Adding several columns at once, with values of their own or computed: one version, all or none."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pixeltable.catalog import jobs, store
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ColumnTaken, InvalidArgument, InvalidExpression, InvalidSchema, InvalidState
from pixeltable.exec.tally import Tally
from pixeltable.session.backfill import fill
from pixeltable.session.btrees import follow, with_default_btrees
from pixeltable.session.codes import stamp_within
from pixeltable.session.columns import (
    NewColumn,
    begin_job,
    check_computed,
    column_of,
    lock_unused,
    namesake,
    next_version,
    refuse_unfinished,
    with_columns_in_heap_0,
    without_column,
    without_unfinished,
)
from pixeltable.session.heads import lock_head
from pixeltable.session.receipts import receipt
from pixeltable.session.session import Session
from pixeltable.session.sql_fill import SqlFill, create_filled
from pixeltable.session.stored_functions import store_functions
from pixeltable.session.tables import ColumnSpec, column_spec, plain_record, refuse_namesakes
from pixeltable.session.target_jobs import Filled, owning, some_lack_an_entry, withdraw
from pixeltable.session.turns import after_others
from pixeltable.storage.cells import cell_texts
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, sql_type
from pixeltable.storage.numbers import next_op
from pixeltable.storage.stamps import stamp_job
from pixeltable.types.status import RowCountStats, UpdateStatus


def addition_specs(schema: Any, *, reserved: frozenset[str]) -> list[ColumnSpec]:
    """The columns of a schema, checked; those that are computed may refer to columns of the table.

    Raises:
        InvalidArgument, InvalidName, InvalidType, InvalidSchema: naming the column.
    """
    if not isinstance(schema, Mapping) or not schema:
        raise InvalidArgument("add_columns() takes a non-empty dictionary", hint="Write {'name': pxt.String, ...}.")
    specs = [column_spec(name, spec, key=False, reserved=reserved) for name, spec in schema.items()]
    refuse_namesakes(specs)
    for spec in specs:
        if spec.primary_key:
            raise InvalidSchema(f"column {spec.name!r} cannot become part of the primary key of a table that exists")
    return specs


def add_columns(
    session: Session, table_id: int, name: str, specs: Sequence[ColumnSpec], *, if_exists: str, tally: Tally
) -> UpdateStatus:
    """Add columns; those that are computed are computed for the rows there are, while readers and writers go on.

    Raises:
        CellFailure: a cell failed. No column is added; the same call later computes only what is missing.
        ColumnTaken, InvalidSchema, InvalidState, ...: see `Table.add_columns`.
    """

    def work() -> UpdateStatus:
        return _add(_Addition(session, specs, if_exists), table_id, name, tally)

    return after_others(work, if_exists=if_exists)


def _add(addition: "_Addition", table_id: int, name: str, tally: Tally) -> UpdateStatus:
    start, session = time.perf_counter(), addition.session

    def begin(connection: Connection, catalog: Catalog) -> _Done | list[NewColumn]:
        return addition.begin(connection, catalog.table(table_id, name=name))

    begun = session.change_schema(begin)
    done = begun if isinstance(begun, _Done) else _compute(addition, table_id, name, begun, tally)
    stats = RowCountStats(upd_rows=done.rows, num_excs=done.failed, computed_values=done.computed)
    path = session.table(table_id, name).name
    return receipt(tally, start, stats, updated_cols=[f"{path}.{column}" for column in done.names])


@dataclass(frozen=True, slots=True)
class _Done:
    """The columns that were added, the rows with new cells, and the cells that were computed or failed."""

    names: tuple[str, ...] = ()
    rows: int = 0
    computed: int = 0
    failed: int = 0


class _Lacking(Exception):
    """Internal signal: rows came for which these jobs have no entry yet."""

    def __init__(self, job_ids: set[int]) -> None:
        super().__init__()
        self.job_ids = job_ids


def _compute(addition: "_Addition", table_id: int, name: str, news: Sequence[NewColumn], tally: Tally) -> _Done:
    """Fill the columns that are computed, one after the other, then put all in service."""
    session = addition.session
    running: list[JobRecord] = []
    with ExitStack() as owned:
        try:
            for new in news:
                job = session.change_schema(partial(_begin_job, addition, new, table_id, name))
                if job is not None:
                    owned.enter_context(owning(session, job))
                    running.append(job)
            return _fill_and_finish(addition, table_id, name, running, tally)
        except BaseException:
            for job in running:
                _withdraw(session, job, name)
            raise


def _begin_job(
    addition: "_Addition", new: NewColumn, table_id: int, name: str, connection: Connection, catalog: Catalog
) -> JobRecord | None:
    """A job for a column; None if another process was quicker to add that."""
    table = catalog.table(table_id, name=name)
    if all(spec.name != new.name for spec in addition.wanted(table)[0]):
        return None
    return begin_job(addition.session, connection, table, new)


def _withdraw(session: Session, job: JobRecord, name: str) -> None:
    assert job.column is not None
    column_id = job.column.id
    withdraw(session, job, name, without=lambda table: without_unfinished(table, column_id))


def _fill_and_finish(
    addition: "_Addition", table_id: int, name: str, running: Sequence[JobRecord], tally: Tally
) -> _Done:
    session = addition.session
    filled = {job.id: Filled(0, 0) for job in running}

    def finish(connection: Connection, catalog: Catalog) -> _Done:
        return addition.finish(connection, catalog.table(table_id, name=name), running, filled)

    lacking = set(filled)
    while True:
        for job in running:
            if job.id in lacking:
                part, before = fill(session, job, name, abort=True, tally=tally), filled[job.id]
                filled[job.id] = Filled(before.rows + part.rows, before.failed + part.failed, part.head)
        try:
            return session.change_schema(finish)
        except _Lacking as signal:
            lacking = signal.job_ids


@dataclass(frozen=True, slots=True)
class _Addition:
    """The columns of one call, on their way into the table."""

    session: Session
    specs: Sequence[ColumnSpec]
    if_exists: str

    def begin(self, connection: Connection, table: TableRecord) -> _Done | list[NewColumn]:
        """Add all columns if none has to be computed for rows; else those that have to."""
        wanted, rest = self.wanted(table)
        if not wanted:
            return _Done()
        self._check(connection, table, wanted)
        if lock_unused(connection, table):
            columns = self._records(connection, table, wanted)
            after = with_columns_in_heap_0(connection, rest, [column for column, spec in columns if spec.stored])
            return self._save(connection, table, self._complete(connection, after, columns), _Done(_names(wanted)))
        computed = [_new_column(spec) for spec in wanted if spec.expr is not None and spec.stored]
        return computed or self._add(connection, table, rest, wanted, _Done())

    def finish(
        self, connection: Connection, table: TableRecord, running: Sequence[JobRecord], filled: Mapping[int, Filled]
    ) -> _Done:
        """Put the columns of filled jobs in service, and add the others.

        Raises:
            _Lacking: some are not full.
        """
        wanted, rest = self.wanted(table)
        known = {job.id for job in jobs.jobs_of(connection, table.id)}
        running = [job for job in running if job.id in known]
        if not wanted and not running:
            return _Done()  # another process went on with these jobs, and was quicker
        self._check(connection, table, wanted)
        targets = {job.target for job in running}
        for spec in wanted:
            if spec.expr is not None and spec.stored and spec.name not in targets:
                raise InvalidState(f"{spec.name!r} was removed from table {table.path!r} while it was being filled")
        head = lock_head(connection, table)
        moved = [job for job in running if filled[job.id].head != head]
        lacking = {job.id for job in moved if some_lack_an_entry(connection, table, job)}
        if lacking:
            raise _Lacking(lacking)
        for job in running:
            column = job.column and rest.column_by_id(job.column.id)
            assert column is not None
            rest = rest.with_column(replace(column, status="ready"))
        totals = filled.values()
        done = _Done(
            (), max((t.rows for t in totals), default=0), sum(t.rows for t in totals), sum(t.failed for t in totals)
        )
        return self._add(connection, table, rest, wanted, done, jobs_done=running)

    def wanted(self, table: TableRecord) -> tuple[list[ColumnSpec], TableRecord]:
        """The columns that are to be added, and the table without those they replace."""
        wanted, rest = [], table
        for spec in self.specs:
            existing = namesake(table, spec.name)
            if existing is not None and self.if_exists == "ignore":
                continue
            if existing is not None and self.if_exists == "error":
                raise ColumnTaken(spec.name, table=table.path)
            if existing is not None:
                rest = without_column(rest, existing)
            wanted.append(spec)
        return wanted, rest

    def _check(self, connection: Connection, table: TableRecord, wanted: Sequence[ColumnSpec]) -> None:
        _, rest = self.wanted(table)
        for spec in wanted:
            if spec.expr is None:
                refuse_unfinished(table, spec.name)
                plain_record(self.session, spec, 0, 0)  # refuses a default that the column cannot have
                continue
            check_computed(table, _new_column(spec))
            if not {column.id for column in rest.known_columns} >= referred_columns(spec.expr):
                raise InvalidExpression(f"column {spec.name!r} is computed from a column that the call replaces")
        self._refuse_null(connection, table, wanted)

    def _refuse_null(self, connection: Connection, table: TableRecord, wanted: Sequence[ColumnSpec]) -> None:
        lacking = [s for s in wanted if s.expr is None and not s.type.nullable and s.default is None]
        if lacking and connection.execute(f"SELECT 1 FROM {table.row_heap.current} LIMIT 1").fetchone():
            name, column_type = lacking[0].name, lacking[0].type
            raise InvalidSchema(
                f"column {name!r} of type `{column_type}` rejects null, but table {table.path!r} has rows already",
                hint=f"Declare it `{column_type} | None`, or with a value for those rows: "
                f"{{{name!r}: {{'type': pxt.{column_type}, 'default': ...}}}}.",
            )

    def _records(
        self, connection: Connection, table: TableRecord, wanted: Sequence[ColumnSpec]
    ) -> list[tuple[ColumnRecord, ColumnSpec]]:
        """Columns that have no heap yet."""
        version = next_version(connection, table)
        found = []
        for spec, column_id in zip(wanted, store.new_ids(connection, len(wanted)), strict=True):
            if spec.expr is None:
                column = replace(plain_record(self.session, spec, column_id, 0), version_added=version, heap=None)
            else:
                store_functions(self.session, connection, spec.expr)
                column = column_of(_new_column(spec), column_id, version_added=version)
            found.append((column, spec))
        return found

    def _add(
        self,
        connection: Connection,
        table: TableRecord,
        rest: TableRecord,
        wanted: Sequence[ColumnSpec],
        done: _Done,
        *,
        jobs_done: Sequence[JobRecord] = (),
    ) -> _Done:
        """Add the columns that no job has filled; those of jobs are `done`."""
        op = next_op(connection)
        columns = self._records(connection, table, [spec for spec in wanted if spec.expr is None or not spec.stored])
        after, fills = _with_heaps(connection, rest, [column for column, spec in columns if spec.expr is None], op)
        rows = create_filled(connection, table, fills)
        self._refuse_null(connection, table, wanted)  # again, now that nobody can write
        done = replace(done, names=_names(wanted), rows=max(rows, done.rows))
        return self._save(connection, table, self._complete(connection, after, columns), done, op, jobs_done)

    def _complete(
        self, connection: Connection, table: TableRecord, columns: Sequence[tuple[ColumnRecord, ColumnSpec]]
    ) -> TableRecord:
        """The table with the columns that are not stored, and default indexes of those that are."""
        for column, spec in columns:
            table = table if spec.stored else table.with_column(column)
        if not table.default_indexes:
            return table
        added = {column.id for column, _ in columns}
        alone = replace(table, columns=tuple(column for column in table.columns if column.id in added))
        return replace(table, btrees=with_default_btrees(connection, alone).btrees)

    def _save(
        self,
        connection: Connection,
        before: TableRecord,
        after: TableRecord,
        done: _Done,
        op: int | None = None,
        jobs_done: Sequence[JobRecord] = (),
    ) -> _Done:
        """Make the columns, in the order of the call, part of the table's next version."""
        places = {name: place for place, name in enumerate(done.names, start=1)}
        columns = sorted(after.columns, key=lambda column: places.get(column.name, 0))
        saved = store.save_schema(connection, replace(after, columns=tuple(columns)))
        known = {index.id for index in before.btrees}
        kept = tuple(index for index in saved.btrees if index.id in known)  # new ones are there already
        follow(connection, before, replace(saved, btrees=kept))
        stamp = stamp_within(self.session, connection, saved, [job.column for job in jobs_done if job.column])
        store.record_schema_version(
            connection, saved, op=op or next_op(connection), change=f"Added: {', '.join(done.names)}",
            updates=done.rows, errors=done.failed, stamp=stamp,
        )  # fmt: skip
        for job in jobs_done:
            if stamp is not None:
                stamp_job(connection, saved.id, job.op, stamp)
            jobs.delete_job(connection, job.id)
        return done


def _names(specs: Sequence[ColumnSpec]) -> tuple[str, ...]:
    return tuple(spec.name for spec in specs)


def _new_column(spec: ColumnSpec) -> NewColumn:
    assert spec.expr is not None
    return NewColumn(spec.name, spec.expr, spec.stored, spec.comment, spec.custom_metadata)


def _with_heaps(
    connection: Connection, table: TableRecord, columns: Sequence[ColumnRecord], op: int
) -> tuple[TableRecord, list[SqlFill]]:
    """The table with plain columns, and a heap for each, which has entries only if it has a default."""
    fills = []
    for column, heap_id in zip(columns, store.new_ids(connection, len(columns)), strict=True):
        heap = Heap(heap_id, (HeapColumn(column.db_name, sql_type(column.type)),))
        table = replace(table, heaps=(*table.heaps, heap)).with_column(replace(column, heap=heap_id))
        fills.append(SqlFill(heap))
        if column.default is not None:
            (text,) = cell_texts(column.type, [column.default.value])
            statement = (
                f"INSERT INTO {heap.current} (row, op_in, {column.db_name}) "
                f"SELECT row, %s, %s::{sql_type(column.type)} FROM {table.row_heap.current}"
            )
            fills[-1] = SqlFill(heap, statement, (op, text))
    return table, fills
