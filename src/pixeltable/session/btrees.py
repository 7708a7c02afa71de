"""Adding and dropping b-tree indexes, while readers and writers go on; what they are in SQL is in `plan.btrees`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog import store
from pixeltable.catalog.records import BtreeRecord, ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import (
    BeingAdded,
    ConstraintViolation,
    IndexTaken,
    InvalidArgument,
    InvalidState,
    TypeMismatch,
    Unsupported,
)
from pixeltable.exprs.expr import Expr, nodes_in, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.operators import Arithmetic, Cast, Negate
from pixeltable.exprs.shift import Shift
from pixeltable.lazy import psycopg
from pixeltable.plan import btrees
from pixeltable.plan.bind import bind, refuse_pending
from pixeltable.plan.sql import IN_SQL
from pixeltable.session.claims import claimed_id, is_unclaimed
from pixeltable.session.refused_keys import repeated_text, too_long
from pixeltable.session.session import Session
from pixeltable.session.turns import after_others
from pixeltable.session.upkeep import analyse_soon
from pixeltable.storage.database import Connection
from pixeltable.storage.numbers import next_op
from pixeltable.types.column_type import BoolType, JsonType

_MAY_FAIL: tuple[type[Expr], ...] = (Arithmetic, Cast, Negate, Shift)
"""What fails for some values; in an index it would refuse their rows."""


@dataclass(frozen=True, slots=True)
class NewBtree:
    """A b-tree index to add."""

    name: str | None
    keys: tuple[Expr, ...]
    unique: bool


def add_btree(session: Session, table_id: int, name: str, new: NewBtree, *, if_exists: str) -> None:
    """Add an index; readers and writers go on while it is built.

    Raises:
        IndexTaken, InvalidArgument, TypeMismatch, Unsupported, ConstraintViolation: see `Table.add_btree_index`.
    """
    after_others(lambda: _add(session, table_id, name, new, if_exists), if_exists=if_exists)


def _add(session: Session, table_id: int, name: str, new: NewBtree, if_exists: str) -> None:
    with claimed_id(session) as (connection, index_id):
        index = session.change_schema(
            lambda connection, catalog: _register(
                connection, catalog.table(table_id, name=name), new, index_id, if_exists=if_exists
            )
        )
        if index is None:
            return
        try:
            _build(connection, session.table(table_id, name), index)
            session.change_schema(
                lambda connection, catalog: _finish(connection, catalog.table(table_id, name=name), index)
            )
        except BaseException:
            _withdraw(session, table_id, name, index)
            raise
    analyse_soon(session, session.table(table_id, name).heap(index.heap))


def _register(
    connection: Connection, table: TableRecord, new: NewBtree, index_id: int, *, if_exists: str
) -> BtreeRecord | None:
    if table.default_indexes:
        raise Unsupported(f"table {table.path!r} was created with has_default_idxs=True and has its b-tree indexes")
    keys = bound_keys(new, table)
    table = _without_abandoned(connection, table)
    same = _existing(table, new.name, keys, unique=new.unique)
    if same is not None:
        if if_exists != "ignore":
            raise IndexTaken(same, table=table.path)
        if any(index.name == same and index.status == "building" for index in table.btrees):
            raise BeingAdded("index", same)
        return None
    index = BtreeRecord(index_id, new.name or free_name(table), keys, _common_heap(table, keys), new.unique, "building")
    if btrees.index_statement(table, index, concurrently=True) is None:
        raise _not_in_sql(keys)
    store.save_schema(connection, _with_btree(table, index))
    return index


def bound_keys(new: NewBtree, table: TableRecord) -> tuple[Expr, ...]:
    """The keys of an index over a table, checked as far as that goes without the database.

    Raises:
        InvalidArgument, TypeMismatch, Unsupported, UnknownColumn: see `Table.add_btree_index`.
    """
    keys = tuple(_bound_key(key, table) for key in new.keys)
    _check_number(keys)
    if new.unique:
        _check_columns(keys)
    return keys


def _check_number(keys: Sequence[Expr]) -> None:
    if not 0 < len(keys) <= btrees.MOST_KEYS:
        raise InvalidArgument(f"a b-tree index has 1 to {btrees.MOST_KEYS} keys, got {len(keys)}")


def _check_columns(keys: Sequence[Expr]) -> None:
    for key in keys:
        if not isinstance(key, ColumnRef):
            raise Unsupported(
                f"a unique index is over columns, not over `{key}`",
                hint="Add it as a computed column, and index that.",
            )


def _not_in_sql(keys: Sequence[Expr]) -> Unsupported:
    text = ", ".join(map(str, keys))
    return Unsupported(
        f"`{text}` cannot be indexed, since the database cannot compute it by itself, always with the same result",
        hint="Add it as a computed column, and index that.",
    )


def _bound_key(key: Expr, table: TableRecord) -> Expr:
    bound = bind(key, table, role="add_btree_index()")
    refuse_pending(bound, table, role="add_btree_index()")
    is_column = isinstance(bound, ColumnRef)
    if not isinstance(bound.col_type, IN_SQL) and (is_column or not isinstance(bound.col_type, JsonType)):
        raise TypeMismatch(
            f"a b-tree index cannot hold `{key}`, which has type `{bound.col_type}`",
            hint="It holds strings, numbers, times, dates, UUIDs, and what a path into Json leads to.",
        )
    if not referred_columns(bound):
        raise InvalidArgument(f"`{key}` refers to no column, so there is nothing to index")
    failing = next((node for node in nodes_in(bound) if isinstance(node, _MAY_FAIL)), None)
    if failing is not None:
        raise Unsupported(
            f"`{failing}` fails for some values, and rows with them could not be inserted",
            hint="Add it as a computed column, and index that.",
        )
    return bound


def _common_heap(table: TableRecord, keys: Sequence[Expr]) -> int:
    """The heap that has all columns of the keys."""
    columns = [table.column_by_id(column) for key in keys for column in sorted(referred_columns(key))]
    heaps = {column.heap: column.name for column in columns if column is not None and column.heap is not None}
    if len(heaps) > 1:
        one, other, *_ = heaps.values()
        raise Unsupported(
            f"columns {one!r} and {other!r} were added at different times and are stored apart, "
            "so one index cannot hold both",
            hint="Index each by itself; a filter on both uses both.",
        )
    ((heap, name),) = heaps.items()
    if all(own.id != heap for own in table.heaps):
        raise Unsupported(
            f"column {name!r} of view {table.path!r} is one of its base", hint="Add the index to the base."
        )
    return heap


def _existing(table: TableRecord, name: str | None, keys: Sequence[Expr], *, unique: bool) -> str | None:
    """The name of the index that is there already: of that name, or, if none is given, over the same keys."""
    if name is not None:
        return name if name in _names(table) else None
    wanted = [structure(key) for key in keys]
    alike = (i for i in table.btrees if [structure(key) for key in i.keys] == wanted and i.unique == unique)
    return next((index.name for index in alike), None)


def _names(table: TableRecord) -> set[str]:
    return {index.name for index in table.indexes} | {index.name for index in table.btrees}


def refuse_taken(table: TableRecord, name: str | None) -> None:
    """Check that no index has that name.

    Raises:
        IndexTaken: one has.
    """
    if name is not None and name in _names(table):
        raise IndexTaken(name, table=table.path)


def free_name(table: TableRecord) -> str:
    """A name for an index that no other has."""
    taken = _names(table)
    return next(name for number in range(len(taken) + 1) if (name := f"idx{number}") not in taken)


def _with_btree(table: TableRecord, index: BtreeRecord) -> TableRecord:
    return replace(table, btrees=(*(other for other in table.btrees if other.id != index.id), index))


def _without_btree(table: TableRecord, index: BtreeRecord) -> TableRecord:
    return replace(table, btrees=tuple(other for other in table.btrees if other.id != index.id))


def _without_abandoned(connection: Connection, table: TableRecord) -> TableRecord:
    """The table without indexes that a process died over while it built them."""
    for index in table.btrees:
        if index.status == "building" and is_unclaimed(connection, index.id):
            _drop(connection, index)
            table = store.save_schema(connection, _without_btree(table, index))
    return table


def _build(connection: Connection, table: TableRecord, index: BtreeRecord) -> None:
    statement = btrees.index_statement(table, index, concurrently=True)
    assert statement is not None
    try:
        connection.execute(statement)
        if index.unique:
            _check_at_the_end(connection, table, index)
    except psycopg.errors.UniqueViolation as error:
        raise ConstraintViolation(
            f"index {index.name!r} of table {table.path!r} cannot be unique: {repeated_text(index.keys, error)} "
            "is there more than once",
            hint="Change or delete those rows first.",
        ) from None
    except psycopg.errors.InvalidObjectDefinition:
        raise _not_in_sql(index.keys) from None
    except psycopg.errors.ProgramLimitExceeded as error:
        raise too_long(table, index.name) from error


def _check_at_the_end(connection: Connection, table: TableRecord, index: BtreeRecord) -> None:
    """Have a statement checked when it is done: one may exchange the values of two rows."""
    connection.execute(
        f"ALTER TABLE {table.heap(index.heap).current} ADD CONSTRAINT {index.db_name} "
        f"UNIQUE USING INDEX {index.db_name} DEFERRABLE INITIALLY IMMEDIATE"
    )


def _finish(connection: Connection, table: TableRecord, index: BtreeRecord) -> None:
    if all(other.id != index.id for other in table.btrees):
        raise InvalidState(f"index {index.name!r} was dropped while it was built")
    saved = store.save_schema(connection, _with_btree(table, replace(index, status="ready")))
    store.record_schema_version(connection, saved, op=next_op(connection), change=f"Added index: {index.name}")


def _withdraw(session: Session, table_id: int, name: str, index: BtreeRecord) -> None:
    """Take back an index that could not be built."""

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        _drop(connection, index)
        if any(other.id == index.id for other in table.btrees):
            store.save_schema(connection, _without_btree(table, index))

    session.change_schema(work)


def _drop(connection: Connection, index: BtreeRecord) -> None:
    """Take an index out of the database; a unique one goes with its constraint."""
    found = connection.execute(
        "SELECT conrelid::regclass FROM pg_constraint WHERE conname = %s AND connamespace = 'pixeltable'::regnamespace",
        (index.db_name,),
    ).fetchone()
    if found is not None:
        connection.execute(f"ALTER TABLE {found[0]} DROP CONSTRAINT {index.db_name}")
    connection.execute(f"DROP INDEX IF EXISTS pixeltable.{index.db_name}")


def drop_btree(connection: Connection, table: TableRecord, index: BtreeRecord) -> None:
    """Take an index out of a table, in the caller's transaction.

    Raises:
        InvalidState: somebody is building it.
    """
    if index.status == "building" and not is_unclaimed(connection, index.id):
        raise InvalidState(f"index {index.name!r} is being built by another process", hint="Wait until it is done.")
    _drop(connection, index)
    saved = store.save_schema(connection, _without_btree(table, index))
    if index.status == "ready":
        store.record_schema_version(connection, saved, op=next_op(connection), change=f"Deleted index: {index.name}")


def follow(connection: Connection, before: TableRecord, after: TableRecord) -> None:
    """Have the database's indexes follow a schema that was taken back, or lost a column."""
    drop_gone(connection, before, after)
    create_new(connection, before, after)


