"""What it takes to make tables what their models say: a plan for each, with what is needed to carry it out.

Nothing is changed here. What a table has is compared with its model by `model_columns` and `model_indexes`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pixeltable.api.model_changes import Change, unsupported
from pixeltable.api.model_columns import column_changes
from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_diff import SchemaChangeOp, TableDiff
from pixeltable.api.model_indexes import index_changes
from pixeltable.api.model_names import Tables
from pixeltable.api.model_views import view_changes
from pixeltable.catalog.records import ColumnRecord, TableRecord, kind_of, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import PathTaken
from pixeltable.ids import Path
from pixeltable.session.defaults import default_of
from pixeltable.session.session import Session
from pixeltable.session.stale import count_by_other_definitions


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A model, the table under its path, None if there is none, and what has to change."""

    definition: ModelDefinition
    path: Path
    record: TableRecord | None
    changes: tuple[Change, ...]

    @property
    def diff(self) -> TableDiff:
        definition = self.definition
        ops = tuple(change.op for change in self.changes)
        return TableDiff(str(self.path), definition.class_name, definition.kind, self.record is not None, ops)


def plan_models(session: Session, definitions: Sequence[ModelDefinition], directory: Path) -> list[TablePlan]:
    """A plan for each model, bases before their views.

    Raises:
        UnknownDirectory: there is no such directory.
        PathTaken: a directory is where a table has to be.
        InvalidSchema: a column cannot have its default.
    """
    catalog = session.refresh()
    catalog.dir_id(directory)
    tables: dict[int, TableRecord | None] = {}
    plans = []
    for definition in definitions:
        for spec in definition.specs:
            default_of(session, spec.name, spec.type, spec.default)
        path = Path((*directory.parts, definition.name))
        record = _existing(catalog, path)
        tables[definition.record.id] = record
        plans.append(TablePlan(definition, path, record, tuple(_changes(session, definition, record, tables))))
    return [replace(plan, changes=tuple(_refusing_needed(plan, plans, catalog))) for plan in plans]


def plan_updates(session: Session, definitions: Sequence[ModelDefinition], directory: Path) -> list[TablePlan]:
    """As `plan_models`, with the cells that are to be computed although their definition stays.

    Raises:
        UnknownDirectory, PathTaken, InvalidSchema: see `plan_models`.
    """
    return [_with_rest(session, plan) for plan in plan_models(session, definitions, directory)]


def _with_rest(session: Session, plan: TablePlan) -> TablePlan:
    record = plan.record
    if record is None or record.is_snapshot or not any(column.redefined for column in record.known_columns):
        return plan
    counts = count_by_other_definitions(session, record.id, record.path)
    altered = [change for change in plan.changes if change.op.op == "alter"]
    others = {change.op.name for change in plan.changes if change.op.target == "column"}  # of which that is said
    wanted = [spec.name for spec in plan.definition.all_specs if spec.name not in others]
    rest = [_computation(name, counts[name]) for name in wanted if name in counts]
    return replace(plan, changes=(*altered, *rest, *plan.changes[len(altered) :]))


def _computation(name: str, count: int) -> Change:
    text = f"compute the rest of column {name}: {count:,} cells are by another definition"
    return Change(SchemaChangeOp("column", "alter", "additive", name, text))


def _existing(catalog: Catalog, path: Path) -> TableRecord | None:
    found = catalog.find_table(path)
    if found is None and catalog.kind_at(path) is not None:
        raise PathTaken(str(path), kind="directory")
    if found is not None and found.view is not None and found.view.status == "filling":
        return None  # who makes it again finds out whether anybody is still at it
    return found


def _changes(
    session: Session, definition: ModelDefinition, record: TableRecord | None, tables: Tables
) -> Iterator[Change]:
    if record is not None:
        different = _different_kind(definition, record, tables)
        if different is not None:
            yield different
            return
        yield from _property_changes(definition, record)
    indexes = list(index_changes(definition, record, tables))
    going = [str(change.op.name) for change in indexes if change.op.op == "drop"]
    columns = list(column_changes(session, definition, record, tables, going=going))
    yield from (change for change in columns if change.op.op == "alter")
    if record is not None:
        yield from view_changes(definition, record, tables)
    yield from (change for change in columns if change.op.op != "alter")
    yield from indexes


def _different_kind(definition: ModelDefinition, record: TableRecord, tables: Tables) -> Change | None:
    """What makes it pointless to look further: a table in the place of a view, or a view of something else."""
    kind = kind_of(record)
    if kind != definition.kind:
        return unsupported("table", "kind", f"be a {definition.kind}", definition.kind, kind)
    base = definition.record.base
    if base is not None and record.base is not None:
        wanted = tables.get(base.id)
        if wanted is None or wanted.id != record.base.id:
            name = base.name if wanted is None else wanted.path
            return unsupported("table", "base", f"be a view of {name}", name, record.base.path)
    return None


def _property_changes(definition: ModelDefinition, record: TableRecord) -> Iterator[Change]:
    options = definition.options
    properties = {
        "comment": (options.comment, record.comment),
        "custom_metadata": (options.custom_metadata, record.custom_metadata),
        "media_validation": (options.media_validation, record.media_validation),
        "has_default_idxs": (options.default_indexes, record.default_indexes),
    }
    for name, (model, existing) in properties.items():
        if model != existing:
            yield unsupported("table", name, f"have {name} {model!r}", model, existing)


def _refusing_needed(plan: TablePlan, plans: Iterable[TablePlan], catalog: Catalog) -> Iterator[Change]:
    """The changes of a table, those being unsupported that would take from a view what it is made of."""
    if plan.record is None:
        yield from plan.changes
        return
    others = {other.record.id: other for other in plans if other.record is not None}
    views = catalog.views_of(plan.record.id)
    for change in plan.changes:
        column = change.column
        needing = None if column is None else _needing(change, column, views, others)
        yield change if needing is None else change.refused(f"view {needing} depends on it")


def _needing(
    change: Change, column: ColumnRecord, views: Iterable[TableRecord], plans: Mapping[int, TablePlan]
) -> str | None:
    """The path of a view that cannot do without a column as it is."""
    for view in views:
        changing = plans[view.id].changes if view.id in plans else ()
        if change.op.op == "alter":  # which comes before other definitions do
            changing = tuple(other for other in changing if other.op.op == "drop")
        made_anew = {other.column.id for other in changing if other.column is not None}
        is_altered = any(other.op.target == "table" for other in changing)  # and is over columns of models alone, then
        exprs = [*(view.view.exprs if view.view and not is_altered else ())]
        exprs += [own.expr for own in view.columns if own.expr is not None and own.id not in made_anew]
        if any(column.id in referred_columns(expr) for expr in exprs) and change.is_felt:
            return view.path
    return None
