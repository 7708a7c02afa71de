"""Comparing the columns of a model with those of a table."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from pixeltable.api.model_changes import Change, unsupported
from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_diff import SchemaChangeOp
from pixeltable.api.model_names import Tables, planned
from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import Error, InvalidSchema
from pixeltable.exprs.expr import Expr, structure
from pixeltable.exprs.leaves import Literal
from pixeltable.lazy import np
from pixeltable.plan.bind import bind
from pixeltable.session.column_changes import check_alterable
from pixeltable.session.columns import same_definition
from pixeltable.session.defaults import default_of
from pixeltable.session.redefinition import check_type
from pixeltable.session.session import Session
from pixeltable.session.tables import ColumnSpec


def column_changes(
    session: Session,
    definition: ModelDefinition,
    record: TableRecord | None,
    tables: Tables,
    *,
    going: Collection[str] = (),
) -> Iterator[Change]:
    """First what changes in place, then the columns that come, in the order of the model, then those that go.

    `going` are the names of the indexes that go.
    """
    known = {} if record is None else {column.name: column for column in record.columns if column.status == "ready"}
    wanted = {spec.name: spec for spec in definition.all_specs}
    if record is not None:
        staying = _staying(record, wanted, going)
        for name, spec in wanted.items():
            if name in known:
                yield from _alterations(session, record, staying, known[name], spec, tables)
    for name, spec in wanted.items():
        if name not in known:
            yield _addition(session, record, spec)
    for column in reversed(known.values()):  # a column is computed from columns before it
        if record is not None and column.name not in wanted and not _is_made(record, column):
            yield _removal(column)


def _staying(record: TableRecord, wanted: Collection[str], going: Collection[str]) -> TableRecord:
    """The table without the columns and the indexes that go."""
    return replace(
        record,
        columns=tuple(column for column in record.columns if column.name in wanted or _is_made(record, column)),
        indexes=tuple(index for index in record.indexes if index.name not in going),
        btrees=tuple(index for index in record.btrees if index.name not in going),
    )


def _is_made(record: TableRecord, column: ColumnRecord) -> bool:
    """Whether a column is an output of the iterator of a view."""
    unstored = any(output.id == column.id for output in record.unstored_outputs.values())
    return unstored or (record.view is not None and record.view.makes(column.id))


def _has_rows(session: Session, record: TableRecord) -> bool:
    question = f"SELECT EXISTS (SELECT 1 FROM {record.row_heap.current})"
    row = session.database.read(lambda connection: connection.execute(question).fetchone())
    return bool(row and row[0])


def _addition(session: Session, record: TableRecord | None, spec: ColumnSpec) -> Change:
    made = f"{spec.type}" if spec.expr is None else f"= {spec.expr}"
    model = _shown(spec.type, spec.expr)
    op = SchemaChangeOp("column", "add", "additive", spec.name, f"add column {spec.name} {made}", model)
    change = Change(op, spec)
    if record is None:
        return change
    namesake = next(
        (c.name for c in record.columns if c.name.lower() == spec.name.lower() and c.name != spec.name), None
    )
    if namesake is not None and any(column.name == namesake for column in record.ready_columns):
        return change.refused(f"column {namesake} differs from it in case alone; use rename_column()")
    if spec.primary_key:
        return change.refused("the primary key of a table is fixed")
    lacks_value = spec.expr is None and not spec.type.nullable and spec.default is None
    if lacks_value and _has_rows(session, record):
        return change.refused("there are rows, it rejects null and has no default")
    return change


def _removal(column: ColumnRecord) -> Change:
    existing = _shown(column.type, column.expr)
    op = SchemaChangeOp("column", "drop", "destructive", column.name, f"drop column {column.name}", existing=existing)
    change = Change(op, column=column)
    return change.refused("it is part of the primary key") if column.primary_key else change


def _shown(column_type: Any, expr: Expr | None) -> dict[str, str]:
    return {"type": str(column_type)} if expr is None else {"type": str(column_type), "value": str(expr)}


def _alterations(
    session: Session,
    record: TableRecord,
    staying: TableRecord,
    column: ColumnRecord,
    spec: ColumnSpec,
    tables: Tables,
) -> Iterator[Change]:
    if (spec.expr is None) != (column.expr is None):
        wanted = "be plain" if spec.expr is None else f"be computed as {spec.expr}"
        yield unsupported("column", spec.name, wanted, _shown(spec.type, spec.expr), _shown(column.type, column.expr))
        return
    yield from _fixed_properties(session, column, spec)
    if spec.expr is not None:
        yield from _redefinition(record, column, spec, spec.expr, tables)
    elif spec.type != column.type:
        yield _other_type(staying, column, spec)


def _fixed_properties(session: Session, column: ColumnRecord, spec: ColumnSpec) -> Iterator[Change]:
    default = default_of(session, spec.name, spec.type, spec.default)
    properties: dict[str, tuple[Any, Any]] = {
        "primary_key": (spec.primary_key, column.primary_key),
        "stored": (spec.stored, column.heap is not None),
        "comment": (spec.comment, column.comment),
        "custom_metadata": (spec.custom_metadata, column.custom_metadata),
    }
    if spec.expr is None:
        properties["default"] = (_value(default), _value(_retyped(session, column, spec)))
    for name, (model, existing) in properties.items():
        if not _is_equal(model, existing):
            yield unsupported("column", spec.name, f"have {name} {model!r}", {name: model}, {name: existing})


def _is_equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray | float) or isinstance(b, np.ndarray | float):
        return bool(structure(a) == structure(b))  # NaN too
    return bool(a == b)


def _retyped(session: Session, column: ColumnRecord, spec: ColumnSpec) -> Literal | None:
    """The default of a column once it has the type that its model says."""
    if column.default is None or column.type == spec.type:
        return column.default
    try:
        return default_of(session, column.name, spec.type, column.default.value)
    except InvalidSchema:
        return column.default  # it cannot get that type, which is said elsewhere


def _value(default: Literal | None) -> Any:
    return None if default is None else default.value


def _other_type(record: TableRecord, column: ColumnRecord, spec: ColumnSpec) -> Change:
    text = f"alter column {column.name} from {column.type} to {spec.type}"
    op = SchemaChangeOp(
        "column", "alter", "additive", column.name, text, {"type": str(spec.type)}, {"type": str(column.type)}
    )
    change = Change(op, spec, column)
    try:
        check_alterable(record, column, spec.type)
    except Error as error:
        return change.refused(error.message)
    return change


def _redefinition(
    record: TableRecord, column: ColumnRecord, spec: ColumnSpec, expr: Expr, tables: Tables
) -> Iterator[Change]:
    assert column.expr is not None
    wanted = planned(expr, tables)
    if _is_same(record, wanted, column.expr):
        return
    again = "" if column.heap is None else ", and compute it again"
    text = f"alter column {column.name} from {column.expr} to {expr}{again}"
    op = SchemaChangeOp(
        "column", "alter", "additive", column.name, text, _shown(spec.type, expr), _shown(column.type, column.expr)
    )
    spreads = spec.type.nullable and not column.type.nullable
    change = Change(op, spec, column, is_felt=column.heap is None or spreads)
    try:
        check_type(column, wanted)
    except Error as error:
        change = change.refused(error.message)
    yield change


def _is_same(record: TableRecord, wanted: Expr, found: Expr) -> bool:
    """Whether both say the same, through whichever view of the table their columns are seen."""
    try:
        return same_definition(bind(wanted, record, role="the model"), bind(found, record, role="the table"))
    except Error:
        return False  # it is over a column that is not there yet
