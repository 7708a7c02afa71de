"""Tables: making and dropping, and what a schema says about their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog import jobs, store
from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import (
    ConstraintViolation,
    InvalidArgument,
    InvalidPath,
    InvalidSchema,
    PathTaken,
    UnknownColumn,
    UnknownPath,
    Unsupported,
)
from pixeltable.exprs.expr import Expr, record
from pixeltable.exprs.leaves import as_expr
from pixeltable.ids import Path, check_column_name
from pixeltable.plan.bind import refuse_aggregates
from pixeltable.session.annotations import check_comment, check_custom_metadata
from pixeltable.session.btrees import with_default_btrees
from pixeltable.session.columns import lock_unused
from pixeltable.session.defaults import default_of
from pixeltable.session.heads import lock_lineage
from pixeltable.session.session import Session
from pixeltable.session.siblings import with_ids
from pixeltable.session.stored_functions import store_functions
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, create_heap, drop_heap, sql_type
from pixeltable.storage.numbers import next_op
from pixeltable.types.column_type import ArrayType, BinaryType, ColumnType, FloatType, JsonType, MediaType
from pixeltable.types.hints import type_from_form

_SPEC_KEYS = {
    "type", "value", "default", "primary_key", "stored", "media_validation", "destination", "custom_metadata",
    "comment",
}  # fmt: skip


@record
@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column as a schema declares it, checked."""

    name: str
    type: ColumnType
    expr: Expr | None = None
    primary_key: bool = False
    stored: bool = True
    default: Any = None
    comment: str | None = None
    custom_metadata: Any = None


