"""What a change of rows makes of the views over their table: rows stay, come or leave, and cells are computed again."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.context import Context
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exprs.expr import Expr
from pixeltable.plan.bind import bind
from pixeltable.session.compute import plan_computation
from pixeltable.session.entries import failure_count
from pixeltable.session.found_rows import FoundRows, matching_rows, written_heaps
from pixeltable.session.joint_stamps import Computed, joint_stamp
from pixeltable.session.row_ids import put_ids, taker_of_ids
from pixeltable.session.session import Session
from pixeltable.session.view_items import Match, matched
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
        derivation = _derivation(session, catalog or session.catalog, view, context)
        work = _ViewWork(session, derivation, parent)
        states.append([work.follow(part) for part in (start if parent is None else states[parent])])
        changes.append(work.change())
    return changes


class Remaking:
    """Making again what a view has of rows of its base, whose own cells stay; the views over it follow."""

    def __init__(self, session: Session, view: TableRecord, context: Context) -> None:
        self._work = _ViewWork(session, _derivation(session, session.catalog, view, context), None)
        self._others = [
            _ViewWork(
                session, _derivation(session, session.catalog, over, context), 0 if parent is None else parent + 1
            )
            for over, parent in views_over(session.catalog, view)
        ]

    def call_again(self, rows: Sequence[int], batch: Batch, touched: Iterable[int] = ()) -> None:
        """The iterator is called for rows, of which `batch` has all that `inputs_of` the views names.

        Columns of the view that are `touched` have other values also where the rest of an item is the same.
        """
        self._follow(self._work.call_again(RowsAfter(rows, batch, frozenset(touched))))

    def filter_again(self, rows: Sequence[int], batch: Batch) -> None:
        """The filter is asked about rows."""
        self._follow(self._work.filter_again(RowsAfter(rows, batch)))

    def _follow(self, state: RowsAfter) -> None:
        states = [state]
        for work in self._others:
            assert work.parent is not None
            states.append(work.follow(states[work.parent]))

    @property
    def filter_failure(self) -> Failure | None:
        """How the filter failed first, if it did."""
        return self._work.filter_failure

    @property
    def list_failure(self) -> Failure | None:
        """How the iterator failed first, for a row of the base of which the view had rows, if it did."""
        return self._work.list_failure

    def changes(self) -> list[ViewChange]:
        """What becomes of the view, and of those over it."""
        return [work.change() for work in (self._work, *self._others)]


def _derivation(session: Session, catalog: Catalog, view: TableRecord, context: Context) -> Derivation:
    return derivation_of(view, context, abort=False, take_ids=taker_of_ids(session, catalog, view))


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
    tried: list[int] = field(default_factory=list)
    entering: list[Entering] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    lacking: list[int] = field(default_factory=list)
    errors: int = 0
    filter_failure: Failure | None = None
    list_failure: Failure | None = None
    """How the iterator failed first for a row of the base of which the view had rows."""
    base: RowsAfter = field(default_factory=RowsAfter)
    """The part that is looked at."""

    before: int = 0
    """How many batches have come into the base with the parts before."""

    def follow(self, base: RowsAfter) -> RowsAfter:
        """Do what the next part of the change of the base asks for; what it is for the rows of the view."""
        self.base = base
        assert self.view.view is not None
        if not base.rows:
            state = RowsAfter(touched=base.touched)
        elif self._is_touched(self.view.view.explode):
            state = self.call_again(base)
        else:
            state = self.filter_again(base) if self._is_touched(self.view.view.where) else self._follow_rows()
        for number, batch in enumerate(base.come, start=self.before):
            self._enter(self.derivation.rows_of(batch), number, state)
        self.before += len(base.come)
        return state

    def change(self) -> ViewChange:
        """What becomes of the view."""
        stamp = joint_stamp(self.session, self.view, self.computed)
        target = target_of(self.view, self.parent, errors=self.errors, stamp=stamp)
        return ViewChange(target, self.changes, self.left, self.tried, self.entering, self.lacking)

    @property
    def view(self) -> TableRecord:
        return self.derivation.view

    def _follow_rows(self) -> RowsAfter:
        """Rows of the base stay, and so do theirs."""
        members = self._members(self.base.touched)
        assert self.view.view is not None
        if self.view.view.status == "filling" or self.view.is_exploded:  # who makes the view, or lists, may add them
            self.lacking += self._absent(members)
        return self._keep(members, list(range(len(members.rows))), self.base.touched)

    def filter_again(self, base: RowsAfter) -> RowsAfter:
        """Rows of the base stay; theirs leave, or others come, as the filter says."""
        self._look_at(base)
        members = self._members(base.touched)
        absent = self._absent(members)
        among = self.derivation.members(base.batch)
        self.errors += len(among.failures)
        self.filter_failure = self.filter_failure or next(iter(among.failures), None)
        wanted = {base.rows[place] for place in among.places}
        coming = wanted.intersection(absent)
        if self.view.is_exploded:  # the iterator may have failed for those it has nothing of
            self.tried += absent
            self.lacking += absent
        else:
            assert self.view.view is not None
            self.lacking += absent if self.view.view.status == "filling" else ()
        of = members.bases or members.rows
        staying = [place for place, row in enumerate(of) if row in wanted]
        self.left += [row for row, of_row in zip(members.rows, of, strict=True) if of_row not in wanted]
        state = self._keep(members, staying, base.touched)
        places = [place for place in among.places if base.rows[place] in coming]
        if places:
            self._enter(self.derivation.rows_of_members(Members(base.batch.take(places), places)), base.rows, state)
        return state

    def call_again(self, base: RowsAfter) -> RowsAfter:
        """Have the iterator list the items of rows of the base again; what it yields again stays what it was."""
        self._look_at(base)
        among = self.derivation.members(base.batch)
        self.filter_failure = self.filter_failure or next(iter(among.failures), None)
        made = self.derivation.items_of(among)
        members = self._members(base.touched | {self._place.id})
        absent = self._absent(members)
        self.lacking += absent
        self.tried += base.rows
        lost = (failure for place, failure in made.failures.items() if base.rows[place] not in absent)
        self.list_failure = self.list_failure or next(lost, None)
        match = matched(self.derivation, members, made, self._places_in_base(members))
        self.left += [members.rows[place] for place in match.gone]
        state = self._keep_moved(members, match, made)
        self._enter(self.derivation.completed(made.only(match.new)), base.rows, state)
        return state

    def _look_at(self, base: RowsAfter) -> None:
        self.base = base
        assert self.view.base is not None
        put_ids(base.batch, self.view.base, base.rows)

    def _absent(self, members: FoundRows) -> list[int]:
        """The rows of the base that the view has nothing of."""
        present = set(members.bases or members.rows)
        return [row for row in self.base.rows if row not in present]

    def _is_touched(self, expr: Expr | None) -> bool:
        """Whether what decides which rows the view has may be another value."""
        if expr is None:
            return False
        return bool(referred_columns(bind(expr, self.view, role=f"view {self.view.path!r}")) & self.base.touched)

    def _members(self, touched: frozenset[int]) -> FoundRows:
        """The rows that the view has of those of the base that stay, with their own cells that stay with them."""
        again = self._dependents(touched)
        own = [column for column in self.view.columns if column.heap is not None and column not in again]
        refs = [self.view.ref(column) for column in own]
        heaps = [self.view.row_heap, *self._written(touched)]
        if self.view.is_exploded:
            return matching_rows(self.session, self.view, refs, heaps=heaps, base_rows=self.base.rows)
        return matching_rows(self.session, self.view, refs, heaps=heaps, rows=self.base.rows)

    @property
    def _place(self) -> ColumnRecord:
        """Of an exploded view, the column that says where in a list a row is."""
        return self.derivation.outputs[0]

    def _dependents(self, touched: frozenset[int]) -> list[ColumnRecord]:
        """The stored columns of the view that are computed again."""
        return [column for column in self.view.dependents(touched) if column.heap is not None]

    def _written(self, touched: frozenset[int]) -> list[Heap]:
        """The heaps of what is written again of rows that stay, other than the rows themselves."""
        reached = touched | {column.id for column in self.view.dependents(touched)}
        indexes = [index for index in self.view.indexes if index.column in reached]
        heaps = [*written_heaps(self.view, self._dependents(touched)), *(self.view.heap(index.id) for index in indexes)]
        return [heap for heap in heaps if heap != self.view.row_heap]

    def _keep(self, members: FoundRows, staying: list[int], touched: frozenset[int]) -> RowsAfter:
        """What changes of rows that stay where they are."""
        places = self._places_in_base(members)
        batch = self.base.batch.take([places[place] for place in staying])
        batch.include(members.batch.take(staying))
        return self._write_again(members, staying, batch, touched, given=[])

    def _keep_moved(self, members: FoundRows, match: Match, made: ViewRows) -> RowsAfter:
        """What changes of rows that stay, perhaps in other places of their lists."""
        staying = [place for place, _ in match.kept]
        batch = made.batch.take([item for _, item in match.kept])
        batch.include(members.batch.take(staying))
        place = self.view.ref(self._place)
        now = made.batch.get(place)
        assert now is not None
        numbers = [now.values[item] for _, item in match.kept]
        before = batch.get(place)
        assert before is not None
        if before.values == numbers and not self.base.touched & {self._place.id}:
            return self._write_again(members, staying, batch, self.base.touched, given=[])
        batch.put(place, Column(numbers))
        return self._write_again(members, staying, batch, self.base.touched | {self._place.id}, given=[self._place])

    def _write_again(
        self,
        members: FoundRows,
        staying: list[int],
        batch: Batch,
        touched: frozenset[int],
        *,
        given: list[ColumnRecord],
    ) -> RowsAfter:
        """Compute what depends on what changed of rows that stay, and write it with the columns given."""
        dependents = self._dependents(touched)
        reached = touched | {column.id for column in self.view.dependents(touched)}
        indexes = [index for index in self.view.indexes if index.column in reached]
        rows = [members.rows[place] for place in staying]
        if rows and (dependents or indexes or given):
            computation = plan_computation(self.view, dependents, indexes, self.derivation.context, abort=False)
            evaluate_goals(batch, computation.goals)
            self.errors += failure_count(computation.cells(batch))
            entries = computation.entries(batch, given)
            written = self._written(touched)
            closed = tuple(heap for heap in written if all(entry.heap != heap for entry in entries))
            seen = tuple(entry.only(staying) for entry in members.seen if entry.heap in self.view.heaps)
            self.changes.append(Change(rows, seen, tuple(entries), closed=closed))
            self.computed.append(Computed(computation, {heap.id for heap in written}))
        return RowsAfter(rows, batch, reached)

    def _places_in_base(self, members: FoundRows) -> list[int]:
        """For each row of the view the place of the row it is of."""
        places = {row: place for place, row in enumerate(self.base.rows)}
        return [places[row] for row in (members.bases or members.rows)]

    def _enter(self, made: ViewRows, bases: Sequence[int] | int, state: RowsAfter) -> None:
        """The view gets rows of rows of its base: of some that were there before, or of those of a batch that comes."""
        self.errors += made.failed
        self.entering.append(Entering(self.derivation.piece(made), bases))
        self.computed.append(Computed(self.derivation.computation, {heap.id for heap in self.view.heaps}))
        state.come.append(made.batch)
