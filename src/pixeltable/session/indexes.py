"""Adding and dropping embedding indexes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog import jobs, store
from pixeltable.catalog.codec import encode_index
from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import BtreeRecord, ColumnRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import BeingAdded, IndexTaken, InvalidArgument, InvalidState, UnknownIndex, Unsupported
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr, record
from pixeltable.index import vectors
from pixeltable.session.backfill import fill
from pixeltable.session.btrees import drop_btree, free_name, refuse_taken
from pixeltable.session.codes import stamp_of, take_up
from pixeltable.session.columns import same_definition
from pixeltable.session.receipts import receipt
from pixeltable.session.session import Session
from pixeltable.session.stored_functions import store_functions
from pixeltable.session.target_jobs import Filled, finish, owning
from pixeltable.session.turns import after_others
from pixeltable.session.upkeep import make_room, seal_full_partitions
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, drop_heap
from pixeltable.storage.numbers import next_op
from pixeltable.types.column_type import ArrayType
from pixeltable.types.status import RowCountStats, UpdateStatus


@record
@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index to add; `embeddings` maps a modality to an expression over the column, empty for an Array column."""

    name: str | None
    column: str
    embeddings: Mapping[str, Expr]
    metric: str
    precision: str


def add_index(
    session: Session, table_id: int, name: str, new: NewIndex, *, if_exists: str, tally: Tally
) -> UpdateStatus:
    """Add an index and embed the rows there are; readers and writers go on meanwhile. Cells that fail have no vector.

    Raises:
        IndexTaken, InvalidArgument, Unsupported: see `Table.add_embedding_index`.
    """
    return after_others(lambda: _add(session, table_id, name, new, if_exists, tally), if_exists=if_exists)


def _add(session: Session, table_id: int, name: str, new: NewIndex, if_exists: str, tally: Tally) -> UpdateStatus:
    start = time.perf_counter()
    job = session.change_schema(
        lambda connection, catalog: _register(session, connection, catalog.table(table_id, name=name), new, if_exists)
    )
    if job is None:
        return receipt(tally, start)
    with owning(session, job):
        filled = _run(session, job, name, tally)
    table = session.table(table_id, name)
    seal_full_partitions(session, table)
    return receipt(tally, start, RowCountStats(num_excs=filled.failed, computed_values=filled.rows))


def _run(session: Session, job: JobRecord, name: str, tally: Tally) -> Filled:
    index = job.index
    assert index is not None
    total = Filled(0, 0)

    def in_service(table: TableRecord) -> TableRecord:
        return with_index(table, replace(index, status="ready"))

    make_room(session, session.table(job.table_id, name), _row_count(session, session.table(job.table_id, name)))
    while True:
        part = fill(session, job, name, abort=False, tally=tally)
        total = Filled(total.rows + part.rows, total.failed + part.failed, part.head)
        done = Filled(0, total.failed, total.head)  # an index changes no row
        stamp = stamp_of(session, session.table(job.table_id, name), [], [index])
        change = f"Added index: {index.name}"
        if finish(session, job, name, change=change, filled=done, ready=in_service, stamp=stamp):
            return total


def _row_count(session: Session, table: TableRecord) -> int:
    row = session.database.read(
        lambda connection: connection.execute(f"SELECT count(*) FROM {table.row_heap.current}").fetchone()
    )
    return int(row[0]) if row else 0


def with_index(table: TableRecord, index: IndexRecord) -> TableRecord:
    """The table with an index added, or replaced where its id is there already."""
    others = tuple(other for other in table.indexes if other.id != index.id)
    return replace(table, indexes=(*others, index))


def _register(
    session: Session, connection: Connection, table: TableRecord, new: NewIndex, if_exists: str
) -> JobRecord | None:
    column = table.column(new.column)
    space = space_of(column, new)
    unfinished = _unfinished(session, connection, table, column, new)
    if unfinished is not None:
        return unfinished
    same = _existing(table, column, new)
    if same is not None:
        if if_exists == "ignore":
            return None
        if if_exists not in ("replace", "replace_force"):
            raise IndexTaken(same.name, table=table.path)
        table = store.save_schema(connection, without_index(table, same))
    table, index, heap = _made(session, connection, table, new, column, space)
    store.save_schema(connection, table)
    (job_id,) = store.new_ids(connection, 1)
    job = JobRecord(job_id, table.id, "running", next_op(connection), heap, None, index)
    jobs.insert_job(connection, job)
    return job