@record
@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a table has beside its columns."""

    comment: str | None = None
    custom_metadata: Any = None
    media_validation: str = "on_write"
    default_indexes: bool = False


def column_specs(
    schema: Any, *, primary_key: str | list[str] | None, reserved: frozenset[str], over_base: bool = False
) -> list[ColumnSpec]:
    """The columns of a schema, checked; `over_base` if they may be computed from columns of a base.

    Raises:
        InvalidArgument, InvalidName, InvalidType, InvalidSchema, UnknownColumn: naming the column.
    """
    if not isinstance(schema, Mapping) or not schema:
        raise InvalidArgument("`schema` must be a non-empty dictionary", hint="Write {'name': pxt.String, ...}.")
    keys = _key_names(primary_key)
    for key in keys:
        if key not in schema:
            raise UnknownColumn(key, table="the new table", known=schema)
    specs = [column_spec(name, spec, key=name in keys, reserved=reserved) for name, spec in schema.items()]
    for spec in () if over_base else specs:
        _check_without_columns(spec)
    refuse_namesakes(specs)
    return specs


def refuse_namesakes(specs: Sequence[ColumnSpec]) -> None:
    """Check that all names are different.

    Raises:
        InvalidSchema: two are not.
    """
    lowered = [spec.name.lower() for spec in specs]
    for spec in specs:
        if lowered.count(spec.name.lower()) > 1:
            raise InvalidSchema(f"column name {spec.name!r} occurs twice; names that differ in case alone are the same")


def _key_names(primary_key: Any) -> list[str]:
    names = [primary_key] if isinstance(primary_key, str) else [] if primary_key is None else primary_key
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument(f"`primary_key` is a column name or a list of them, got {primary_key!r}")
    return list(names)


def column_spec(name: str, spec: Any, *, key: bool, reserved: frozenset[str]) -> ColumnSpec:
    """A column as a schema declares it, checked; one that is computed may refer to others.

    Raises:
        InvalidName, InvalidType, InvalidSchema, Unsupported: naming the column.
    """
    check_column_name(name, reserved=reserved)
    given = dict(spec) if isinstance(spec, Mapping) else {"value" if isinstance(spec, Expr) else "type": spec}
    unknown = set(given) - _SPEC_KEYS
    if unknown:
        raise InvalidSchema(
            f"column {name!r}: unknown keys {', '.join(sorted(map(str, unknown)))}",
            hint=f"Known keys: {', '.join(sorted(_SPEC_KEYS))}.",
        )
    if ("type" in given) == ("value" in given):
        raise InvalidSchema(f"column {name!r} needs either a 'type' or a 'value'")
    if given.get("destination") is not None:
        raise Unsupported(f"column {name!r}: 'destination' is not supported yet")
    value = as_expr(given["value"]) if "value" in given else None
    column_type = type_from_form(given.get("type"), subject=f"column {name!r}") if value is None else value.col_type
    found = ColumnSpec(
        name=name,
        type=column_type,
        expr=value,
        primary_key=key or bool(given.get("primary_key")),
        stored=given.get("stored", True) is not False,
        default=given.get("default"),
        comment=check_comment(given.get("comment")),
        custom_metadata=check_custom_metadata(given.get("custom_metadata")),
    )
    _check_spec(found)
    return found


def _check_spec(spec: ColumnSpec) -> None:
    if isinstance(spec.type, MediaType):
        raise Unsupported(f"column {spec.name!r}: {spec.type.name} columns are not supported yet")
    if spec.default is not None and (spec.expr is not None or spec.primary_key):
        raise InvalidSchema(f"column {spec.name!r}: a computed column, or one of the primary key, has no 'default'")
    if spec.expr is not None:
        refuse_aggregates(spec.expr, role=f"column {spec.name!r}")
    if spec.expr is None and not spec.stored:
        raise InvalidSchema(f"column {spec.name!r}: only computed columns can have stored=False")
    if spec.primary_key and spec.type.nullable:
        raise InvalidSchema(
            f"primary key column {spec.name!r} is nullable (`{spec.type}`)", hint="Declare it without `| None`."
        )
    if spec.primary_key and isinstance(spec.type, JsonType | ArrayType | BinaryType | FloatType):
        raise InvalidSchema(f"primary key column {spec.name!r} has type `{spec.type}`, which cannot identify rows")


def _check_without_columns(spec: ColumnSpec) -> None:
    if spec.expr is not None and referred_columns(spec.expr):
        raise InvalidSchema(
            f"column {spec.name!r} is computed from other columns", hint="Add it with add_computed_column()."
        )


def create_table(
    session: Session, path: Path, specs: list[ColumnSpec], options: TableOptions, *, if_exists: str
) -> tuple[TableRecord, bool]:
    """Create a table; False if one was there and was left as it is. What is computed may refer to `siblings`.

    Raises:
        PathTaken, UnknownDirectory: see `pxt.create_table`.
    """

    def work(connection: Connection, catalog: Catalog) -> tuple[TableRecord, bool]:
        existing = find_existing(catalog, path, if_exists=if_exists)
        if existing is not None and if_exists == "ignore":
            return existing, False
        if existing is not None:
            drop_record(connection, catalog, existing, force=if_exists == "replace_force")
        return _made(session, connection, catalog, path, specs, options), True

    table, created = session.change_schema(work)
    return session.catalog.find(table.id) or table, created


def find_existing(catalog: Catalog, path: Path, *, if_exists: str) -> TableRecord | None:
    """The table under a path, which is to stay or to be replaced, where there is one.

    Raises:
        PathTaken: there is a directory; or a table, and `if_exists` is 'error'.
    """
    existing = catalog.find_table(path)
    if existing is None and catalog.kind_at(path) is not None:
        raise PathTaken(str(path), kind="directory")
    if existing is not None and if_exists == "error":
        raise PathTaken(str(path), kind="table")
    return existing


def make_table(
    session: Session,
    connection: Connection,
    catalog: Catalog,
    path: Path,
    specs: list[ColumnSpec],
    options: TableOptions,
) -> TableRecord:
    """Make a table, in the caller's transaction.

    Raises:
        PathTaken: something is under the path.
        UnknownDirectory: its directory does not exist.
    """
    kind = catalog.kind_at(path)
    if kind is not None:
        raise PathTaken(str(path), kind=kind)
    return _made(session, connection, catalog, path, specs, options)


def _made(
    session: Session,
    connection: Connection,
    catalog: Catalog,
    path: Path,
    specs: list[ColumnSpec],
    options: TableOptions,
) -> TableRecord:
    dir_id = catalog.dir_id(path.parent)
    table = new_record(session, store.new_ids(connection, 2 + len(specs)), path, specs, options)
    table = replace(create_storage(connection, table), dir=dir_id)
    for spec in specs:
        if spec.expr is not None:
            store_functions(session, connection, spec.expr)
    store.insert_table(connection, table, op=next_op(connection))
    return table


def new_record(
    session: Session, ids: Sequence[int], path: Path, specs: Sequence[ColumnSpec], options: TableOptions
) -> TableRecord:
    """A table to be made, with `ids` for it, its heap and its columns; in no directory yet."""
    table_id, heap_id, *column_ids = ids
    columns = with_ids(
        [plain_record(session, spec, column_id, heap_id) for spec, column_id in zip(specs, column_ids, strict=True)],
        table_id,
    )
    heap = Heap(heap_id, tuple(HeapColumn(c.db_name, sql_type(c.type)) for c in columns if c.heap is not None))
    return TableRecord(
        table_id, None, path.name, str(path), columns, (heap,),
        comment=options.comment, custom_metadata=options.custom_metadata, media_validation=options.media_validation,
        default_indexes=options.default_indexes,
    )  # fmt: skip


def create_storage(connection: Connection, table: TableRecord) -> TableRecord:
    """Create what a new table is stored in; the table with the indexes that it has by default."""
    create_heap(connection, table.row_heap, key=tuple(column.db_name for column in table.primary_key))
    return with_default_btrees(connection, table) if table.default_indexes else table


def plain_record(session: Session, spec: ColumnSpec, column_id: int, heap_id: int) -> ColumnRecord:
    """The column that a schema declares."""
    return ColumnRecord(
        id=column_id,
        name=spec.name,
        type=spec.type,
        heap=heap_id if spec.stored else None,
        expr=spec.expr,
        primary_key=spec.primary_key,
        default=default_of(session, spec.name, spec.type, spec.default),
        comment=spec.comment,
        custom_metadata=spec.custom_metadata,
    )


def drop_record(connection: Connection, catalog: Catalog, table: TableRecord, *, force: bool) -> None:
    """Drop a table with all it holds, and with `force` the views over it, in the caller's transaction.

    Raises:
        ConstraintViolation: it has views.
    """
    views = catalog.dependents_of(table.id)
    if views and not force:
        raise ConstraintViolation(
            f"{table.path!r} cannot be dropped: {', '.join(view.path for view in views)} depend on it",
            hint="Drop them first, or pass force=True.",
        )
    # Whoever inserts into them plans without these views from now on. The oldest first, as all lock them.
    for base in reversed(table.live_lineage[1:]):
        store.save_schema(connection, base)
    for view in reversed(views):
        _drop(connection, view)
    _drop(connection, table)


def _drop(connection: Connection, table: TableRecord) -> None:
    kept = [job.heap for job in jobs.jobs_of(connection, table.id)]  # an aborted backfill leaves its heap for the next
    # Locks are taken as by a writer, which has those of the heaps, in this order, before it asks for the head.
    for heap in sorted({*table.heaps, *kept}, key=lambda heap: heap.id):
        drop_heap(connection, heap)
    store.delete_table(connection, table.id)


def drop_table(session: Session, path: Path, *, force: bool, if_not_exists: str) -> None:
    """Drop a table; with `force` the views over it too.

    Raises:
        UnknownPath: there is none, and `if_not_exists` is 'error'.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        found = catalog.find_table(path)
        if found is not None:
            drop_record(connection, catalog, found, force=force)
        elif catalog.find_dir(path) is not None:
            raise InvalidPath(f"path {str(path)!r} is a directory", hint="Use pxt.drop_dir().")
        elif if_not_exists == "error":
            raise UnknownPath(str(path), known=catalog.table_ids)

    session.change_schema(work)


def drop_unused(session: Session, table_id: int) -> bool:
    """Drop a table or a view in which there is nothing of anybody's; False if it has to stay.

    It has to if somebody has written into it, added columns to it, or made a view over it.
    """

    def work(connection: Connection, catalog: Catalog) -> bool:
        found = catalog.find(table_id)
        if found is None:
            return True
        if catalog.dependents_of(table_id) or any(column.version_added for column in found.columns):
            return False
        is_used = _is_written(connection, found) if found.view is not None else not lock_unused(connection, found)
        if is_used:
            return False
        drop_record(connection, catalog, found, force=False)
        return True

    return session.change_schema(work)


def _is_written(connection: Connection, view: TableRecord) -> bool:
    """Whether somebody has written into a view, not into its base; nobody does until the transaction ends."""
    lock_lineage(connection, view)
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pixeltable.versions v WHERE v.table_id = %(view)s AND v.kind = 'data' "
        "AND NOT EXISTS (SELECT 1 FROM pixeltable.versions b WHERE b.table_id = ANY(%(bases)s) AND b.op = v.op))",
        {"view": view.id, "bases": [base.id for base in view.live_lineage[1:]]},
    ).fetchone()
    return bool(row and row[0])
