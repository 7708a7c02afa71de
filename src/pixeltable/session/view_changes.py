"""What a change of rows makes of the views over their table: rows stay, come or leave, and cells are computed again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exec.batch import Batch
from pixeltable.exec.context import Context
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import bind
from pixeltable.session.compute import plan_computation
from pixeltable.session.entries import failure_count
from pixeltable.session.found_rows import FoundRows, matching_rows, written_heaps
from pixeltable.session.joint_stamps import Computed, joint_stamp
from pixeltable.session.session import Session
from pixeltable.session.view_rows import Derivation, Members, ViewRows, derivation_of, inputs_of, target_of, views_over
from pixeltable.storage.changes import Entering, ViewChange
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Change, Counts
from pixeltable.types.status import RowCountStats


def views_alone(session: Session, table: TableRecord) -> list[ViewChange]:
    """The views over a table whose rows are deleted: what is of them leaves, nothing else changes."""
    return [ViewChange(target_of(view, parent)) for view, parent in views_over(session.catalog, table)]


def inputs_of_views(catalog: Catalog, table: TableRecord) -> set[int]:
    """The stored columns of a table, and of its bases, that rows of the views over it are made of."""
    known = {column.id for column in table.known_columns}
    return {column for view in catalog.views_of(table.id) for column in inputs_of(view)} & known


def cascaded(done: Sequence[Counts]) -> RowCountStats:
    """What a receipt says of the views."""
    total = RowCountStats()
    for counts in done:
        total += RowCountStats(counts.inserts, counts.deletes, counts.updates, counts.errors)
    return total


def growth(catalog: Catalog, changes: Sequence[ViewChange]) -> list[tuple[TableRecord, int]]:
    """The views that change, and how many entries each gets at most in a heap."""
    found = []
    for change in changes:
        view = catalog.find(change.view.target.table_id)
        if view is not None:
            kept = sum(len(kept.rows) for kept in change.changes)
            found.append((view, kept + sum(entering.part.piece.count for entering in change.entering)))
    return found


@dataclass(frozen=True, slots=True)
class RowsAfter:
    """Rows of a table after a change: those that stay, with their new cells, and which columns may be other ones.

    `batch` has all columns that `inputs_of_views` names. `come` are rows that come into the table, as batches.
    """

    rows: Sequence[int] = ()
    batch: Batch = field(default_factory=lambda: Batch(0))
    touched: frozenset[int] = frozenset()
    come: list[Batch] = field(default_factory=list)


def view_changes(
    session: Session, table: TableRecord, parts: Sequence[RowsAfter], context: Context, catalog: Catalog | None = None
) -> list[ViewChange]:
    """What becomes of the views over a table, in which the rows of each part change in other columns.

    No row is in two parts. The views are those of `catalog`, if it is given, which is about to be that of the session.
    """
    states: list[list[RowsAfter]] = []
    changes = []
    start = [replace(part, touched=_with_unstored(table, part.touched)) for part in parts]
    for view, parent in views_over(catalog or session.catalog, table):
        derivation = derivation_of(view, context, abort=False)
        work = _ViewWork(session, derivation, parent)
        states.append([work.follow(part) for part in (start if parent is None else states[parent])])
        changes.append(work.change())
    return changes


def made_anew(
    session: Session, view: TableRecord, rows: Sequence[int], batch: Batch, context: Context
) -> list[ViewChange]:
    """What becomes of an exploded view, and of those over it, where what it has of rows of its base is made again."""
    work = _ViewWork(session, derivation_of(view, context, abort=False), None)
    states = [work.make_anew(RowsAfter(rows, batch))]
    changes = [work.change()]
    for over, parent in views_over(session.catalog, view):
        place = 0 if parent is None else parent + 1
        work = _ViewWork(session, derivation_of(over, context, abort=False), place)
        states.append(work.follow(states[place]))
        changes.append(work.change())
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
    """One view on its way, and what becomes of it by the parts that it has followed."""

    session: Session
    derivation: Derivation
    parent: int | None
    changes: list[Change] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    anew: list[int] = field(default_factory=list)
    entering: list[Entering] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    lacking: list[int] = field(default_factory=list)
    errors: int = 0
    base: RowsAfter = field(default_factory=RowsAfter)
    """The part that is looked at."""

    before: int = 0
    """How many batches have come into the base with the parts before."""

    def follow(self, base: RowsAfter) -> RowsAfter:
        """Do what the next part of the change of the base asks for; what it is for the rows of the view."""
        self.base = base
        assert self.view.view is not None
        if self._is_touched(self.view.view.explode):
            state = self.make_anew(base)
        else:
            state = self._follow_rows() if base.rows else RowsAfter(touched=base.touched)
        for number, batch in enumerate(base.come, start=self.before):
            self._enter(self.derivation.rows_of(batch), number, state)
        self.before += len(base.come)
        return state

    def make_anew(self, base: RowsAfter) -> RowsAfter:
        """Make the rows of rows of the base again."""
        self.base = base
        state = RowsAfter(touched=base.touched)
        self.anew += base.rows
        self._enter_of_rows(range(base.batch.count), state)
        return state

    def change(self) -> ViewChange:
        """What becomes of the view."""
        stamp = joint_stamp(self.session, self.view, self.computed)
        target = target_of(self.view, self.parent, errors=self.errors, stamp=stamp)
        return ViewChange(target, self.changes, self.left, self.anew, self.entering, self.lacking)

    @property
    def view(self) -> TableRecord:
        return self.derivation.view

    def _follow_rows(self) -> RowsAfter:
        """Rows of the base stay: so do theirs, or they leave, or others come."""
        base, members, record = self.base, self._members(), self.view.view
        assert record is not None
        of = members.bases or members.rows
        present = set(of)
        absent = [row for row in base.rows if row not in present]
        if record.status == "filling" or self.view.is_exploded:  # who makes the view, or lists again, may add them
            self.lacking += absent
        staying = list(range(len(members.rows)))
        coming: list[int] = []
        if self._is_touched(record.where):
            among = self.derivation.members(base.batch)
            self.errors += among.failed
            kept, wanted = among.places, {base.rows[place] for place in among.places}
            staying = [place for place, row in enumerate(of) if row in wanted]
            coming = [place for place in kept if base.rows[place] not in present]
            if self.view.is_exploded:  # those it has nothing of may be among those its iterator failed for
                self.anew += absent
        stays = set(staying)
        self.left += [row for place, row in enumerate(members.rows) if place not in stays]
        state = self._keep(members, staying)
        self._enter_of_rows(coming, state)
        return state

    def _is_touched(self, expr: Expr | None) -> bool:
        """Whether what decides which rows the view has may be another value."""
        if expr is None:
            return False
        return bool(referred_columns(bind(expr, self.view, role=f"view {self.view.path!r}")) & self.base.touched)

    def _members(self) -> FoundRows:
        """The rows that the view has of those of the base that stay, with their own cells."""
        again = self._dependents()
        own = [column for column in self.view.columns if column.heap is not None and column not in again]
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

    def _written(self) -> list[Heap]:
        touched = self._touched()
        indexes = [index for index in self.view.indexes if index.column in touched]
        return [*written_heaps(self.view, self._dependents()), *(self.view.heap(index.id) for index in indexes)]

    def _keep(self, members: FoundRows, staying: list[int]) -> RowsAfter:
        """What changes of the rows that stay."""
        places = self._places_in_base(members)
        batch = self.base.batch.take([places[place] for place in staying])
        batch.include(members.batch.take(staying))
        dependents, touched = self._dependents(), self._touched()
        rows = [members.rows[place] for place in staying]
        indexes = [index for index in self.view.indexes if index.column in touched]
        if rows and (dependents or indexes):
            computation = plan_computation(self.view, dependents, indexes, self.derivation.context, abort=False)
            evaluate_goals(batch, computation.goals)
            self.errors += failure_count(computation.cells(batch))
            entries = computation.entries(batch, [])
            seen = tuple(entry.only(staying) for entry in members.seen if entry.heap in self.view.heaps)
            closed = tuple(heap for heap in self._written() if all(entry.heap != heap for entry in entries))
            self.changes.append(Change(rows, seen, tuple(entries), closed=closed))
            self.computed.append(Computed(computation, {heap.id for heap in self._written()}))
        return RowsAfter(rows, batch, touched)

    def _places_in_base(self, members: FoundRows) -> list[int]:
        """For each row of the view the place of the row it is of."""
        places = {row: place for place, row in enumerate(self.base.rows)}
        return [places[row] for row in (members.bases or members.rows)]

    def _enter_of_rows(self, places: Sequence[int], state: RowsAfter) -> None:
        """The view gets rows of rows of the base, in these places, that were there before."""
        if not places:
            return
        chosen = self.base.batch.take(places)
        every = Members(chosen, list(range(chosen.count)))
        made = self.derivation.rows_of_members(self.derivation.members(chosen) if self.view.is_exploded else every)
        self._enter(made, [self.base.rows[place] for place in places], state)

    def _enter(self, made: ViewRows, bases: Sequence[int] | int, state: RowsAfter) -> None:
        self.errors += made.failed
        self.entering.append(Entering(self.derivation.piece(made), bases))
        self.computed.append(Computed(self.derivation.computation, {heap.id for heap in self.view.heaps}))
        state.come.append(made.batch)
