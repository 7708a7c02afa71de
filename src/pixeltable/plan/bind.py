"""Checking an expression against the table it is used on, and replacing what is only a name for something else."""

from dataclasses import replace

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import (
    ForeignColumn,
    InvalidExpression,
    InvalidState,
    TypeMismatch,
    UnknownColumn,
    Unsupported,
)
from pixeltable.exprs.aggregate import aggregates_in, is_window
from pixeltable.exprs.expr import Expr, Method, nodes_in, rebuild
from pixeltable.exprs.leaves import ColumnRef, shown
from pixeltable.exprs.properties import CellProperty, Similarity, VectorScore
from pixeltable.exprs.queries import InQuery
from pixeltable.plan.query import is_past
from pixeltable.types.column_type import BoolType


def bind(expr: Expr, table: TableRecord, *, role: str) -> Expr:
    """An expression over one row, with unstored columns replaced by their definitions, columns of a base by its own.

    Raises:
        ForeignColumn: it refers to a column of another table.
        UnknownColumn: it refers to a column that was dropped.
        RequestError: it holds an aggregate.
    """
    refuse_aggregates(expr, role=role)
    return bind_item(expr, table, role=role)


def renewed(expr: Expr, table: TableRecord) -> Expr:
    """An expression with the names and types that the table's columns have now; what it says of others stays."""
    return rebuild(expr, lambda node: _present(node, table))


def settled(expr: Expr, table: TableRecord) -> Expr:
    """As `renewed`, and each reference is one to the table whose column it is, whether made by that or by a view."""
    return rebuild(expr, lambda node: _present(node, table, own=True))


def _present(node: Expr, table: TableRecord, *, own: bool = False) -> Expr | None:
    """A reference as it would be made now, with `own` as one to the table whose column it is.

    None for what is none, or to no column of a stored table.
    """
    if not isinstance(node, ColumnRef) or table.id < 0 or all(node.ref_table != source.id for source in table.lineage):
        return None
    record = table.column_by_id(node.ref_column)
    if record is None:
        return None
    owner = table.ref(record).ref_table if own else node.ref_table
    if (node.ref_name, node.ref_type, node.ref_table) == (record.name, record.type, owner):
        return None
    return replace(node, ref_name=record.name, ref_type=record.type, ref_table=owner)


def refuse_aggregates(expr: Expr, *, role: str) -> None:
    """Check that an expression is over one row.

    Raises:
        InvalidExpression: it holds an aggregate.
        Unsupported: it holds a window.
    """
    hint = "Use it in select() or order_by()."
    for aggregate in aggregates_in(expr):
        if is_window(aggregate, grouping=False):
            raise Unsupported(
                f"{role} is about single rows, but the window `{aggregate}` is over others too, and changes with them",
                hint="Use it in select() or order_by(). A function declared with @pxt.query can return it.",
            )
        if role == "where()":
            hint = "To choose among groups, use having(): t.group_by(...).select(...).having(...)."
        raise InvalidExpression(f"{role} is about single rows, but `{aggregate}` is an aggregate", hint=hint)


def bind_item(expr: Expr, table: TableRecord, *, role: str) -> Expr:
    """As `bind`, for what may hold aggregates: what a query yields, and what it orders by."""
    known = {source.id for source in table.lineage}
    refs = (node for node in nodes_in(expr) if isinstance(node, ColumnRef))
    foreign = {str(ref) for ref in refs if ref.ref_table not in known or ref.ref_alias is not None}
    if foreign:
        raise ForeignColumn(foreign, table=table.path, role=role)

    def record_of(ref: ColumnRef) -> ColumnRecord:
        record = table.column_by_id(ref.ref_column)
        if record is None:
            raise UnknownColumn(ref.ref_name, table=table.path, known=[column.name for column in table.ready_columns])
        return record

    def inline(node: Expr) -> Expr | None:
        if isinstance(node, CellProperty | Similarity | VectorScore):  # about the column, not its value
            if record_of(node.source).heap is None and isinstance(node, CellProperty):
                raise Unsupported(
                    f"`{node}`: column {node.source.ref_name!r} is not stored, its errors are raised when it is read"
                )
            return rebuild(node, lambda inner: _present(inner, table, own=True))
        if not isinstance(node, ColumnRef):
            return None
        record = record_of(node)
        if record.heap is None and record.expr is not None:
            return rebuild(record.expr, inline)
        return _present(node, table, own=True)

    return rebuild(expr, inline)


def refuse_pending(expr: Expr, table: TableRecord, *, role: str) -> None:
    """Check that what is to be kept of an expression is of cells that are there; queries read them as null.

    Raises:
        InvalidState: it refers to a column that is still being computed.
    """
    for node in nodes_in(expr):
        column = table.column_by_id(node.ref_column) if isinstance(node, ColumnRef) else None
        if column is not None and column.status != "ready":
            raise InvalidState(
                f"{role}: column {column.name!r} of table {table.path!r} is still being computed",
                hint="Wait until it is there: pxt.jobs() says how far it is.",
            )


def refuse_queried(expr: Expr, *, role: str) -> None:
    """Check that an expression is of a row alone, and its cells: what only a query can answer is not to be kept.

    Raises:
        Unsupported: it holds a similarity, an error property, or `isin(query)`.
    """
    for node in nodes_in(expr):
        if isinstance(node, Similarity | CellProperty | InQuery):
            raise Unsupported(f"{role}: `{node}` is known only when a query runs", hint="Use it in a query.")


def _is_foreign(ref: ColumnRef, table: TableRecord) -> bool:
    """Whether a column is one of another table, or, in a query that does not read it, of a version of the past."""
    return ref.ref_table != table.id or is_past(ref.ref_alias)


def bind_predicate(expr: object, table: TableRecord, *, role: str = "where()") -> Expr:
    """A bound expression that can filter rows.

    Raises:
        TypeMismatch: it is no Bool.
    """
    return bind(require_bool(expr, role=role), table, role=role)


def require_bool(expr: object, *, role: str) -> Expr:
    """The expression itself.

    Raises:
        TypeMismatch: it is no Bool.
    """
    if isinstance(expr, Method):
        expr.refuse()
    hint = "Such as a comparison: t.n > 1."
    if not isinstance(expr, Expr):
        raise TypeMismatch(f"{role} takes an expression of type `Bool`, got {shown(expr)}", hint=hint)
    if not isinstance(expr.col_type, BoolType):
        raise TypeMismatch(
            f"{role} takes an expression of type `Bool`, but `{expr}` has type `{expr.col_type}`", hint=hint
        )
    return expr
