"""Renaming columns, and giving them another type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pixeltable.catalog import store
from pixeltable.catalog.records import BtreeRecord, ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ColumnTaken, ConstraintViolation, TypeMismatch, Unsupported
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.bind import renewed
from pixeltable.session.btrees import follow
from pixeltable.session.columns import namesake, refuse_unfinished
from pixeltable.session.defaults import default_of
from pixeltable.session.heads import lock_head
from pixeltable.session.session import Session
from pixeltable.session.sql_fill import SqlFill, create_filled
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, sql_type
from pixeltable.storage.numbers import next_op
from pixeltable.types.column_type import BoolType, ColumnType, FloatType, IntType, JsonType, StringType


def rename_column(session: Session, table_id: int, name: str, old: str, new: str) -> None:
    """Give a column another name, also in what is computed from it.

    Raises:
        UnknownColumn, ColumnTaken, InvalidState: see `Table.rename_column`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        column = table.own_column(old)
        taken = namesake(table, new)
        if taken is not None and (taken.id != column.id or new == old):
            raise ColumnTaken(new, table=table.path)
        refuse_unfinished(table, new)
        saved = store.save_schema(connection, with_present_refs(table.with_column(replace(column, name=new))))
        renew_views(connection, catalog, saved)
        store.record_schema_version(connection, saved, op=next_op(connection), change=f"Renamed: {old} to {new}")

    session.change_schema(work)


def renew_views(connection: Connection, catalog: Catalog, table: TableRecord) -> None:
    """Have the views over a table show its columns by the names they have now."""
    present = {table.id: table}
    for view in catalog.views_of(table.id):
        assert view.view is not None
        based = replace(view, base=present[view.view.base])
        present[view.id] = store.save_schema(connection, with_present_refs(based))


def with_present_refs(table: TableRecord) -> TableRecord:
    """The table with the names and types that its columns have now in all definitions."""
    columns = (c if c.expr is None else replace(c, expr=renewed(c.expr, table)) for c in table.columns)
    indexes = (
        replace(index, embeddings=tuple((modality, renewed(expr, table)) for modality, expr in index.embeddings))
        for index in table.indexes
    )
    btrees = (replace(index, keys=tuple(renewed(key, table) for key in index.keys)) for index in table.btrees)
    view = table.view
    if view is not None:
        where, explode = (None if expr is None else renewed(expr, table) for expr in (view.where, view.explode))
        view = replace(view, where=where, explode=explode)
    return replace(table, columns=tuple(columns), indexes=tuple(indexes), btrees=tuple(btrees), view=view)


_DIGITS = "(CASE WHEN scale({0}) = 0 THEN {0}::text || '.0' ELSE {0}::text END)::jsonb"
_POWER = "(floor(ln(abs({0})) / ln(2.0)) - 53)"
_ALL_DIGITS = (
    f"(trunc(({{0}} / power(2, {_POWER}))::bigint * power(2::numeric, {_POWER}::numeric))::text || '.0')::jsonb"
)


@dataclass(frozen=True, slots=True)
class _Conversion:
    """How cells become cells of another type: `{0}` stands for the cell; `refused` is true of those that cannot."""

    sql: str
    refused: str = "false"
    reason: str = ""


_TO_JSON = _Conversion("to_jsonb({0})")
_CONVERSIONS: Mapping[tuple[type[ColumnType], type[ColumnType]], _Conversion] = {
    (IntType, FloatType): _Conversion(
        "{0}::double precision",
        "{0} NOT BETWEEN -9007199254740992 AND 9007199254740992",
        "are beyond 2**53, where Float does not tell neighbouring numbers apart",
    ),
    (StringType, JsonType): _TO_JSON,
    (IntType, JsonType): _TO_JSON,
    (BoolType, JsonType): _TO_JSON,
    # As `types.json_text` writes them: with a decimal point, by which they are read as floats, and with all digits.
    (FloatType, JsonType): _Conversion(
        f"CASE WHEN abs({{0}}) < 1e16 THEN {_DIGITS.format('({0}::text::numeric)')} ELSE {_ALL_DIGITS} END",
        "{0} IN ('NaN', 'Infinity', '-Infinity')",
        "are NaN or infinite, which JSON has no form for",
    ),
}