def _made(
    session: Session,
    connection: Connection,
    table: TableRecord,
    new: NewIndex,
    column: ColumnRecord,
    space: vectors.VectorSpace,
) -> tuple[TableRecord, IndexRecord, Heap]:
    """The table with an index that is empty so far, the index, and its heap."""
    for expr in new.embeddings.values():
        store_functions(session, connection, expr)
    (index_id,) = store.new_ids(connection, 1)
    heap = vectors.vector_heap(index_id, space)
    vectors.create_vector_heap(connection, heap)
    index = IndexRecord(
        index_id, new.name or free_name(table), column.id, new.metric, new.precision, space.dimensions,
        tuple(new.embeddings.items()), "backfilling",
    )  # fmt: skip
    return replace(with_index(table, index), heaps=(*table.heaps, heap)), index, heap


def with_index_on_unused(session: Session, connection: Connection, table: TableRecord, new: NewIndex) -> TableRecord:
    """A table that has no rows, and gets none before the caller's transaction ends, with one more index.

    Raises:
        IndexTaken, InvalidArgument, Unsupported: see `Table.add_embedding_index`.
    """
    refuse_taken(table, new.name)
    column = table.column(new.column)
    made, index, _ = _made(session, connection, table, new, column, space_of(column, new))
    return with_index(made, replace(index, status="ready"))


def space_of(column: ColumnRecord, new: NewIndex) -> vectors.VectorSpace:
    """What an index over the column measures.

    Raises:
        InvalidArgument, Unsupported: see `Table.add_embedding_index`.
    """
    return vectors.VectorSpace(new.metric, new.precision, _dimensions(column, new))


def _dimensions(column: ColumnRecord, new: NewIndex) -> int:
    """The length of the vectors, from the types: of the column itself, or of what embeds it."""
    if column.heap is None:
        raise Unsupported(f"column {column.name!r} is not stored, so it cannot be indexed")
    types = [expr.col_type for expr in new.embeddings.values()] or [column.type]
    lengths = set()
    for found in types:
        known = isinstance(found, ArrayType) and found.shape is not None and len(found.shape) == 1 and found.shape[0]
        if not known:
            what = "the embedding function returns" if new.embeddings else f"column {column.name!r} has type"
            raise InvalidArgument(
                f"an embedding index needs vectors of a fixed length, but {what} `{found}`",
                hint="Declare the result as pxt.Array[(n,), pxt.Float], or pass embedding=<function>.",
            )
        lengths.add(known)
    if len(lengths) > 1:
        raise InvalidArgument(f"the embedding functions yield vectors of different lengths: {sorted(lengths)}")
    return int(lengths.pop())


def _existing(table: TableRecord, column: ColumnRecord, new: NewIndex) -> IndexRecord | None:
    if any(index.name == new.name for index in table.btrees):
        raise IndexTaken(str(new.name), table=table.path)
    for index in table.indexes:
        if index.name == new.name:
            return index
        if new.name is None and index.column == column.id and is_same(index, new):
            return index
    return None


def is_same(index: IndexRecord, new: NewIndex) -> bool:
    """Whether an index of a column measures and embeds as a new one would."""
    mine = dict(index.embeddings)
    alike = (index.metric, index.precision) == (new.metric, new.precision) and mine.keys() == dict(
        new.embeddings
    ).keys()
    return alike and all(same_definition(mine[modality], expr) for modality, expr in new.embeddings.items())


def _unfinished(
    session: Session, connection: Connection, table: TableRecord, column: ColumnRecord, new: NewIndex
) -> JobRecord | None:
    """A job that a process died over, for the same index: it is continued, with the function as it is now."""
    for job in jobs.jobs_of(connection, table.id):
        if job.index is None or job.index.column != column.id or new.name not in (None, job.index.name):
            continue
        if not jobs.try_own_until_commit(connection, job.id):
            raise BeingAdded("index", job.index.name)
        if is_same(job.index, new):
            return _renewed(
                session, connection, table, job, replace(job.index, embeddings=tuple(new.embeddings.items()))
            )
        raise InvalidState(
            f"index {job.index.name!r} was left unfinished with another definition",
            hint=f"Drop it first with drop_embedding_index(idx_name={job.index.name!r}).",
        )
    return None


