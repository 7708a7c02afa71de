"""Comparing what decides which rows a view has, its filter, its sample and its iterator, with what its model says."""

from collections.abc import Iterator

from pixeltable.api.model_changes import Change, unsupported
from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_diff import SchemaChangeOp
from pixeltable.api.model_names import Tables, planned
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import Error
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import bind
from pixeltable.plan.sampling import is_share_of
from pixeltable.session.columns import same_definition
from pixeltable.session.iterator_columns import exprs_of
from pixeltable.session.view_alteration import NewDefinition
from pixeltable.types.column_type import ColumnType


def view_changes(definition: ModelDefinition, record: TableRecord, tables: Tables) -> Iterator[Change]:
    """What decides which rows and which columns of its base a view has."""
    wanted, found, base = definition.record.view, record.view, record.base
    if wanted is None or found is None or base is None:
        return
    if not _same(wanted.where, found.where, base, tables):
        yield _other_filter(wanted.where, found.where)
    if not is_share_of(found.share, definition.sample):
        sample = None if definition.sample is None else str(definition.sample)
        yield unsupported("table", "view_sample", f"be of {sample or 'all rows'}", sample, found.sample)
    if _listed(definition) != _outputs(record):
        text = str(wanted.explode)
        yield unsupported("table", "iterator", f"be made by the iterator {text}", text, str(found.explode))
    elif not _same(wanted.explode, found.explode, base, tables):
        yield _other_iterator(str(wanted.explode), str(found.explode), base.name)
    if wanted.inherits != found.inherits:
        model = "all columns of its base" if wanted.inherits else "a select list"
        existing = "a select list" if wanted.inherits else "all columns of its base"
        yield unsupported("table", "select_list", f"have {model}", model, existing)


def planned_view(definition: ModelDefinition, tables: Tables) -> NewDefinition:
    """What a view is to be of its base by its model."""
    view = definition.record.view
    assert view is not None
    where, explode = (None if expr is None else planned(expr, tables) for expr in (view.where, view.explode))
    exprs = exprs_of(definition.unstored).items()
    return NewDefinition(where, explode, {key: planned(expr, tables) for key, expr in exprs})


def present_view(record: TableRecord) -> NewDefinition:
    """What a view is of its base."""
    assert record.view is not None
    outputs = record.unstored_outputs.items()
    exprs = {key: column.expr for key, column in outputs if column.expr is not None}
    return NewDefinition(record.view.where, record.view.explode, exprs)


def has_set_cells(record: TableRecord) -> bool:
    """Whether a view has columns that users set, whose cells go with a row for good."""
    assert record.view is not None
    return any(not column.is_computed and not record.view.makes(column.id) for column in record.columns)


def _other_filter(wanted: Expr | None, found: Expr | None) -> Change:
    """Without a filter rows only come."""
    text = f"alter the filter from {found} to {wanted}: the rows that come are computed"
    if wanted is None:
        op = SchemaChangeOp("table", "alter", "additive", "view_filter", text, None, str(found))
    else:
        text += ", those that leave go with their cells"
        existing = None if found is None else str(found)
        op = SchemaChangeOp("table", "alter", "destructive", "view_filter", text, str(wanted), existing)
    return Change(op)


def _other_iterator(wanted: str, found: str, base: str) -> Change:
    text = (
        f"alter the iterator from {found} to {wanted}: it is called for each row of {base}, the items that are new are "
        "computed, those that it does not yield again go with their cells"
    )
    return Change(SchemaChangeOp("table", "alter", "destructive", "iterator", text, wanted, found))


def _listed(definition: ModelDefinition) -> dict[str, ColumnType] | None:
    """The columns that a model has of its iterator, if it has one."""
    if definition.outputs is None:
        return None
    return {**definition.outputs, **{spec.name: spec.type for spec in definition.unstored}}


def _outputs(record: TableRecord) -> dict[str, ColumnType] | None:
    """The columns that a view has of its iterator, if it has one."""
    assert record.view is not None
    if not record.is_exploded:
        return None
    stored = (column for column in record.columns if record.view.makes(column.id) and column.name != "pos")
    return {column.name: column.type for column in (*stored, *record.unstored_outputs.values())}


def _same(wanted: Expr | None, found: Expr | None, base: TableRecord, tables: Tables) -> bool:
    if wanted is None or found is None:
        return wanted is found
    try:
        both = (bind(expr, base, role="the model") for expr in (planned(wanted, tables), found))
        return same_definition(*both)
    except Error:
        return False  # it is over a column that is not there
