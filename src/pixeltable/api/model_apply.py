"""Carrying out a plan: step by step, with everything that was done taken back when a step fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pixeltable.api.model_changes import Change
from pixeltable.api.model_indexes import planned_index
from pixeltable.api.model_names import planned
from pixeltable.api.model_plan import TablePlan
from pixeltable.api.progress import watched
from pixeltable.api.table import Table
from pixeltable.api.view import handle_of
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import Error, with_addition
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session import btrees, indexes, tables, versions, views
from pixeltable.session.btrees import NewBtree
from pixeltable.session.creation import create_together, with_indexes
from pixeltable.session.indexes import NewIndex
from pixeltable.session.session import Session
from pixeltable.session.siblings import SIBLINGS
from pixeltable.session.tables import ColumnSpec
from pixeltable.storage.database import Connection


def apply_plans(session: Session, plans: Sequence[TablePlan]) -> None:
    """Make all tables what their plans say; what fails has everything before it taken back, as far as that goes.

    New tables and views over them come first, in one transaction; then what is new in and over tables that are there,
    which is what may fail; then what goes, views before their bases.

    Raises:
        Error: that of the step that failed; its message says what was taken back.
    """
    run = _Run(session, {plan.definition.record.id: plan.record for plan in plans})
    try:
        new = run.create_unused(plans)
        for plan in plans:
            if plan.record is not None:
                run.extend(plan)
            elif plan not in new:
                run.create_view(plan)
        for plan in reversed(plans):
            if plan.record is not None:
                run.drop(plan)
    except BaseException as error:
        note = run.take_back()
        if isinstance(error, Error) and note:
            raise with_addition(error, note) from (error.__cause__ or error)
        error.add_note(note)
        raise


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that was done. `version` is the one it made of the table, if that can be told; `undo` is the way back
    where that version is not the newest any more."""

    text: str
    table_id: int
    path: str
    version: int | None = None
    undo: Callable[[], bool] | None = None


