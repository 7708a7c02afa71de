"""Carrying out plans: step by step, with everything that was done taken back when a step fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pixeltable.api.model_changes import Change
from pixeltable.api.model_indexes import name_of_index, planned_index
from pixeltable.api.model_names import planned
from pixeltable.api.model_order import blocked, chosen, in_the_way, is_over, new_columns, new_definitions, new_types
from pixeltable.api.model_plan import TablePlan
from pixeltable.api.model_steps import Step, Steps
from pixeltable.api.model_views import has_set_cells, planned_view, present_view
from pixeltable.api.progress import watched
from pixeltable.api.receipts import announce
from pixeltable.api.table import Table
from pixeltable.api.view import handle_of
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import CellFailure, Error, with_addition
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.query import QuerySpec
from pixeltable.session import btrees, columns, indexes, tables, views
from pixeltable.session.btrees import NewBtree
from pixeltable.session.creation import create_together, with_indexes
from pixeltable.session.indexes import NewIndex
from pixeltable.session.redefinition import redefine_column
from pixeltable.session.session import Session
from pixeltable.session.siblings import SIBLINGS
from pixeltable.session.stale import recompute_by_present_definitions
from pixeltable.session.tables import ColumnSpec
from pixeltable.session.view_alteration import NewDefinition, alter_view
from pixeltable.storage.database import Connection
from pixeltable.types.status import UpdateStatus


def apply_plans(session: Session, plans: Sequence[TablePlan]) -> None:
    """Make all tables what their plans say; what fails has everything before it taken back, as far as that goes.

    New tables and views over them come first, in one transaction. Then types and definitions change, before anything
    is computed, so that each cell is computed once; then comes what is new in and over tables that are there; then
    what goes does, views before their bases.

    Raises:
        Error: that of the step that failed; its message says what was taken back.
    """
    steps = Steps(session)
    run = _Run(session, plans, steps)
    try:
        run.create_unused()
        run.change_definitions()
        run.extend_all()
        run.drop_rest()
    except BaseException as error:
        note = steps.take_back()
        if not note:
            raise
        if isinstance(error, Error):
            raise with_addition(error, note) from (error.__cause__ or error)
        error.add_note(note)
        raise


class _Run:
    """The tables of the models as they are by now, and what is left to do."""

    def __init__(self, session: Session, plans: Sequence[TablePlan], steps: Steps) -> None:
        self._session = session
        self._plans = plans
        self._steps = steps
        self._tables = {plan.definition.record.id: plan.record for plan in plans}
        self._there = [plan for plan in plans if plan.record is not None]
        self._created: dict[int, TablePlan] = {}
        self._gone: list[Change] = []
        self._waiting = {plan.definition.record.id: _to_settle(plan) for plan in self._there}
        """By model, the columns still to be added or defined anew."""

        self._uncomputed: set[str] = set()
        """Paths of tables with cells to compute by their present definition."""

    # New tables

    def create_unused(self) -> None:
        """Make the tables that are not there, and the views over these, with their indexes."""
        new = self._created
        for plan in self._plans:
            base = plan.definition.record.base
            if plan.record is None and (base is None or base.id in new):
                new[plan.definition.record.id] = plan
        makers = [partial(self._make, plan) for plan in new.values()]
        records = create_together(self._session, makers) if makers else []
        for plan, record in zip(new.values(), records, strict=True):
            self._note_created(plan, record)

    def _make(self, plan: TablePlan, connection: Connection, catalog: Catalog) -> TableRecord:
        definition, session = plan.definition, self._session
        base = definition.record.base
        if base is None:
            specs = list(map(self._planned_spec, definition.specs))
            table = tables.make_table(session, connection, catalog, plan.path, specs, definition.options)
        else:
            self._tables[base.id] = over = catalog.table_at(self._created[base.id].path)
            table = views.make_over_unused(session, connection, catalog, self._new_view(plan, over))
        own = {**self._tables, definition.record.id: table}
        return with_indexes(session, connection, table, [planned_index(index, own) for index in definition.indexes])

    def _create_view(self, plan: TablePlan) -> None:
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
        for change in chosen(plan, "index", "add"):
            self._add_index(plan, change)

    def _new_view(self, plan: TablePlan, over: TableRecord) -> views.NewView:
        definition = plan.definition
        new = planned_view(definition, self._tables)
        items = definition.items and tuple((name, self._planned(expr)) for name, expr in definition.items)
        return views.NewView(
            plan.path, over.id, over.path, new.where, items, new.explode, definition.outputs or {},
            list(map(self._planned_spec, (*definition.unstored, *definition.specs))), definition.options,
            sampled=None if definition.sample is None else QuerySpec(over.id, sample=definition.sample),
        )  # fmt: skip

    def _note_created(self, plan: TablePlan, record: TableRecord) -> None:
        undo = partial(tables.drop_unused, self._session, record.id)
        self._steps.note(Step(f"create {record.path}", record.id, record.path, undo=undo))
        self._tables[plan.definition.record.id] = record

    # Tables that are there

    def change_definitions(self) -> None:
        """Give columns other types and other definitions, as far as these are over columns that are there."""
        for plan, change in in_the_way(self._plans):
            self._drop(plan, change)
        for plan in self._there:
            for change, spec in new_types(plan):
                self._alter_type(plan, change, spec)
        for plan in self._there:
            if any(change.subject is None for change in chosen(plan, "column", "alter")):
                self._uncomputed.add(str(plan.path))
            self._define(plan)

    def extend_all(self) -> None:
        """Compute what has another definition, and add what is new; a base before the views over it."""
        for plan in self._plans:
            if plan.record is not None:
                self._extend(plan)
            elif plan.definition.record.id not in self._created:
                self._create_view(plan)

    def drop_rest(self) -> None:
        """Take out of tables what their models have not; views before their bases."""
        for plan in reversed(self._there):
            for change in (*chosen(plan, "index", "drop"), *chosen(plan, "column", "drop")):
                self._drop(plan, change)

    def _extend(self, plan: TablePlan) -> None:
        self._alter_view(plan)
        self._compute(plan)
        waiting = self._waiting[plan.definition.record.id]
        while waiting:
            before = set(waiting)
            self._add_columns(plan)
            self._define(plan)
            self._compute(plan)
            assert waiting != before, "a model has no circles"
        again = {change.op.name for change in chosen(plan, "index", "add")}
        for change in chosen(plan, "index", "drop"):
            if change.op.name in again:
                self._drop(plan, change)
        for change in chosen(plan, "index", "add"):
            self._add_index(plan, change)

    def _define(self, plan: TablePlan) -> None:
        """Set the definitions that are over nothing which waits; their cells are computed later."""
        waiting = self._waiting[plan.definition.record.id]
        for change, expr in new_definitions(plan):
            name = str(change.op.name)
            self._table(plan)
            new = self._planned(expr)
            if name in waiting and not _is_over_siblings(new) and not is_over(plan, expr, blocked(plan, waiting)):
                self._redefine(plan, change, new)
                waiting.discard(name)

    def _redefine(self, plan: TablePlan, change: Change, new: Expr) -> None:
        column, session, path = change.column, self._session, str(plan.path)
        assert column is not None
        assert column.expr is not None
        name, old, table_id = column.name, column.expr, self._known(plan).id

        def undo(_: Table) -> bool:
            redefine_column(session, table_id, path, name, old)
            with watched(session, f"Computing {path}.{name}") as tally:
                recompute_by_present_definitions(session, table_id, path, abort=False, tally=tally)
            return True

        self._do(plan, change.op.description, lambda _: redefine_column(session, table_id, path, name, new), undo)
        self._uncomputed.add(path)

    def _alter_view(self, plan: TablePlan) -> None:
        """Give a view another filter, other arguments of its iterator, or both."""
        if not chosen(plan, "table", "alter"):
            return
        self._table(plan)
        view, left = self._known(plan), 0
        before, new = present_view(view), planned_view(plan.definition, self._tables)

        def work(_: Table) -> None:
            nonlocal left
            left = self._altered(view, new).row_count_stats.del_rows

        def undo(_: Table) -> bool:
            self._altered(view, before)
            return not left or not has_set_cells(view)

        self._do(plan, "alter which rows it has", work, undo)

    def _altered(self, view: TableRecord, new: NewDefinition) -> UpdateStatus:
        with watched(self._session, f"Altering view {view.path}") as tally:
            status = alter_view(self._session, view.id, view.path, new, tally=tally)
        announce(self._session, status)
        return status

    def _compute(self, plan: TablePlan) -> None:
        """Compute the cells that another definition computed; the way back is that of the definition."""
        path, session = str(plan.path), self._session
        if path not in self._uncomputed:
            return
        self._uncomputed.discard(path)
        table_id = self._known(plan).id
        with watched(session, f"Computing {path}") as tally:
            try:
                status = recompute_by_present_definitions(session, table_id, path, abort=True, tally=tally)
            except CellFailure as error:
                hint = "Table.alter_computed_column() changes a definition whatever cells fail by it."
                raise with_addition(error, hint) from error.__cause__
            finally:
                self._steps.note(Step(f"compute {path}", table_id, path, tuple(tally.versions), lambda: True))
        announce(session, status)

    def _add_columns(self, plan: TablePlan) -> None:
        """Add the columns that are over nothing which waits."""
        waiting = self._waiting[plan.definition.record.id]
        self._table(plan)
        not_yet = blocked(plan, waiting)
        specs = [
            self._planned_spec(spec)
            for spec in new_columns(plan)
            if spec.name in waiting and (spec.expr is None or not is_over(plan, spec.expr, not_yet))
        ]
        schema = {spec.name: _as_schema(spec) for spec in specs}

        def undo(_: Table) -> bool:
            table_id, path = self._known(plan).id, str(plan.path)
            gone = [columns.drop_unwritten(self._session, table_id, path, name) for name in reversed(schema)]
            return all(gone)

        if schema:
            self._do(plan, f"add {', '.join(schema)}", lambda table: table.add_columns(schema), undo)
            waiting.difference_update(schema)

    def _alter_type(self, plan: TablePlan, change: Change, spec: ColumnSpec) -> None:
        self._do(plan, change.op.description, lambda table: table.alter_column(spec.name, type_=spec.type))

    def _add_index(self, plan: TablePlan, change: Change) -> None:
        assert isinstance(change.subject, NewIndex | NewBtree)
        self._table(plan)
        new = planned_index(change.subject, self._tables)
        before = _index_names(self._known(plan))

        def undo(table: Table) -> bool:
            table.drop_index(idx_name=name_of_index(self._known(plan), new, before))
            return True

        self._do(plan, change.op.description, partial(_add_new_index, self._session, new=new), undo)

    def _drop(self, plan: TablePlan, change: Change) -> None:
        """Drop a column or an index, unless that was done before."""
        if any(change is gone for gone in self._gone):
            return
        self._gone.append(change)
        name = str(change.op.name)
        if change.op.target == "column":
            self._do(plan, change.op.description, lambda table: table.drop_column(name))
        else:
            self._do(plan, change.op.description, lambda table: table.drop_index(idx_name=name))

    # Tables and expressions as of now

    def _planned(self, expr: Expr) -> Expr:
        return planned(expr, self._tables)

    def _planned_spec(self, spec: ColumnSpec) -> ColumnSpec:
        return spec if spec.expr is None else replace(spec, expr=self._planned(spec.expr))

    def _known(self, plan: TablePlan) -> TableRecord:
        known = self._tables[plan.definition.record.id]
        assert known is not None
        return known

    def _table(self, plan: TablePlan) -> Table:
        """A handle of the table as it is by now, which the expressions of the models are over from now on."""
        known = self._known(plan)
        record = self._session.refresh().table(known.id, name=known.path)
        self._tables[plan.definition.record.id] = record
        return handle_of(self._session, record)

    def _do(
        self,
        plan: TablePlan,
        text: str,
        work: Callable[[Table], object],
        undo: Callable[[Table], bool] | None = None,
    ) -> None:
        """Change a table, and note how to change it back."""
        table = self._table(plan)
        way_back = None if undo is None else lambda: undo(self._table(plan))
        self._steps.change(text, self._known(plan).id, str(plan.path), lambda: work(table), way_back)
        self._table(plan)


def _to_settle(plan: TablePlan) -> set[str]:
    return {spec.name for spec in new_columns(plan)} | {str(change.op.name) for change, _ in new_definitions(plan)}


def _is_over_siblings(expr: Expr) -> bool:
    return any(isinstance(node, ColumnRef) and node.ref_table == SIBLINGS for node in nodes_in(expr))


def _as_schema(spec: ColumnSpec) -> Mapping[str, Any]:
    given = {"type": spec.type, "default": spec.default} if spec.expr is None else {"value": spec.expr}
    return {**given, "stored": spec.stored, "comment": spec.comment, "custom_metadata": spec.custom_metadata}


def _index_names(record: TableRecord) -> set[str]:
    return {index.name for index in record.indexes} | {index.name for index in record.btrees}


def _add_new_index(session: Session, table: Table, *, new: NewIndex | NewBtree) -> None:
    table_id, path = table._id, table._path  # noqa: SLF001  # a friend
    if isinstance(new, NewBtree):
        btrees.add_btree(session, table_id, path, new, if_exists="error")
        return
    with watched(session, f"Indexing {path}.{new.column}") as tally:
        try:
            indexes.add_index(session, table_id, path, new, if_exists="error", tally=tally)
        except BaseException:
            indexes.give_up_index(session, table_id, path, new)
            raise