def drop_gone(connection: Connection, before: TableRecord, after: TableRecord) -> None:
    """Drop the indexes that a schema has not any more; first, where rows come with it that they might refuse."""
    kept = {index.id for index in after.btrees}
    for index in before.btrees:
        if index.id not in kept:
            _drop(connection, index)


def create_new(connection: Connection, before: TableRecord, after: TableRecord) -> None:
    """Make the indexes that a schema has and the one before had not."""
    were = {index.id for index in before.btrees}
    for index in after.btrees:
        if index.id not in were:
            create_btree(connection, after, index)


def create_btree(connection: Connection, table: TableRecord, index: BtreeRecord) -> None:
    """Make the index in the database, in the caller's transaction."""
    statement = btrees.index_statement(table, index, concurrently=False)
    assert statement is not None
    connection.execute(statement)
    if index.unique:
        _check_at_the_end(connection, table, index)


def with_btree_on_unused(connection: Connection, table: TableRecord, new: NewBtree) -> TableRecord:
    """A table that has no rows, and gets none before the caller's transaction ends, with one more index.

    Raises:
        IndexTaken, InvalidArgument, TypeMismatch, Unsupported: see `Table.add_btree_index`.
    """
    keys = bound_keys(new, table)
    refuse_taken(table, new.name)
    (index_id,) = store.new_ids(connection, 1)
    index = BtreeRecord(index_id, new.name or free_name(table), keys, _common_heap(table, keys), new.unique)
    if btrees.index_statement(table, index, concurrently=False) is None:
        raise _not_in_sql(keys)
    create_btree(connection, table, index)
    return _with_btree(table, index)


def without_column_indexes(table: TableRecord, column: ColumnRecord) -> TableRecord:
    """The table without the b-tree indexes that a column is part of."""
    kept = tuple(i for i in table.btrees if not any(column.id in referred_columns(key) for key in i.keys))
    return replace(table, btrees=kept)


def with_default_btrees(connection: Connection, table: TableRecord) -> TableRecord:
    """A new table with an index for each column that can have one, as `has_default_idxs` says."""
    for column in table.columns:
        has_order = isinstance(column.type, IN_SQL) and not isinstance(column.type, BoolType)
        if column.heap is not None and not column.is_computed and has_order:
            (index_id,) = store.new_ids(connection, 1)
            index = BtreeRecord(index_id, free_name(table), (table.ref(column),), column.heap)
            create_btree(connection, table, index)
            table = _with_btree(table, index)
    return table
