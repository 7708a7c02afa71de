"""What a change of rows makes of the views over their table: rows stay, come or leave, and cells are computed again."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.exec.batch import Batch
from pixeltable.exec.context import Context
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import bind
from pixeltable.session.codes import stamp_of
from pixeltable.session.compute import Computation, plan_computation
from pixeltable.session.entries import failure_count
from pixeltable.session.found_rows import FoundRows, matching_rows, written_heaps
from pixeltable.session.session import Session
from pixeltable.session.view_rows import Derivation, ViewRows, derivation_of, inputs_of, views_over
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Change, Counts, Entering, Piece, ViewChange, ViewPiece, ViewTarget
from pixeltable.types.status import RowCountStats


def views_alone(session: Session, table: TableRecord) -> list[ViewChange]:
    """The views over a table whose rows are deleted: what is of them leaves, nothing else changes."""
    return [
        ViewChange(ViewTarget(view.target, view.heaps, parent, view.is_exploded))
        for view, parent in views_over(session, table)
    ]


def inputs_of_views(session: Session, table: TableRecord) -> set[int]:
    """The stored columns of a table, and of its bases, that rows of the views over it are made of."""
    known = {column.id for column in table.known_columns}
    return {column for view in session.catalog.views_of(table.id) for column in inputs_of(view)} & known


def cascaded(done: Sequence[Counts]) -> RowCountStats:
    """What a receipt says of the views."""
    total = RowCountStats()
    for counts in done:
        total += RowCountStats(counts.inserts, counts.deletes, counts.updates, counts.errors)
    return total


@dataclass(frozen=True, slots=True)
class _State:
    """Rows of a table after the change: those that stay, with their new cells, and which columns may be other ones.

    `entered` are rows that come, as batches.
    """

    rows: Sequence[int]
    batch: Batch
    touched: frozenset[int]
    entered: list[Batch] = field(default_factory=list)


def view_changes(
    session: Session, table: TableRecord, rows: Sequence[int], batch: Batch, touched: Collection[int], context: Context
) -> list[ViewChange]:
    """What becomes of the views over a table, in whose `rows` the columns `touched` have new cells.

    `batch` has them, and all that `inputs_of_views` names.
    """
    states: list[_State] = []
    changes = []
    start = _State(rows, batch, _with_unstored(table, touched))
    for view, parent in views_over(session, table):
        derivation = derivation_of(view, context, abort=False)
        base = start if parent is None else states[parent]
        change, state = _ViewWork(session, derivation, parent, base).run()
        states.append(state)
        changes.append(change)
    return changes


def _with_unstored(table: TableRecord, touched: Collection[int]) -> frozenset[int]:
    """The columns, and those that are not stored and give other values with them."""
    found = set(touched)
    for column in table.columns:
        if column.heap is None and column.expr is not None and referred_columns(column.expr) & found:
            found.add(column.id)
    return frozenset(found)


@dataclass(slots=True)
class _ViewWork:
    """One view on its way."""

    session: Session
    derivation: Derivation
    parent: int | None
    base: _State
    errors: int = 0

    def run(self) -> tuple[ViewChange, _State]:
        view, base = self.view, self.base
        if not base.rows and not base.entered:
            return ViewChange(self._target(None)), _State([], Batch(0), base.touched)
        assert view.view is not None
        if self._is_touched(view.view.explode):
            entering = self._entering(base.rows, base.batch, range(base.batch.count))
            found = [*entering, *self._from_entered()]
            state = _State([], Batch(0), base.touched, [made.batch for _, made in found])
            return ViewChange(self._target(None), anew=base.rows, entering=[e for e, _ in found]), state
        members = self._members()
        staying = list(range(len(members.rows)))
        coming: list[int] = []
        if base.rows and self._is_touched(view.view.where):
            _, kept = self.derivation.members(base.batch)
            of = members.bases or members.rows
            wanted, present = {base.rows[place] for place in kept}, set(of)
            staying = [place for place, row in enumerate(of) if row in wanted]
            coming = [place for place in kept if base.rows[place] not in present]
        stays = set(staying)
        left = [row for place, row in enumerate(members.rows) if place not in stays]
        change, state, computation = self._kept(members, staying)
        found = [*self._entering(base.rows, base.batch, coming), *self._from_entered()]
        state.entered.extend(made.batch for _, made in found)
        return ViewChange(self._target(computation), change, left, (), [e for e, _ in found]), state

    @property
    def view(self) -> TableRecord:
        return self.derivation.view

    def _target(self, computation: Computation | None) -> ViewTarget:
        used = computation or self.derivation.computation
        stamp = stamp_of(self.session, self.view, used.columns, used.indexes)
        return ViewTarget(self.view.target, self.view.heaps, self.parent, self.view.is_exploded, self.errors, stamp)

    def _is_touched(self, expr: Expr | None) -> bool:
        """Whether what decides which rows the view has may be another value."""
        if expr is None:
            return False
        return bool(referred_columns(bind(expr, self.view, role=f"view {self.view.path!r}")) & self.base.touched)

    def _members(self) -> FoundRows:
        """The rows that the view has of those of the base that stay, with their own cells."""
        own = [column for column in self.view.columns if column.heap is not None and not self._is_recomputed(column)]
        refs = [self.view.ref(column) for column in own]
        heaps = [self.view.row_heap, *self._written()]
        if self.view.is_exploded:
            return matching_rows(self.session, self.view, refs, heaps=heaps, base_rows=self.base.rows)
        return matching_rows(self.session, self.view, refs, heaps=heaps, rows=self.base.rows)

    def _dependents(self) -> list[ColumnRecord]:
        """The stored columns of the view that are computed again."""
        return [column for column in self.view.dependents(self.base.touched) if column.heap is not None]

    def _touched(self) -> frozenset[int]:
        """The columns that may be other ones in the view, of its own also those that are not stored."""
        return self.base.touched | {column.id for column in self.view.dependents(self.base.touched)}

    def _is_recomputed(self, column: ColumnRecord) -> bool:
        return column in self._dependents()

    def _written(self) -> list[Heap]:
        touched = self._touched()
        indexes = [index for index in self.view.indexes if index.column in touched]
        return [*written_heaps(self.view, self._dependents()), *(self.view.heap(index.id) for index in indexes)]

    def _kept(self, members: FoundRows, staying: list[int]) -> tuple[Change | None, _State, Computation | None]:
        """What changes of the rows that stay."""
        places = self._places_in_base(members)
        batch = self.base.batch.take([places[place] for place in staying])
        batch.include(members.batch.take(staying))
        dependents, touched = self._dependents(), self._touched()
        rows = [members.rows[place] for place in staying]
        indexes = [index for index in self.view.indexes if index.column in touched]
        state = _State(rows, batch, touched)
        if not rows or not (dependents or indexes):
            return None, state, None
        computation = plan_computation(self.view, dependents, indexes, self.derivation.context, abort=False)
        evaluate_goals(batch, computation.goals)
        self.errors += failure_count(computation.cells(batch))
        entries = computation.entries(batch, [])
        seen = tuple(entry.only(staying) for entry in members.seen if entry.heap in self.view.heaps)
        closed = tuple(heap for heap in self._written() if all(entry.heap != heap for entry in entries))
        return Change(rows, seen, tuple(entries), closed=closed), state, computation

    def _places_in_base(self, members: FoundRows) -> list[int]:
        """For each row of the view the place of the row it is of."""
        places = {row: place for place, row in enumerate(self.base.rows)}
        return [places[row] for row in (members.bases or members.rows)]

    def _entering(
        self, bases: Sequence[int], batch: Batch, places: Sequence[int]
    ) -> Iterator[tuple[Entering, ViewRows]]:
        """The rows that the view gets of rows of the base that were there before."""
        if not places:
            return
        made = self.derivation.rows_of_members(*self._among(batch, places))
        yield self._entering_of(made, [bases[place] for place in places]), made

    def _among(self, batch: Batch, places: Sequence[int]) -> tuple[Batch, list[int]]:
        chosen = batch.take(places)
        if self.view.is_exploded:
            return self.derivation.members(chosen)
        return chosen, list(range(chosen.count))

    def _from_entered(self) -> Iterator[tuple[Entering, ViewRows]]:
        """The rows that the view gets of rows that come into the base."""
        for number, batch in enumerate(self.base.entered):
            made = self.derivation.rows_of(batch)
            yield self._entering_of(made, number), made

    def _entering_of(self, made: ViewRows, bases: Sequence[int] | int) -> Entering:
        self.errors += made.failed
        derivation = self.derivation
        piece = Piece(made.batch.count, lambda heap: derivation.entries(made.batch, heap), bool(made.failed))
        return Entering(ViewPiece(made.parents, piece), bases)
