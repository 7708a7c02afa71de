"""What a view has of rows of its base: which of them, or which items of lists in them, and its own columns of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidExpression
from pixeltable.exec.batch import Batch, Column, Failure, failure_of
from pixeltable.exec.context import Context
from pixeltable.exec.evaluate import column_of
from pixeltable.exec.filter import filter_batch
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.properties import RowId
from pixeltable.plan.bind import bind
from pixeltable.session.compute import Computation, plan_computation
from pixeltable.session.entries import error_text, failure_count
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries, Piece, ViewPiece, ViewTarget
from pixeltable.types.conform import CellRejected, conform


@dataclass(frozen=True, slots=True)
class ViewRows:
    """Rows of a view; `parents` are the places of the rows of the base they are of, in the batch they were made of.

    `failures` are there for rows of the base of which no list could be made, by their places.
    """

    batch: Batch
    parents: list[int]
    failed: int
    failures: Mapping[int, Failure] = field(default_factory=dict)

    def only(self, places: Sequence[int]) -> "ViewRows":
        """Some of the rows, with all that failed."""
        return replace(self, batch=self.batch.take(places), parents=[self.parents[place] for place in places])


@dataclass(frozen=True, slots=True)
class Members:
    """The rows of the base that a view's filter keeps, and their places; where it failed, they are left out."""

    batch: Batch
    places: list[int]
    failures: Sequence[Failure] = ()


@dataclass(frozen=True, slots=True)
class Derivation:
    """How the rows of a view are made of those of its base; with `abort`, what fails ends it."""

    view: TableRecord
    computation: Computation
    context: Context
    abort: bool
    take_ids: Callable[[int], Sequence[int]] | None = None
    """Takes ids for so many rows of an exploded view, where which rows views over it have depends on them."""

    @property
    def outputs(self) -> list[ColumnRecord]:
        """The columns that come from the items of a list."""
        assert self.view.view is not None
        return [column for column in self.view.columns if self.view.view.makes(column.id)]

    @property
    def _plain(self) -> list[ColumnRecord]:
        """The columns that users set, which are null at first, or their default."""
        outputs = self.outputs
        return [c for c in self.view.columns if c.expr is None and c not in outputs]

    def rows_of(self, base: Batch) -> ViewRows:
        """The rows that the view has of rows of its base.

        Raises:
            InvalidExpression, CellFailure: see `members` and `rows_of_members`.
        """
        return self.rows_of_members(self.members(base))

    def rows_of_members(self, members: Members) -> ViewRows:
        """The rows that the view has of rows of its base that its filter keeps.

        Raises:
            InvalidExpression: what is exploded failed in a row, and that ends it.
            CellFailure: a cell failed, and that ends it.
        """
        return self.completed(self.items_of(members))

    def items_of(self, members: Members) -> ViewRows:
        """The rows that the view has of rows of its base, without what is set and computed in them.

        Raises:
            InvalidExpression: what is exploded failed in a row, and that ends it.
        """
        if not self.view.is_exploded:
            return ViewRows(members.batch, members.places, len(members.failures))
        lists = self._lists(members.batch)
        failures = {members.places[row]: failure for row, failure in lists.failures.items()}
        batch, rows, failed = self._exploded(members.batch, lists)
        failed += len(members.failures) + len(failures)
        return ViewRows(batch, [members.places[row] for row in rows], failed, failures)

    def completed(self, rows: ViewRows) -> ViewRows:
        """Rows with what is set in them at first, and computed.

        Raises:
            CellFailure: a cell failed, and that ends it.
        """
        batch = rows.batch
        if self.take_ids is not None:
            batch.put(self._row_id, Column(list(self.take_ids(batch.count))))
        for column in self._plain:
            default = None if column.default is None else column.default.value
            batch.put(self.view.ref(column), Column([default] * batch.count))
        evaluate_goals(batch, self.computation.goals)
        return replace(rows, failed=rows.failed + failure_count(self.computation.cells(batch)))

    def piece(self, made: ViewRows, entries: Callable[[Heap], Entries | None] | None = None) -> ViewPiece:
        """What is written of rows; `entries` reads what goes into a heap, where it was put aside."""
        first = self.outputs[0].db_name if made.failures else ""
        failures = {place: error_text({first: failure}) for place, failure in made.failures.items()}
        entries = entries or partial(self.entries, made.batch)
        piece = Piece(made.batch.count, entries, bool(made.failed))
        ids = made.batch.get(self._row_id) if self.view.is_exploded else None
        return ViewPiece(made.parents, piece, failures, None if ids is None else ids.values)

    @property
    def _row_id(self) -> Expr:
        return RowId(self.view.id)

    def members(self, base: Batch) -> Members:
        """The rows of the base that the view is about; of a sample, their ids have to be known.

        Raises:
            InvalidExpression: the filter failed in a row, and that ends it.
        """
        assert self.view.view is not None
        condition = self.view.view.condition
        if condition is None:
            return Members(base, list(range(base.count)))
        failures: list[Failure] = []

        def truth(condition: Expr, batch: Batch) -> list[Any]:
            column = column_of(condition, batch, self.context)
            self._check(condition, column)
            failures.extend(column.failures.values())
            return column.values

        kept, places = filter_batch(bind(condition, self.view, role="the view's filter"), base, truth)
        return Members(kept, places, failures)

    def _check(self, expr: Expr, column: Column) -> None:
        if self.abort and column.failures:
            hint = "With on_error='ignore' the row stays, without rows in the view."
            raise failed_definition(self.view, expr, column.failures[min(column.failures)], hint=hint)

    def _lists(self, base: Batch) -> Column:
        assert self.view.view is not None
        assert self.view.view.explode is not None
        expr = bind(self.view.view.explode, self.view, role="the view's iterator")
        lists = column_of(expr, base, self.context)
        self._check(expr, lists)
        return lists

    def _exploded(self, base: Batch, lists: Column) -> tuple[Batch, list[int], int]:
        """A row for each item, the rows of the base they are of, and how many cells failed."""
        assert self.view.view is not None
        rows = [row for row, items in enumerate(lists.values) for _ in items or ()]
        batch = base.take(rows)
        items = [item for found in lists.values for item in found or ()]
        keys = dict(self.view.view.outputs)
        places, *others = self.outputs
        numbers = [place for found in lists.values for place in range(len(found or ()))]
        batch.put(self.view.ref(places), Column(numbers))
        failed = 0
        for column in others:
            cells = self._cells(column, [item.get(keys[column.id]) for item in items])
            self._check(self.view.ref(column), cells)
            failed += len(cells.failures)
            batch.put(self.view.ref(column), cells)
        return batch, rows, failed

    def _cells(self, column: ColumnRecord, values: Sequence[Any]) -> Column:
        try:
            return Column(conform(column.type, values, zone=self.context.zone))
        except CellRejected:
            pass  # which cells are at fault is found below
        cells: list[Any] = []
        failures: dict[int, Failure] = {}
        for row, value in enumerate(values):
            try:
                cells += conform(column.type, [value], zone=self.context.zone)
            except CellRejected as error:
                cells.append(None)
                failures[row] = failure_of(TypeError(f"the iterator's {column.name!r}: {error.reason}"))
        return Column(cells, failures)

    def entries(self, batch: Batch, heap: Heap) -> Entries | None:
        """What is written of new rows into one of the view's heaps."""
        given = [*self.outputs, *(column for column in self._plain if column.default is not None)]
        return self.computation.row_entries(batch, heap, given)


