"""Which code computes what is stored: the functions behind columns and indexes, and stamps of what they computed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pixeltable.catalog.jobs import JobRecord
from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exceptions import SchemaChanged
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call, FunctionSpec
from pixeltable.exprs.expr import Expr, all_nodes_in, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.lazy import psycopg
from pixeltable.session.known_stamps import KnownStamp
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.numbers import next_op
from pixeltable.storage.stamps import Codes, intern_stamp, stamp_job
from pixeltable.udfs.function import Function


def called(expr: Expr, table: TableRecord | None = None) -> Iterator[FunctionSpec]:
    """The functions that an expression calls, also in queries and tools, and by columns of `table` not stored."""
    for node in all_nodes_in(expr):
        if isinstance(node, Call | Aggregate):
            yield node.call_function
        elif table is not None and isinstance(node, ColumnRef):
            source = table.column_by_id(node.ref_column)
            if source is not None and source.heap is None and source.expr is not None:
                yield from called(source.expr, table)


@dataclass(frozen=True, slots=True)
class CodeTarget:
    """What is stored and computed by code: a column, or the vectors of an index over it."""

    id: int
    column: ColumnRecord
    index: IndexRecord | None
    heap: Heap
    functions: tuple[FunctionSpec, ...]
    definitions: Codes = field(default_factory=dict)
    """The definitions behind a column that were given to columns later than their first: they count as code too."""

    @property
    def status(self) -> str:
        return self.column.status if self.index is None else self.index.status

    @property
    def recorded(self) -> Codes:
        """The code as it was when the target was defined."""
        return _recorded(self.functions)


def _recorded(functions: Sequence[FunctionSpec]) -> Codes:
    return {spec.path: spec.code for spec in functions}


def code_targets(table: TableRecord) -> list[CodeTarget]:
    """What code computes in a table, whatever its status: columns in their order, then indexes."""
    found = []
    for column in table.columns:
        if column.expr is not None and column.heap is not None:
            functions = tuple(called(column.expr, table))
            definitions = dict(_definitions(column, table))
            found.append(CodeTarget(column.id, column, None, table.heap(column.heap), functions, definitions))
    for index in table.indexes:
        column_of = table.column_by_id(index.column)
        assert column_of is not None
        functions = tuple(spec for _, expr in index.embeddings for spec in called(expr, table))
        found.append(CodeTarget(index.id, column_of, index, table.heap(index.id), functions))
    return [target for target in found if target.functions or target.definitions]


DEFINITION = "definition:"
"""What stands before the id of a column where codes are of functions otherwise."""


def _definitions(column: ColumnRecord, table: TableRecord) -> Iterator[tuple[str, str]]:
    """The present definition of a column that had another before, and of those it reads that are not stored."""
    if column.redefined:
        yield f"{DEFINITION}{column.id}", str(column.redefined)
    assert column.expr is not None
    for node in nodes_in(column.expr):
        source = table.column_by_id(node.ref_column) if isinstance(node, ColumnRef) else None
        if source is not None and source.heap is None and source.expr is not None:
            yield from _definitions(source, table)


def stamp_of(
    session: Session, table: TableRecord, columns: Sequence[ColumnRecord], indexes: Sequence[IndexRecord]
) -> int | None:
    """The stamp of an operation that computes these columns and indexes; None if functions compute nothing there.

    The database is asked when an operation is the first of its kind, or a function has been declared anew since.

    Raises:
        SchemaChanged: the table was dropped.
    """
    key = (table.id, *(column.id for column in columns), *(index.id for index in indexes))
    known = session.stamps.get(key)
    if known is None or not known.holds(table.schema_version):
        known = session.stamps[key] = _new_stamp(session, table, frozenset(key[1:]))
    return known.stamp


def stamp_within(
    session: Session, connection: Connection, table: TableRecord, columns: Sequence[ColumnRecord]
) -> int | None:
    """As `stamp_of`, in the caller's transaction, for an operation that there will be but once."""
    found = _computed_by(session, table, {column.id for column in columns})
    return None if found is None else intern_stamp(connection, table.id, found[1])


def _new_stamp(session: Session, table: TableRecord, computed: frozenset[int]) -> KnownStamp:
    found = _computed_by(session, table, computed)
    if found is None:
        return KnownStamp(table.schema_version, (), None)
    functions, codes = found
    try:
        stamp = session.database.read(lambda connection: intern_stamp(connection, table.id, codes))
    except psycopg.errors.ForeignKeyViolation:
        raise SchemaChanged(table.path) from None
    return KnownStamp(table.schema_version, tuple(functions.items()), stamp)


def _computed_by(
    session: Session, table: TableRecord, computed: Collection[int]
) -> tuple[dict[str, Function], dict[int, Codes]] | None:
    """The functions that compute these columns and indexes, and their code; None if none of the table needs any."""
    targets = code_targets(table)
    if not targets:
        return None
    chosen = [target for target in targets if target.id in computed]
    functions = {spec.path: session.find_function(spec) for target in chosen for spec in target.functions}
    codes: dict[int, Codes] = {
        t.id: {**{spec.path: functions[spec.path].spec.code for spec in t.functions}, **t.definitions} for t in chosen
    }
    return functions, codes


def take_up(
    connection: Connection,
    table: TableRecord,
    job: JobRecord,
    *,
    column: ColumnRecord | None,
    index: IndexRecord | None,
) -> JobRecord:
    """A job with its target as it is defined now, in the caller's transaction.

    What it computed before by other code keeps the operation, and with it the stamp; the rest gets another.
    """
    before = _recorded(_functions(table, job.column, job.index))
    renewed = replace(job, column=column, index=index)
    if before == _recorded(_functions(table, column, index)):
        return renewed
    stamp_job(connection, table.id, job.op, intern_stamp(connection, table.id, {_target_id(job): before}))
    return replace(renewed, op=next_op(connection))


def _functions(table: TableRecord, column: ColumnRecord | None, index: IndexRecord | None) -> tuple[FunctionSpec, ...]:
    exprs = [expr for _, expr in index.embeddings] if index is not None else []
    if column is not None and column.expr is not None:
        exprs.append(column.expr)
    return tuple(spec for expr in exprs for spec in called(expr, table))


def _target_id(job: JobRecord) -> int:
    target = job.column or job.index
    assert target is not None
    return target.id
