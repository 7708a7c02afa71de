"""The tables a statement reads: which heap has a column, and which heaps the statement needs joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import UnknownColumn
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.storage.heaps import BASE_ROW, Heap
from pixeltable.storage.past import entries_sql
from pixeltable.types.column_type import (
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)


@cache
def _sa_types() -> dict[type[ColumnType], type[sa.types.TypeEngine[Any]]]:
    return {
        StringType: sa.Text,
        IntType: sa.BigInteger,
        FloatType: sa.Double,
        BoolType: sa.Boolean,
        DateType: sa.Date,
        JsonType: postgresql.JSONB,
    }


def sa_type(column_type: ColumnType) -> sa.types.TypeEngine[Any]:
    """The SQLAlchemy type of a column's cells; media are their URL, arrays and binary bytes."""
    if isinstance(column_type, TimestampType):
        return sa.DateTime(timezone=True)
    if isinstance(column_type, UUIDType):
        return sa.Uuid()
    return _sa_types().get(type(column_type), sa.LargeBinary)()


@dataclass(frozen=True, slots=True)
class Pushdown:
    """That SQL gets what it can do; with None in its place it gets stored cells alone.

    What goes by the clocks of the session's zone is part of it if `clocks_agree`, which is asked when there is any; the
    order of Json if `texts_agree`, since the texts within are in the order of the database.
    """

    clocks_agree: Callable[[], bool] = lambda: True
    texts_agree: Callable[[], bool] = lambda: True


class Scope:
    """Collects, while a statement is put together, the heaps it reads. Heap 0 is always read: it knows the rows.

    `variables` are the parameters of a query that the statement is to have values of. `clocks_agree` and `texts_agree`
    are those of `Pushdown`.
    """

    def __init__(
        self,
        table: TableRecord,
        variables: Mapping[str, Sql] = MappingProxyType({}),
        *,
        clocks_agree: Callable[[], bool] = lambda: True,
        texts_agree: Callable[[], bool] = lambda: True,
    ) -> None:
        self.table = table
        self.clocks_agree = clocks_agree
        self.texts_agree = texts_agree
        self.variables = variables
        self.used: dict[Heap, sa.FromClause] = {}
        self.rows = self.heap(table.row_heap)
        for source in table.lineage:
            if source.is_exploded:  # it knows which row of the base each of its rows is of
                self.heap(source.row_heap)

    def heap(self, heap: Heap) -> sa.FromClause:
        """The entries of a heap, which are joined from now on."""
        if heap not in self.used:
            self.used[heap] = _table_clause(heap) if heap.as_of is None else _past_clause(heap)
        return self.used[heap]

    @property
    def row_keys(self) -> list[Sql]:
        """What puts rows into the order of insertion, those of an exploded view into that of its base and its list."""
        exploded = [source for source in self.table.lineage if source.is_exploded]
        if not exploded:
            return [self.rows.c.row]
        first = self.heap(exploded[-1].row_heap).c[BASE_ROW]
        return [first, *(self.heap(view.row_heap).c[view.columns[0].db_name] for view in reversed(exploded))]

    @property
    def row_number(self) -> Sql:
        """A number that is greater for rows inserted later."""
        keys = self.row_keys
        return keys[0] if len(keys) == 1 else sa.func.row_number().over(order_by=keys)

    def row_of(self, heap: Heap) -> Sql:
        """The row of a heap that belongs to a row of the table: of a heap of its base, the row it is of."""
        row: Sql = self.rows.c.row
        for source in self.table.lineage:
            if heap in source.heaps:
                return row
            if source.is_exploded:
                row = self.heap(source.row_heap).c[BASE_ROW]
        return row

    def record(self, ref: ColumnRef) -> ColumnRecord:
        """The column a reference means.

        Raises:
            UnknownColumn: it was dropped since.
        """
        found = self.table.column_by_id(ref.ref_column)
        if found is None:
            known = [column.name for column in self.table.ready_columns]
            raise UnknownColumn(ref.ref_name, table=self.table.path, known=known)
        return found

    def column(self, record: ColumnRecord) -> sa.ColumnElement[Any]:
        """The cells of a stored column."""
        assert record.heap is not None
        column = self.heap(self.table.heap(record.heap)).c[record.db_name]
        return sa.type_coerce(column, sa_type(record.type))

    def errors(self, record: ColumnRecord) -> sa.ColumnElement[Any]:
        """Why cells of a stored column failed: a JSON object, or null."""
        assert record.heap is not None
        errors = self.heap(self.table.heap(record.heap)).c.errors
        return sa.type_coerce(errors, postgresql.JSONB)[record.db_name]

    def vector(self, index: IndexRecord) -> sa.ColumnElement[Any]:
        """The vectors of an index."""
        return self.heap(self.table.heap(index.id)).c["vector"]

    def from_clause(self) -> sa.FromClause:
        """Heap 0 and what else is used, joined by row; LEFT, since a backfill may not have reached a row yet."""
        return self.joined_to(self.rows, without=(self.rows,))

    def joined_to(self, start: sa.FromClause, *, without: Collection[sa.FromClause]) -> sa.FromClause:
        """What else is used, joined to what has `rows` in it."""
        joined = start
        for heap, clause in self.used.items():
            if not any(clause is other for other in without):
                joined = joined.outerjoin(clause, clause.c.row == self.row_of(heap))
        return joined


def _names(heap: Heap) -> tuple[str, ...]:
    return ("row", "op_in", *(column.name for column in heap.columns), "errors")


def _past_clause(heap: Heap) -> sa.FromClause:
    """What was in a heap, which the planner of the database sees through."""
    query = sa.text(entries_sql(heap).removeprefix("(").removesuffix(")"))
    entries = query.columns(*(sa.column(name) for name in _names(heap)))
    return entries.subquery(heap.alias or f"{heap.current.rpartition('.')[2]}_past")


@cache
def _table_clause(heap: Heap) -> sa.FromClause:
    schema, name = heap.current.split(".")
    clause = sa.table(name, *(sa.column(name) for name in _names(heap)), schema=schema)
    return clause if heap.alias is None else clause.alias(heap.alias)
