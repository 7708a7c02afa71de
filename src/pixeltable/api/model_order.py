"""In which order the changes of plans are made, where one has to wait for another."""

from collections.abc import Collection, Iterator, Sequence

from pixeltable.api.model_changes import Change
from pixeltable.api.model_plan import TablePlan
from pixeltable.catalog.records import BtreeRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session.tables import ColumnSpec


def chosen(plan: TablePlan, target: str, op: str) -> list[Change]:
    """The changes of a kind, in their order."""
    return [change for change in plan.changes if (change.op.target, change.op.op) == (target, op)]


def new_types(plan: TablePlan) -> list[tuple[Change, ColumnSpec]]:
    """The plain columns that get another type."""
    return [(change, spec) for change, spec in _with_spec(plan, "alter") if spec.expr is None]


def new_definitions(plan: TablePlan) -> list[tuple[Change, Expr]]:
    """The computed columns that get another definition."""
    return [(change, spec.expr) for change, spec in _with_spec(plan, "alter") if spec.expr is not None]


def new_columns(plan: TablePlan) -> list[ColumnSpec]:
    """The columns that come."""
    return [spec for _, spec in _with_spec(plan, "add")]


def _with_spec(plan: TablePlan, op: str) -> Iterator[tuple[Change, ColumnSpec]]:
    for change in chosen(plan, "column", op):
        if isinstance(change.subject, ColumnSpec):
            yield change, change.subject


def in_the_way(plans: Sequence[TablePlan]) -> list[tuple[TablePlan, Change]]:
    """What has to go before types and definitions are changed, which it is over: views before their bases."""
    reached = {change.column.id for plan in plans for change in plan.changes if change.column and _is_felt(change)}
    found: list[tuple[TablePlan, Change]] = []
    for plan in plans:
        record = plan.record
        if record is None:
            continue
        typed = {change.column.id for change, _ in new_types(plan) if change.column}
        own = {change.column.id for change, _ in new_definitions(plan) if change.column}
        dependents = {column.id for column in record.dependents(frozenset(reached - own))}
        drops = [
            change for change in chosen(plan, "column", "drop") if change.column and change.column.id in dependents
        ]
        going = {change.column.id for change in drops if change.column}
        over = typed | going
        indexes = [change for change in chosen(plan, "index", "drop") if _indexed(record, str(change.op.name)) & over]
        reached |= going
        found[:0] = [(plan, change) for change in (*indexes, *drops)]
    return found


def _is_felt(change: Change) -> bool:
    return change.op.op == "alter" and change.is_felt


def _indexed(record: TableRecord, name: str) -> set[int]:
    """The columns that an index is over."""
    both: tuple[IndexRecord | BtreeRecord, ...] = (*record.indexes, *record.btrees)
    index = next(index for index in both if index.name == name)
    if isinstance(index, IndexRecord):
        return {index.column}
    return {column for key in index.keys for column in referred_columns(key)}


def blocked(plan: TablePlan, waiting: Collection[str]) -> set[str]:
    """The columns of a model that are not as it says yet: those that wait, and what is computed from them."""
    found = set(waiting)
    for spec in plan.definition.all_specs:  # a column is computed from columns before it
        if spec.expr is not None and is_over(plan, spec.expr, found):
            found.add(spec.name)
    return found


def is_over(plan: TablePlan, expr: Expr, names: Collection[str]) -> bool:
    """Whether an expression of a model is over one of these columns of its own."""
    own = plan.definition.record.id
    return any(
        isinstance(node, ColumnRef) and node.ref_table == own and node.ref_name in names for node in nodes_in(expr)
    )
