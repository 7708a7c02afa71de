"""Several tables as one: a record of all their columns, over which a query is planned like over a single table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from pixeltable.catalog.records import BtreeRecord, ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import AmbiguousColumn, ForeignColumn
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.query import How, Join, Moment
from pixeltable.plan.scope import Scope
from pixeltable.storage.heaps import BASE_ROW, Heap

_PLACES = 64
"""More tables than a query joins; ids are multiplied by it, so that what is of each source has ids of its own."""

_JOINED = -1
"""The id of the record of several tables; no table has it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table in a query, the alias that references to its columns carry, and the version as of which it is read."""

    record: TableRecord
    alias: str | None = None
    moment: Moment | None = None

    def without_alias(self, node: Expr) -> Expr | None:
        """A reference to a column of this table, the only one of a query, as one that says nothing of the alias.

        Raises:
            ForeignColumn: it is a reference to the table under its own name.
        """
        if not isinstance(node, ColumnRef) or node.ref_table != self.record.id:
            return None
        if node.ref_alias is None and self.moment is not None:
            return None  # columns of the table name those of a version of it
        if node.ref_alias is None:
            raise ForeignColumn([str(node)], table=f"{self.record.path} as {self.alias}", role="the query")
        return replace(node, ref_alias=None) if node.ref_alias == self.alias else None


@dataclass(frozen=True, slots=True)
class JoinedHeap(Heap):
    """A heap of the source at `place`; a table that is there twice has it under two names.

    Of the base of an exploded view, the heap of id `via` says which of its rows belongs to a row of the view.
    """

    place: int = 0
    stored: str = ""
    via: int | None = None

    @property
    def current(self) -> str:
        return self.stored

    @property
    def alias(self) -> str | None:
        return f"{self.stored.rpartition('.')[2]}_{self.place}"


@dataclass(frozen=True, slots=True)
class JoinedColumn(ColumnRecord):
    """A column of a source; `stored_name` is what its heap calls it."""

    stored_name: str = ""

    @property
    def db_name(self) -> str:
        return self.stored_name


@dataclass(frozen=True, slots=True)
class JoinedRecord(TableRecord):
    """The columns of all sources, one after the other, with names of their own; `joins` says how rows come together."""

    sources: tuple[Source, ...] = ()
    joins: tuple[tuple[How, Expr | None], ...] = ()


def joined_record(sources: Sequence[Source], joins: Sequence[Join]) -> JoinedRecord:
    """The record of several tables.

    Raises:
        ForeignColumn, AmbiguousColumn: a condition refers to a column of none, or of several of them.
    """
    columns: list[ColumnRecord] = []
    for place, source in enumerate(sources):
        may_lack = _may_lack(place, joins)
        for column in source.record.ready_columns:
            name = _free_name(column.name, {other.name for other in columns})
            columns.append(_joined_column(column, place, source, name=name, nullable=may_lack))
    heaps = [heap for place, source in enumerate(sources) for heap in _joined_heaps(source.record, place)]
    indexes = [
        _joined_index(index, place) for place, source in enumerate(sources) for index in source.record.known_indexes
    ]
    btrees = [_joined_btree(index, place, s) for place, s in enumerate(sources) for index in s.record.btrees]
    path = " join ".join(source.record.path for source in sources)
    conditions = tuple((join.how, None if join.on is None else resolved(join.on, sources, columns)) for join in joins)
    return JoinedRecord(
        _JOINED, None, path, path, tuple(columns), tuple(heaps), tuple(indexes), tuple(btrees),
        schema_version=sum(source.record.schema_version for source in sources),
        sources=tuple(sources), joins=conditions,
    )  # fmt: skip


def _joined_heaps(record: TableRecord, place: int) -> Iterator[JoinedHeap]:
    """The heaps of a source, and of what it is a view of."""
    via = None
    for table in record.lineage:
        for heap in table.heaps:
            yield JoinedHeap(_id(heap.id, place), heap.columns, heap.vectors, heap.as_of, place, heap.current, via)
        if table.is_exploded:
            via = _id(table.row_heap.id, place)


def _id(stored: int, place: int) -> int:
    return stored * _PLACES + place


def _may_lack(place: int, joins: Sequence[Join]) -> bool:
    """Whether a row of the result may have nothing of the source at this place."""
    own = place > 0 and joins[place - 1].how in ("left", "full_outer")
    return own or any(join.how in ("right", "full_outer") for join in joins[place:])


def _free_name(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(found for number in count(1) if (found := f"{name}_{number}") not in taken)


def _joined_column(column: ColumnRecord, place: int, source: Source, *, name: str, nullable: bool) -> ColumnRecord:
    expr = column.expr
    if expr is not None and column.heap is None:
        expr = rebuild(expr, lambda node: _joined_ref(node, place, source) if isinstance(node, ColumnRef) else None)
    column_type = column.type.with_nullable(column.type.nullable or nullable)
    heap = None if column.heap is None else _id(column.heap, place)
    return JoinedColumn(
        _id(column.id, place), name, column_type, heap, expr, status=column.status, stored_name=column.db_name
    )


def _joined_index(index: IndexRecord, place: int) -> IndexRecord:
    return replace(index, id=_id(index.id, place), column=_id(index.column, place))


def _joined_btree(index: BtreeRecord, place: int, source: Source) -> BtreeRecord:
    def joined(node: Expr) -> Expr | None:
        return _joined_ref(node, place, source) if isinstance(node, ColumnRef) else None

    keys = tuple(rebuild(key, joined) for key in index.keys)
    return replace(index, keys=keys, heap=_id(index.heap, place))


def _joined_ref(ref: ColumnRef, place: int, source: Source) -> ColumnRef:
    record = source.record.column_by_id(ref.ref_column)
    found = ref.ref_type if record is None else record.type
    return ColumnRef(_id(ref.ref_column, place), _JOINED, ref.ref_name if record is None else record.name, found)


def resolved(expr: Expr, sources: Sequence[Source], columns: Sequence[ColumnRecord]) -> Expr:
    """An expression over the sources as one over the record of all of them, which has these columns.

    Raises:
        ForeignColumn: it refers to a column of another table.
        AmbiguousColumn: to one of a table that is there more than once, by no alias.
    """

    def joined(node: Expr) -> Expr | None:
        if not isinstance(node, ColumnRef) or node.ref_table == _JOINED:
            return None
        places = [
            place
            for place, source in enumerate(sources)
            if source.record.id == node.ref_table and node.ref_alias == source.alias
        ] or [
            place
            for place, source in enumerate(sources)
            if node.ref_alias == source.alias and any(node.ref_table == record.id for record in source.record.lineage)
        ]
        if len(places) > 1:
            raise AmbiguousColumn(str(node), table=sources[places[0]].record.path)
        if not places:
            tables = ", ".join(source.record.path for source in sources)
            raise ForeignColumn([str(node)], table=tables, role="the query")
        (place,) = places
        joined_id = _id(node.ref_column, place)
        types = [column.type for column in columns if column.id == joined_id]
        stored = sources[place].record.column_by_id(node.ref_column)
        name = node.ref_name if stored is None else stored.name
        return ColumnRef(joined_id, _JOINED, name, types[0] if types else node.ref_type)

    return rebuild(expr, joined)


class JoinScope(Scope):
    """The heaps that a statement over several tables reads; the first heap of each knows its rows."""

    def __init__(
        self,
        table: JoinedRecord,
        variables: Mapping[str, Sql],
        *,
        clocks_agree: Callable[[], bool],
        texts_agree: Callable[[], bool],
    ) -> None:
        super().__init__(table, variables, clocks_agree=clocks_agree, texts_agree=texts_agree)
        first: dict[int, JoinedHeap] = {}
        for heap in table.heaps:
            assert isinstance(heap, JoinedHeap)
            first.setdefault(heap.place, heap)
        self._row_heaps = [self.heap(first[place]) for place in sorted(first)]
        for heap in table.heaps:
            if isinstance(heap, JoinedHeap) and heap.via is not None:
                self.heap(table.heap(heap.via))
        self._joins = table.joins
        self.conditions: list[Sql] = []
        """The condition of each join, in SQL."""

    @property
    def row_keys(self) -> list[Sql]:
        """What puts rows into the order of insertion: into the first table, then into the others."""
        return [clause.c.row for clause in self._row_heaps]

    @property
    def row_number(self) -> Sql:
        """The place of a row among all rows, in the order of `row_keys`."""
        return sa.func.row_number().over(order_by=self.row_keys)

    def from_clause(self) -> sa.FromClause:
        """The heaps of each source joined by row, and these as the query joins the sources."""
        joined = self._rows_of(0)
        for place, ((how, _), condition) in enumerate(zip(self._joins, self.conditions, strict=True), start=1):
            other = self._rows_of(place)
            if how == "right":
                joined = other.outerjoin(joined, condition)
            else:
                joined = joined.join(other, condition, isouter=how == "left", full=how == "full_outer")
        return joined

    def _rows_of(self, place: int) -> sa.FromClause:
        rows = self._row_heaps[place]
        joined: sa.FromClause = rows
        for heap, clause in self.used.items():
            if isinstance(heap, JoinedHeap) and heap.place == place and clause is not rows:
                row = rows.c.row if heap.via is None else self.heap(self.table.heap(heap.via)).c[BASE_ROW]
                joined = joined.outerjoin(clause, clause.c.row == row)
        return joined