def failed_definition(view: TableRecord, expr: Expr, failure: Failure, *, hint: str) -> InvalidExpression:
    """The error for a filter or an iterator that fails, and that ends it."""
    error = InvalidExpression(
        f"`{expr}` of view {view.path!r} failed: {failure.error.type}: {failure.error.message}. "
        f"Inputs: {failure.inputs or 'none'}",
        hint=hint,
    )
    error.__cause__ = failure.exception
    return error


def views_over(catalog: Catalog, table: TableRecord) -> list[tuple[TableRecord, int | None]]:
    """The views over a table, each after its base, and the place of that in the list; None: it is the table."""
    views = catalog.views_of(table.id)
    places: dict[int, int | None] = {table.id: None}
    for place, view in enumerate(views):
        places[view.id] = place
    return [(view, places[view.view.base]) for view in views if view.view is not None]


def target_of(view: TableRecord, parent: int | None, *, errors: int = 0, stamp: int | None = None) -> ViewTarget:
    """Where a view is written, over the view written as number `parent`, or the table."""
    failures = view.failures_heap
    heaps = tuple(heap for heap in view.heaps if heap != failures)
    return ViewTarget(view.target, heaps, parent, view.is_exploded, failures, errors, stamp)


def inputs_of(view: TableRecord) -> set[int]:
    """The stored columns of its bases that the rows of a view are made of."""
    found = {index.column for index in view.indexes}
    for expr in view.definitions:
        found |= referred_columns(bind(expr, view, role=f"view {view.path!r}"))
    own = {column.id for column in view.columns}
    return {column.id for column in view.known_columns if column.heap is not None and column.id in found - own}


def derivation_of(
    view: TableRecord, context: Context, *, abort: bool, take_ids: Callable[[int], Sequence[int]] | None = None
) -> Derivation:
    """How rows of a view are made.

    Raises:
        InvalidColumn, ForeignPickle: a column or an index needs a function that is not to be had here.
    """
    computation = plan_computation(view, view.columns, view.indexes, context, abort=abort)
    return Derivation(view, computation, context, abort, take_ids)