class _Run:
    """The tables of the models as they are by now, and what was done to them."""

    def __init__(self, session: Session, records: dict[int, TableRecord | None]) -> None:
        self._session = session
        self._tables = records
        self._done: list[_Step] = []

    # Making

    def create_unused(self, plans: Sequence[TablePlan]) -> list[TablePlan]:
        """Make the tables that are not there, and the views over these, with their indexes; which these are."""
        new: dict[int, TablePlan] = {}
        for plan in plans:
            base = plan.definition.record.base
            if plan.record is None and (base is None or base.id in new):
                new[plan.definition.record.id] = plan
        makers = [partial(self._make, plan, new) for plan in new.values()]
        records = create_together(self._session, makers) if makers else []
        for plan, record in zip(new.values(), records, strict=True):
            self._note_created(plan, record)
        return list(new.values())

    def _make(
        self, plan: TablePlan, new: Mapping[int, TablePlan], connection: Connection, catalog: Catalog
    ) -> TableRecord:
        definition, session = plan.definition, self._session
        base = definition.record.base
        if base is None:
            specs = list(map(self._planned_spec, definition.specs))
            table = tables.make_table(session, connection, catalog, plan.path, specs, definition.options)
        else:
            self._tables[base.id] = over = catalog.table_at(new[base.id].path)
            table = views.make_over_unused(session, connection, catalog, self._new_view(plan, over))
        own = {**self._tables, definition.record.id: table}
        return with_indexes(session, connection, table, [planned_index(index, own) for index in definition.indexes])

    def create_view(self, plan: TablePlan) -> None:
        """Make a view of a table that is there, with its rows and its indexes."""
        session, base = self._session, plan.definition.record.base
        assert base is not None
        over = self._tables[base.id]
        assert over is not None
        with watched(session, f"Creating view {plan.path}") as tally:
            try:
                record, _ = views.create_view(session, self._new_view(plan, over), if_exists="error", tally=tally)
            except BaseException:
                views.give_up_view(session, plan.path)
                raise
        self._note_created(plan, record)
        for change in plan.changes:
            if change.op.target == "index":
                self._add_index(plan, change)

    def _new_view(self, plan: TablePlan, over: TableRecord) -> views.NewView:
        definition = plan.definition
        view = definition.record.view
        assert view is not None
        where, explode = (None if expr is None else self._planned(expr) for expr in (view.where, view.explode))
        items = definition.items and tuple((name, self._planned(expr)) for name, expr in definition.items)
        return views.NewView(
            plan.path, over.id, over.path, where, items, explode, definition.outputs or {},
            list(map(self._planned_spec, definition.specs)), definition.options,
        )  # fmt: skip

    def _note_created(self, plan: TablePlan, record: TableRecord) -> None:
        undo = partial(tables.drop_unused, self._session, record.id)
        self._done.append(_Step(f"create {record.path}", record.id, record.path, undo=undo))
        self._tables[plan.definition.record.id] = record

    def extend(self, plan: TablePlan) -> None:
        """Do all to a table but what takes something away."""
        for change in _chosen(plan, "column", "alter"):
            if isinstance(change.subject, ColumnSpec) and change.subject.expr is None:
                self._alter_type(plan, change, change.subject)
        self._add_columns(
            plan, [c.subject for c in _chosen(plan, "column", "add") if isinstance(c.subject, ColumnSpec)]
        )
        for change in _chosen(plan, "column", "alter"):
            if isinstance(change.subject, ColumnSpec) and change.subject.expr is not None:
                self._redefine(plan, change, change.subject.expr)
        made_anew = {change.op.name for change in _chosen(plan, "index", "add")}
        for change in _chosen(plan, "index", "drop"):
            if change.op.name in made_anew:
                self._drop_index(plan, change)
        for change in _chosen(plan, "index", "add"):
            self._add_index(plan, change)

    def drop(self, plan: TablePlan) -> None:
        """Take out of a table what its model has not."""
        made_anew = {change.op.name for change in _chosen(plan, "index", "add")}
        for change in _chosen(plan, "index", "drop"):
            if change.op.name not in made_anew:
                self._drop_index(plan, change)
        for change in _chosen(plan, "column", "drop"):
            self._drop_column(plan, change.op.description, str(change.op.name))

    def _drop_column(self, plan: TablePlan, text: str, name: str) -> None:
        self._do(plan, text, lambda table: table.drop_column(name))

    def _planned(self, expr: Expr) -> Expr:
        return planned(expr, self._tables)

    def _planned_spec(self, spec: ColumnSpec) -> ColumnSpec:
        return spec if spec.expr is None else replace(spec, expr=self._planned(spec.expr))

    def _table(self, plan: TablePlan) -> Table:
        """A handle of the table as it is by now, which the expressions of the models are over from now on."""
        known = self._tables[plan.definition.record.id]
        assert known is not None
        record = self._session.refresh().table(known.id, name=known.path)
        self._tables[plan.definition.record.id] = record
        return handle_of(self._session, record)

    def _do(
        self,
        plan: TablePlan,
        text: str,
        work: Callable[[Table], object],
        undo: Callable[[Table], object] | None = None,
    ) -> None:
        """Change a table, and note how to change it back."""
        table = self._table(plan)
        table_id, path = table._id, str(plan.path)  # noqa: SLF001  # a friend
        before = versions.current_version(self._session, table_id, path)
        work(table)
        (newest,) = versions.list_versions(self._session, table_id, path, limit=1)
        version = newest.version if newest.kind == "schema" and newest.version == before + 1 else None
        undone = None if undo is None else partial(self._undo_by, plan, undo)
        self._done.append(_Step(f"{plan.path}: {text}", table_id, path, version, undone))
        self._table(plan)

    def _undo_by(self, plan: TablePlan, undo: Callable[[Table], object]) -> bool:
        undo(self._table(plan))
        return True

    def _add_columns(self, plan: TablePlan, specs: Sequence[ColumnSpec]) -> None:
        """Add columns, those that are computed from others of them after these."""
        waiting = list(specs)
        while waiting:
            self._table(plan)
            possible = [spec for spec in map(self._planned_spec, waiting) if not _is_over_siblings(spec)]
            schema = {spec.name: _as_schema(spec) for spec in possible}
            self._do(
                plan, f"add {', '.join(schema)}", partial(Table.add_columns, schema=schema),
                partial(_drop_columns, names=list(schema)[::-1]),
            )  # fmt: skip
            waiting = [spec for spec in waiting if spec.name not in schema]

    def _alter_type(self, plan: TablePlan, change: Change, spec: ColumnSpec) -> None:
        self._do(plan, change.op.description, lambda table: table.alter_column(spec.name, type_=spec.type))

    def _redefine(self, plan: TablePlan, change: Change, expr: Expr) -> None:
        column = change.column
        assert column is not None
        self._table(plan)
        new: dict[str, Any] = {column.name: self._planned(expr)}
        old: dict[str, Any] = {column.name: column.expr}
        self._do(
            plan, change.op.description, lambda table: table.alter_computed_column(**new),
            lambda table: table.alter_computed_column(**old),
        )  # fmt: skip

    def _add_index(self, plan: TablePlan, change: Change) -> None:
        assert isinstance(change.subject, NewIndex | NewBtree)
        session = self._session
        table = self._table(plan)
        new = planned_index(change.subject, self._tables)
        before = _index_names(self._session, table)

        def add(table: Table) -> None:
            table_id, path = table._id, table._path  # noqa: SLF001  # a friend
            if isinstance(new, NewBtree):
                btrees.add_btree(session, table_id, path, new, if_exists="error")
                return
            with watched(session, f"Indexing {path}.{new.column}") as tally:
                indexes.add_index(session, table_id, path, new, if_exists="error", tally=tally)

        def undo(table: Table) -> None:
            for name in _index_names(session, table) - before:
                table.drop_index(idx_name=name)

        self._do(plan, change.op.description, add, undo)

    def _drop_index(self, plan: TablePlan, change: Change) -> None:
        name = str(change.op.name)
        self._do(plan, change.op.description, lambda table: table.drop_index(idx_name=name))

    # Taking back

    def take_back(self) -> str:
        """Undo what was done, the last first; what became of it, in words, nothing if nothing had been done."""
        left = [step.text for step in reversed(self._done) if not self._undone(step)]
        if not self._done:
            return ""
        if left:
            return f"What the call had done before is taken back, but for: {'; '.join(left)}."
        return "What the call had done before is taken back."

    def _undone(self, step: _Step) -> bool:
        try:
            if step.version is not None:
                versions.revert(self._session, step.table_id, step.path, only=step.version)
                return True
        except Error:
            pass  # somebody has written since
        try:
            return step.undo is not None and step.undo()
        except Error:
            return False


def _chosen(plan: TablePlan, target: str, op: str) -> list[Change]:
    return [change for change in plan.changes if (change.op.target, change.op.op) == (target, op)]


def _is_over_siblings(spec: ColumnSpec) -> bool:
    nodes = () if spec.expr is None else spec.expr.walk()
    return any(isinstance(node, ColumnRef) and node.ref_table == SIBLINGS for node in nodes)


def _as_schema(spec: ColumnSpec) -> Mapping[str, Any]:
    given = {"type": spec.type, "default": spec.default} if spec.expr is None else {"value": spec.expr}
    return {**given, "stored": spec.stored, "comment": spec.comment, "custom_metadata": spec.custom_metadata}


def _drop_columns(table: Table, names: Sequence[str]) -> None:
    for name in names:
        table.drop_column(name)


def _index_names(session: Session, table: Table) -> set[str]:
    record = session.refresh().table(table._id, name=table._path)  # noqa: SLF001  # a friend
    return {index.name for index in record.indexes} | {index.name for index in record.btrees}
