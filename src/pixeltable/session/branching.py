"""Making a branch: a table of its own with the rows, cells, vectors and columns of a version of another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixeltable.catalog import store
from pixeltable.catalog.records import (
    BranchRecord,
    BtreeRecord,
    ColumnRecord,
    Fork,
    IndexRecord,
    TableRecord,
    referred_columns,
)
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import PathTaken, SchemaChanged, UnknownVersion, Unsupported
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.ids import Path
from pixeltable.index import vectors
from pixeltable.lazy import psycopg
from pixeltable.plan.query import Moment
from pixeltable.session.btrees import create_btree
from pixeltable.session.past import known_versions, newest_moment, record_at
from pixeltable.session.session import Session
from pixeltable.session.upkeep import look_after
from pixeltable.storage.copies import copy_heap, count_entries
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import (
    Heap,
    HeapColumn,
    create_current_without_index,
    create_heap,
    drop_heap,
    index_rows,
)
from pixeltable.storage.numbers import next_op


def branch(
    session: Session, table_id: int, name: str, path: Path, moment: Moment | None, *, if_exists: str
) -> tuple[TableRecord, int | None]:
    """Make a branch of a version of a table, the newest if none is given; how many rows it has, None if it was there.

    Writers of the table go on; nothing is computed. Rows keep their ids, by which they are known when it is merged.

    Raises:
        PathTaken, UnknownDirectory: see `Table.branch`.
        UnknownVersion: the version was taken back.
        Unsupported: it is a view.
    """

    def work() -> tuple[TableRecord, int | None]:
        catalog = session.refresh()
        there = _there(catalog, path, if_exists=if_exists)
        if there is not None:
            return there, None
        catalog.dir_id(path.parent)  # or nobody needs the copy
        then = moment or newest_moment(session, table_id, name)
        source = record_at(session, table_id, name, then)
        if source.view is not None:
            raise Unsupported(f"{name!r} is a {'snapshot' if source.is_snapshot else 'view'}", hint="Branch its base.")
        making = _Making(session.table(table_id, name), source, then, path, if_exists)
        try:
            made, count = session.change_schema(making.register, first=making.fill)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise SchemaChanged(name) from None
        return session.table(made.id, str(path)), count

    made, count = session.replanning(work)
    if count is not None:
        look_after(session, made, written=count)
    return made, count


def _there(catalog: Catalog, path: Path, *, if_exists: str) -> TableRecord | None:
    """The branch that is under a path, and may stay.

    Raises:
        PathTaken: something else is.
    """
    there = catalog.find_table(path)
    if there is not None and if_exists == "ignore" and there.branch is not None:
        return there
    kind = catalog.kind_at(path)
    if kind is not None:
        raise PathTaken(str(path), kind=kind)
    return None


@dataclass(slots=True)
class _Making:
    """The transaction that makes a branch; its parts may be done again, if the database was lost."""

    present: TableRecord
    source: TableRecord
    moment: Moment
    path: Path
    if_exists: str
    made: TableRecord | None = None
    count: int = 0

    def fill(self, connection: Connection) -> None:
        """Copy what is in the heaps, before anybody knows of the branch, and without keeping anybody waiting."""
        (table_id,) = store.new_ids(connection, 1)
        op = next_op(connection)
        copy = _Copy(connection, self.source, table_id, self.path)
        fork = Fork(0, op, self.moment.version, self.moment.op)
        branch = BranchRecord(self.present.id, tuple(copy.pairs), (fork,))
        made = replace(copy.table(), name=self.path.name, branch=branch)
        self.count = copy.fill(made, op)
        self.made = replace(made, btrees=copy.btrees(made, self.present))

    def register(self, connection: Connection, catalog: Catalog) -> tuple[TableRecord, int | None]:
        """Have the branch under its path; or the one that is there by now."""
        assert self.made is not None
        assert self.made.branch is not None
        there = _there(catalog, self.path, if_exists=self.if_exists)
        if there is not None:
            for heap in self.made.heaps:
                drop_heap(connection, heap)
            return there, None
        if catalog.table(self.present.id, name=self.present.path).schema_version != self.source.schema_version:
            raise SchemaChanged(self.present.path)
        made = replace(self.made, dir=catalog.dir_id(self.path.parent))
        (fork,) = self.made.branch.forks
        store.insert_table(connection, made, op=fork.own_op)
        store.restate_first_version(connection, made, inserts=self.count)
        _check_version(connection, made, fork)
        connection.execute(  # what the branch is compared with stays
            "INSERT INTO pixeltable.pins (snapshot, table_id, version) VALUES (%s, %s, %s)",
            (made.id, made.id, fork.own_version),
        )
        return made, self.count


def _check_version(connection: Connection, table: TableRecord, fork: Fork) -> None:
    """Check that the version that was copied is still there, so that its entries were while they were copied."""
    assert table.branch is not None
    base = table.branch.base
    found = connection.execute(
        "SELECT 1 FROM pixeltable.versions v JOIN pixeltable.heads h USING (table_id) "
        "WHERE v.table_id = %s AND v.version = %s AND v.op = %s AND v.version >= h.oldest",
        (base, fork.base_version, fork.base_op),
    ).fetchone()
    if found is None:
        asked = f"version {fork.base_version} any more, it was taken back by revert() or forgotten by vacuum()"
        raise UnknownVersion(asked, table=table.path, known=known_versions(connection, base))


def over_columns(expr: Expr, ids: Mapping[int, int], *, table_id: int) -> Expr:
    """An expression over columns of a table as one over those of another that these are, by `ids`."""

    def own(node: Expr) -> Expr | None:
        if not isinstance(node, ColumnRef) or node.ref_column not in ids:
            return None
        return replace(node, ref_column=ids[node.ref_column], ref_table=table_id)

    return rebuild(expr, own)


class _Copy:
    """A table like another, with ids of its own for all that is in it."""

    def __init__(self, connection: Connection, source: TableRecord, table_id: int, path: Path) -> None:
        heaps = [heap.id for heap in source.heaps]
        columns = [column.id for column in source.columns]
        ids = store.new_ids(connection, len(heaps) + len(columns))
        self._connection = connection
        self._source = source
        self._table_id = table_id
        self._path = path
        self._heap_ids = dict(zip(heaps, ids, strict=False))
        self._column_ids = dict(zip(columns, ids[len(heaps) :], strict=True))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The columns with those that they are copies of."""
        return [(own, other) for other, own in self._column_ids.items()]

    def table(self) -> TableRecord:
        """The record, without b-trees and without a place in the catalog."""
        source = self._source
        return replace(
            source,
            id=self._table_id,
            path=str(self._path),
            columns=tuple(map(self._column, source.columns)),
            heaps=tuple(map(self._heap, source.heaps)),
            indexes=tuple(map(self._index, source.indexes)),
            btrees=(),
            schema_version=0,
            created_at=None,
        )

    def _column(self, column: ColumnRecord) -> ColumnRecord:
        return replace(
            column,
            id=self._column_ids[column.id],
            heap=None if column.heap is None else self._heap_ids[column.heap],
            expr=None if column.expr is None else self._own(column.expr),
            version_added=0,
            redefined=0,
        )

    def _heap(self, heap: Heap) -> Heap:
        names = self._names(heap)
        columns = (HeapColumn(names[column.name], column.sql_type) for column in heap.columns if column.name in names)
        return Heap(self._heap_ids[heap.id], tuple(columns), heap.vectors)

    def _names(self, heap: Heap) -> dict[str, str]:
        """The columns of a heap, and what they are called in the copy."""
        if heap.vectors:
            return {column.name: column.name for column in heap.columns}
        members = [column for column in self._source.columns if column.heap == heap.id]
        return {column.db_name: self._column(column).db_name for column in members}

    def _index(self, index: IndexRecord) -> IndexRecord:
        embeddings = tuple((modality, self._own(expr)) for modality, expr in index.embeddings)
        return replace(index, id=self._heap_ids[index.id], column=self._column_ids[index.column], embeddings=embeddings)

    def _own(self, expr: Expr) -> Expr:
        """An expression over the columns of the copy."""
        return over_columns(expr, self._column_ids, table_id=self._table_id)

    def btrees(self, table: TableRecord, present: TableRecord) -> tuple[BtreeRecord, ...]:
        """The b-trees of the table as it is now, over columns that the copy has, made."""
        made = []
        for index in present.btrees:
            needed = set().union(*map(referred_columns, index.keys))
            if index.status == "ready" and index.heap in self._heap_ids and needed <= self._column_ids.keys():
                (index_id,) = store.new_ids(self._connection, 1)
                keys = tuple(map(self._own, index.keys))
                made.append(replace(index, id=index_id, keys=keys, heap=self._heap_ids[index.heap]))
                create_btree(self._connection, table, made[-1])
        return tuple(made)

    def fill(self, table: TableRecord, op: int) -> int:
        """Make the heaps and copy what is in those of the source; how many rows there are."""
        counts = [self._fill_heap(table, source, op) for source in self._source.heaps]
        return counts[0]

    def _fill_heap(self, table: TableRecord, source: Heap, op: int) -> int:
        connection, heap = self._connection, self._heap(source)
        if heap.vectors:
            vectors.create_vector_heap(connection, heap)
            vectors.make_room(connection, heap, count_entries(connection, source))
            return copy_heap(connection, source, heap, self._names(source), op=op)
        if source.id == self._source.row_heap.id:
            create_heap(connection, heap, key=tuple(column.db_name for column in table.primary_key))
            return copy_heap(connection, source, heap, self._names(source), op=op)
        create_current_without_index(connection, heap)
        count = copy_heap(connection, source, heap, self._names(source), op=op)
        index_rows(connection, heap)
        return count