def _renewed(
    session: Session, connection: Connection, table: TableRecord, job: JobRecord, index: IndexRecord
) -> JobRecord:
    assert job.index is not None
    if encode_index(index) == encode_index(job.index):
        return job
    for _, expr in index.embeddings:
        store_functions(session, connection, expr)
    store.save_schema(connection, with_index(table, index))
    renewed = take_up(connection, table, job, column=None, index=index)
    jobs.update_job(connection, renewed)
    return renewed


def give_up_index(session: Session, table_id: int, name: str, new: NewIndex) -> None:
    """Drop such an index if it was left unfinished."""

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        column = table.column(new.column)
        for job in jobs.jobs_of(connection, table.id):
            index = job.index
            if index is None or index.column != column.id or new.name not in (None, index.name):
                continue
            if is_same(index, new) and jobs.try_own_until_commit(connection, job.id):
                _drop_embedding(connection, table, index)
                return

    session.change_schema(work)


def drop_index(
    session: Session,
    table_id: int,
    name: str,
    *,
    column: str | None,
    index_name: str | None,
    kind: str | None,
    if_not_exists: str,
) -> None:
    """Take an index out of the table; `kind` is 'embedding', 'btree', or None for either.

    Raises:
        UnknownIndex, InvalidArgument: see `Table.drop_index`.
    """
    if (column is None) == (index_name is None):
        raise InvalidArgument("exactly one of `column` and `idx_name` says which index to drop")

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        indexes = _of_kind(table, kind)
        found = _chosen(table, indexes, column, index_name)
        if isinstance(found, IndexRecord):
            _drop_embedding(connection, table, found)
        elif found is not None:
            drop_btree(connection, table, found)
        elif if_not_exists == "error":
            subject = f"table {table.path!r}" if column is None else f"column {column!r} of table {table.path!r}"
            asked = "" if index_name is None else f", asked for {index_name!r},"
            raise UnknownIndex(f"{subject}{asked}", known=[index.name for index in indexes])

    session.change_schema(work)


def _of_kind(table: TableRecord, kind: str | None) -> list[IndexRecord | BtreeRecord]:
    embedding = [] if kind == "btree" else table.indexes
    return [*embedding, *([] if kind == "embedding" else table.btrees)]


def _chosen(
    table: TableRecord, indexes: Sequence[IndexRecord | BtreeRecord], column: str | None, index_name: str | None
) -> IndexRecord | BtreeRecord | None:
    if column is None:
        return next((index for index in indexes if index.name == index_name), None)
    column_id = table.column(column).id
    found = [index for index in indexes if column_id in _columns_of(index)]
    if len(found) > 1:
        names = ", ".join(index.name for index in found)
        raise InvalidArgument(
            f"column {column!r} of table {table.path!r} has several indexes: {names}",
            hint="Choose one with idx_name='...'.",
        )
    return found[0] if found else None


def _columns_of(index: IndexRecord | BtreeRecord) -> set[int]:
    if isinstance(index, IndexRecord):
        return {index.column}
    return {column for key in index.keys for column in referred_columns(key)}


def _drop_embedding(connection: Connection, table: TableRecord, index: IndexRecord) -> None:
    saved = store.save_schema(connection, without_index(table, index))
    if index.status == "ready":
        store.record_schema_version(connection, saved, op=next_op(connection), change=f"Deleted index: {index.name}")
        return
    for job in jobs.jobs_of(connection, table.id):
        if job.index is not None and job.index.id == index.id:
            jobs.delete_job(connection, job.id)
            store.save_schema(connection, replace(saved, heaps=tuple(h for h in saved.heaps if h != job.heap)))
            drop_heap(connection, job.heap)


def without_index(table: TableRecord, index: IndexRecord) -> TableRecord:
    """The table without an index; its vectors stay until the table is dropped, so that this can be reverted."""
    return replace(table, indexes=tuple(other for other in table.indexes if other.id != index.id))