def alter_column(session: Session, table_id: int, name: str, column_name: str, new_type: ColumnType) -> None:
    """Give a column another type that can hold all its cells; where their form differs, they get a heap of their own.

    The cells before stay where they are, for older versions, and for `revert()`.

    Raises:
        Unsupported, ConstraintViolation, TypeMismatch: see `Table.alter_column`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        column = table.own_column(column_name)
        if new_type == column.type:
            return
        check_alterable(table, column, new_type)
        default = None if column.default is None else column.default.value
        typed = replace(column, type=new_type, default=default_of(session, column.name, new_type, default))
        if _keeps_form(column, new_type):
            lock_head(connection, table)
            after = with_present_refs(table.with_column(typed))
        else:
            after = _converted(connection, table, column, typed)
        if column.type.nullable and not new_type.nullable:
            _refuse_null(connection, table, column)
        saved = store.save_schema(connection, after)
        follow(connection, table, saved)
        change = f"Altered: {column.name} from {column.type} to {new_type}"
        store.record_schema_version(connection, saved, op=next_op(connection), change=change)

    session.change_schema(work)


def check_alterable(table: TableRecord, column: ColumnRecord, new_type: ColumnType) -> None:
    """Check what can be known, without looking at its cells, of giving a column another type.

    Raises:
        Unsupported, ConstraintViolation: see `Table.alter_column`.
    """
    _refuse(table, column)
    if not _keeps_form(column, new_type):
        _conversion(column, new_type)
        for index in table.indexes:
            if index.column == column.id:
                raise _indexed(column, index.name)
        _check_btrees(table, column, new_type)


def _check_btrees(table: TableRecord, column: ColumnRecord, new_type: ColumnType) -> None:
    for index in table.btrees:
        is_alone = len(index.keys) == 1 and isinstance(index.keys[0], ColumnRef) and index.status == "ready"
        keeps_order = table.default_indexes or not isinstance(new_type, JsonType)
        if _is_over(index, column) and not (is_alone and keeps_order):
            raise _indexed(column, index.name)


def _is_over(index: BtreeRecord, column: ColumnRecord) -> bool:
    return any(column.id in referred_columns(key) for key in index.keys)


def _keeps_form(column: ColumnRecord, new_type: ColumnType) -> bool:
    return type(new_type) is type(column.type) and new_type.accepts(column.type)


def _refuse(table: TableRecord, column: ColumnRecord) -> None:
    if column.is_computed:
        raise Unsupported(
            f"column {column.name!r} is computed, so its type is that of its expression",
            hint="Use alter_computed_column().",
        )
    if table.view is not None and table.view.makes(column.id):
        raise Unsupported(f"column {column.name!r} is made by the iterator of the view, so its type cannot be altered")
    if column.primary_key:
        raise Unsupported(f"column {column.name!r} is part of the primary key, so its type cannot be altered")
    users = [
        other.name for other in table.columns if other.expr is not None and column.id in referred_columns(other.expr)
    ]
    if users:
        raise ConstraintViolation(
            f"the type of column {column.name!r} cannot be altered: {', '.join(users)} depend on it",
            hint="Drop them first, and add them again afterwards.",
        )


def _refuse_null(connection: Connection, table: TableRecord, column: ColumnRecord) -> None:
    """Check that no cell is null, while nobody can write."""
    assert column.heap is not None
    row = connection.execute(
        f"SELECT count(*) FROM {table.row_heap.current} r LEFT JOIN {table.heap(column.heap).current} h "
        f"ON h.row = r.row WHERE h.{column.db_name} IS NULL"
    ).fetchone()
    if row is not None and row[0]:
        raise ConstraintViolation(
            f"column {column.name!r} cannot reject null: it is null in {row[0]:,} rows",
            hint=f"Give them a value first: t.update({{{column.name!r}: ...}}, where=t.{column.name} == None).",
        )


def _converted(connection: Connection, table: TableRecord, column: ColumnRecord, typed: ColumnRecord) -> TableRecord:
    """The table with a column's cells in a new heap, in the form of another type."""
    conversion = _conversion(column, typed.type)
    assert column.heap is not None
    old, cell = table.heap(column.heap), column.db_name
    (heap_id,) = store.new_ids(connection, 1)
    heap = Heap(heap_id, (HeapColumn(cell, sql_type(typed.type)),))
    refused = conversion.refused.format(cell)
    statement = (
        f"INSERT INTO {heap.current} (row, op_in, {cell}) SELECT row, %s, {conversion.sql.format(cell)} "
        f"FROM {old.current} WHERE {cell} IS NOT NULL AND NOT ({refused})"
    )
    create_filled(connection, table, [SqlFill(heap, statement, (next_op(connection),))])
    row = connection.execute(f"SELECT count(*) FROM {old.current} WHERE {refused}").fetchone()
    if row is not None and row[0]:
        raise TypeMismatch(
            f"column {column.name!r} cannot become `{typed.type}`: {row[0]:,} of its cells {conversion.reason}",
            hint="Change those cells first.",
        )
    placed = replace(typed, heap=heap_id)
    after = replace(table.with_column(placed), heaps=(*table.heaps, heap))
    return with_present_refs(replace(after, btrees=tuple(_moved_btrees(connection, table, column, placed))))


def _conversion(column: ColumnRecord, new_type: ColumnType) -> _Conversion:
    found = _CONVERSIONS.get((type(column.type), type(new_type)))
    plain = not isinstance(new_type, JsonType) or new_type.schema is None
    if found is not None and plain:
        return found
    others = [f"`{kind.name}`" for source, kind in _CONVERSIONS if source is type(column.type)]
    raise Unsupported(
        f"column {column.name!r} of type `{column.type}` cannot become `{new_type}`",
        hint=f"It can accept null, or reject it{''.join(f', or become {other}' for other in others)}. For any other "
        "type add a column, and fill it with update().",
    )


def _moved_btrees(
    connection: Connection, table: TableRecord, column: ColumnRecord, placed: ColumnRecord
) -> Iterable[BtreeRecord]:
    """The table's b-tree indexes, that of the column over its new cells; a default one goes if they have no order."""
    assert placed.heap is not None
    for index in table.btrees:
        if not _is_over(index, column):
            yield index
        elif not isinstance(placed.type, JsonType):
            (index_id,) = store.new_ids(connection, 1)
            yield replace(index, id=index_id, heap=placed.heap)


def _indexed(column: ColumnRecord, index: str) -> ConstraintViolation:
    return ConstraintViolation(
        f"the type of column {column.name!r} cannot be altered: index {index!r} is over it",
        hint=f"Drop it first: drop_index(idx_name={index!r}).",
    )
