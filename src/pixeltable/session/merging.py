"""Merging a branch into its base: what was changed there since it began, or since the last merge, is done here too."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pixeltable.catalog import store
from pixeltable.catalog.records import BranchRecord, ColumnRecord, Fork, TableRecord, referred_columns
from pixeltable.exceptions import (
    InvalidState,
    MergeConflict,
    MissingValue,
    Unsupported,
)
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.context import Context
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exec.tally import Tally
from pixeltable.plan.bind import bind
from pixeltable.plan.query import Moment
from pixeltable.session.batch_rows import BatchRows
from pixeltable.session.branch_forks import last_fork
from pixeltable.session.branch_sides import Sides, sides_of
from pixeltable.session.change import retrying
from pixeltable.session.compute import plan_computation
from pixeltable.session.diffs import changed_rows
from pixeltable.session.found_rows import FoundRows, matching_rows, written_heaps
from pixeltable.session.merge_plan import Conflict, MergePlan, plan_merge
from pixeltable.session.merge_twins import located
from pixeltable.session.past import newest_moment, record_at
from pixeltable.session.receipts import receipt
from pixeltable.session.row_ids import put_ids
from pixeltable.session.row_parts import RowPart, write_parts
from pixeltable.session.running import refuse_in_transaction
from pixeltable.session.session import Session
from pixeltable.session.view_changes import cascaded, inputs_of_views
from pixeltable.storage.cells import stored_cells
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Change, Committed, RowsChanged
from pixeltable.types.status import RowCountStats, UpdateStatus


def merge(session: Session, branch_id: int, name: str, *, on_conflict: str, tally: Tally) -> UpdateStatus:
    """Do to the base what was done to rows of the branch, as one operation; views over the base follow.

    With `on_conflict` 'branch' or 'base' that side has its way where both changed the same.

    Raises:
        MergeConflict: both changed the same, and it is 'error'; nothing was written.
        ConstraintViolation: the branch has other columns by now.
        InvalidState: the base is gone.
    """
    refuse_in_transaction("a merge")
    start = time.perf_counter()
    branch = _branch_of(session.table(branch_id, name))
    base = session.refresh().find(branch.base)
    if base is None:
        raise InvalidState(f"the table that {name!r} is a branch of was dropped", hint="insert() the branch elsewhere.")
    forks: list[Fork] = []

    def work(base: TableRecord) -> UpdateStatus:
        status, fork = _merged(session, base, session.table(branch_id, name), on_conflict, tally, start)
        forks.append(fork)
        return status

    status = retrying(session, base.id, base.path, work)
    if forks[-1] != branch.forks[-1]:
        session.change_schema(lambda connection, catalog: _note(connection, catalog.table(branch_id, name=name), forks))
    return status


def _branch_of(table: TableRecord) -> BranchRecord:
    if table.branch is None:
        raise Unsupported(f"{table.path!r} is no branch", hint="t.branch('name') makes one, which can be merged.")
    return table.branch


def _note(connection: Connection, table: TableRecord, forks: Sequence[Fork]) -> None:
    """Have the next merge begin where this one ended. Without it, it would find that all is there already."""
    branch, fork = _branch_of(table), forks[-1]
    connection.execute(
        "UPDATE pixeltable.versions SET note = %s WHERE table_id = %s AND op = %s AND op <> %s AND note IS NULL",
        (f"merged from {table.path!r}", branch.base, fork.base_op, branch.forks[-1].base_op),
    )
    store.save_schema(connection, replace(table, branch=replace(branch, forks=(*branch.forks, fork))))


def _merged(
    session: Session, base: TableRecord, branch: TableRecord, on_conflict: str, tally: Tally, start: float
) -> tuple[UpdateStatus, Fork]:
    record = _branch_of(branch)
    fork = last_fork(session, branch, record)
    own = newest_moment(session, branch.id, branch.path)
    other = newest_moment(session, base.id, base.path)
    then, now, theirs = changed_rows(session, branch.id, branch.path, Moment(fork.own_version, fork.own_op), own)
    first = record_at(session, branch.id, branch.path, Moment(0, record.forks[0].own_op))
    sides = sides_of(base, now, first, record)
    found = located(session, base, theirs)
    names = {sides.own[column.id].name: column.id for column in sides.plain}
    plan = plan_merge(found.changes, names, there=found.there, absent=found.absent)
    merging = _Merging(session, sides, sides.as_of(then), plan, session.context.counting(tally), found.sources)
    merging.settle(on_conflict)
    parts = merging.parts()
    later = session.database.read(lambda connection: _ops_after(connection, base.id, other.version))
    if any(op in later for part in parts if part.change is not None for seen in part.change.seen for op in seen.ops):
        raise RowsChanged  # by somebody who was not asked
    if not parts:
        return receipt(tally, start), Fork(own.version, own.op, other.version, other.op)
    done = write_parts(session, base, parts, session.context.counting(tally))
    return _receipt(base, parts, done, tally, start), Fork(own.version, own.op, done.version, done.op)


def _ops_after(connection: Connection, table_id: int, version: int) -> set[int]:
    rows = connection.execute(
        "SELECT op FROM pixeltable.versions WHERE table_id = %s AND version > %s", (table_id, version)
    ).fetchall()
    return {op for (op,) in rows}


class _Merging:
    """One merge: what is contested is settled, and the rest made into parts of a write."""

    def __init__(
        self, session: Session, sides: Sides, then: Sides, plan: MergePlan, context: Context, sources: dict[int, int]
    ) -> None:
        self._session = session
        self._sides = sides
        self._then = then
        self._base = sides.base
        self._plan = plan
        self._context = context
        self._sources = dict(sources)
        """Rows of the branch that rows of the base with other ids take their cells from."""

    def settle(self, on_conflict: str) -> None:
        """Decide what both sides changed.

        Raises:
            MergeConflict: that is left to the user.
        """
        conflicts = [*self._plan.conflicts, *self._of_deleted(), *self._of_updated()]
        if on_conflict == "branch":
            self._have_its_way(conflicts)  # the keys of rows that come back may be taken, too
        self._find_keys()
        found = self._of_inserted()
        if on_conflict == "branch":
            self._have_its_way(found)
        elif on_conflict == "error" and (conflicts or found):
            listed = sorted([*conflicts, *found], key=lambda conflict: conflict.row)
            raise MergeConflict(self._base.path, [self._in_words(conflict) for conflict in listed])

    def _have_its_way(self, conflicts: Sequence[Conflict]) -> None:
        """The branch has: it decides."""
        plan = self._plan
        for conflict in conflicts:
            if conflict.branch == "deleted":
                plan.deleted.append(conflict.row)
            elif conflict.base == "deleted":
                plan.added.append(conflict.row)
            else:
                plan.updated[conflict.row] = plan.updated.get(conflict.row, frozenset()) | conflict.columns

    def _find_keys(self) -> None:
        """New rows whose key the base has by now are compared with the row that has it."""
        key = self._base.primary_key
        if not key or not self._plan.added:
            return
        rows = sorted(self._plan.added)
        cells = self._cells(rows, key)
        keys = list(zip(*(cells[column.id].values for column in key), strict=True))
        wanted = BatchRows([], key, keys, {})
        found = self._session.database.read(lambda connection: wanted.find(connection, self._base))
        leaving = set(self._plan.deleted)
        taken = {rows[place] for place, row in found.items() if row not in leaving}
        self._plan.added = [row for row in rows if row not in taken]
        for place, row in found.items():
            if row not in leaving:
                self._plan.twice.append(row)
                self._plan.keys[row] = keys[place]
                self._sources[row] = self._sources.pop(rows[place], rows[place])

    def _of_deleted(self) -> list[Conflict]:
        """Rows that the branch deleted, and that are not in the base as it found them; the others are deleted."""
        plan, plain = self._plan, self._sides.plain
        changed = self._differences(plan.deleted, plain, self._then)
        plan.deleted = [row for row in plan.deleted if row not in changed]
        return [Conflict(row, plan.keys[row], "deleted", "updated", frozenset(c)) for row, c in changed.items()]

    def _of_updated(self) -> list[Conflict]:
        """Cells that the branch set, and that are in the base neither what it found nor what it set."""
        conflicts = []
        for ids, rows in self._groups():
            columns = self._columns(ids)
            changed = self._differences(rows, columns, self._then)
            wanted = self._differences(rows, columns, self._sides)
            for row in rows:
                differing = wanted.get(row, set())
                contested = differing & changed.get(row, set())
                self._plan.updated[row] = frozenset(differing - contested)
                if contested:
                    conflict = Conflict(row, self._plan.keys[row], "updated", "updated", frozenset(contested))
                    conflicts.append(conflict)
        return conflicts

    def _of_inserted(self) -> list[Conflict]:
        """Rows that both sides inserted, with other values."""
        columns = [column for column in self._sides.plain if not column.primary_key]
        differing = self._differences(self._plan.twice, columns, self._sides)
        keys = self._plan.keys
        return [Conflict(row, keys[row], "inserted", "inserted", frozenset(c)) for row, c in differing.items()]

    def _groups(self) -> list[tuple[frozenset[int], list[int]]]:
        """Rows that take cells from the branch, together if they take the same columns."""
        groups: dict[frozenset[int], list[int]] = {}
        for row, ids in self._plan.updated.items():
            groups.setdefault(ids, []).append(row)
        return [(ids, rows) for ids, rows in groups.items() if ids]

    def _differences(self, rows: Sequence[int], columns: Sequence[ColumnRecord], sides: Sides) -> dict[int, set[int]]:
        """The columns in which rows of the base have other values than in the branch; without those that have none."""
        if not rows or not columns:
            return {}
        ours = matching_rows(self._session, self._base, [self._base.ref(c) for c in columns], rows=sorted(rows))
        if len(ours.rows) < len(rows):
            raise RowsChanged
        theirs = self._cells(ours.rows, columns, sides)
        differing: dict[int, set[int]] = {}
        for column in columns:
            mine = ours.batch.get(self._base.ref(column))
            assert mine is not None
            pairs = zip(*(stored_cells(column.type, c.values) for c in (mine, theirs[column.id])), strict=True)
            for row, (one, other) in zip(ours.rows, pairs, strict=True):
                if one != other:
                    differing.setdefault(row, set()).add(column.id)
        return differing

    def _cells(
        self, rows: Sequence[int], columns: Sequence[ColumnRecord], sides: Sides | None = None
    ) -> dict[int, Column]:
        """The cells that rows of the base have in the branch, as it is now or as `sides` have it, in their order."""
        sources = [self._sources.get(row, row) for row in rows]
        places = {row: place for place, row in enumerate(sorted(sources))}
        cells = (sides or self._sides).cells(self._session, sources, columns)
        order = [places[row] for row in sources]
        return {column_id: _in_order(found, order) for column_id, found in cells.items()}

    def _columns(self, ids: Collection[int]) -> list[ColumnRecord]:
        return [column for column in self._base.columns if column.id in ids]

    def _in_words(self, conflict: Conflict) -> dict[str, Any]:
        key = [column.name for column in self._base.primary_key] or ["_rowid"]
        return {
            "key": dict(zip(key, conflict.key, strict=True)),
            "branch": conflict.branch,
            "base": conflict.base,
            "columns": [column.name for column in self._columns(conflict.columns)],
        }

    def parts(self) -> list[RowPart]:
        """What is written."""
        plan = self._plan
        found = [part for ids, rows in self._groups() for part in self._updated(rows, ids)]
        if plan.added:
            found.append(self._added(sorted(plan.added)))
        if plan.deleted:
            found += self._deleted(sorted(plan.deleted))
        return found

    def _deleted(self, rows: list[int]) -> list[RowPart]:
        heaps = written_heaps(self._base, self._sides.plain)  # all that was compared: it has to be as it was
        found = matching_rows(self._session, self._base, [], heaps=heaps, rows=rows)
        change = Change(found.rows, found.seen, closed=self._base.heaps, deletes=True)
        return [RowPart(found.rows, change=change)] if found.rows else []

    def _updated(self, rows: list[int], ids: frozenset[int]) -> list[RowPart]:
        """Rows that take some columns, apart by what of the branch's computed cells holds in the base, too.

        That is what is made of the same values on both sides.
        """
        carried = self._sides.carried(self._base.dependents(ids))
        inputs = self._plain_inputs(carried) - ids
        differing = self._differences(rows, self._columns(inputs), self._sides)
        groups: dict[frozenset[int], list[int]] = {}
        for row in sorted(rows):
            groups.setdefault(frozenset(differing.get(row, ())), []).append(row)
        return [self._part(alike, ids, self._base.dependents(other)) for other, alike in groups.items()]

    def _plain_inputs(self, columns: Iterable[ColumnRecord]) -> set[int]:
        """The plain columns that computed ones are made of in the end."""
        found: set[int] = set()
        for column in columns:
            assert column.expr is not None
            inputs = [self._base.column_by_id(column_id) for column_id in referred_columns(column.expr)]
            found |= {other.id for other in inputs if other is not None and not other.is_computed}
            found |= self._plain_inputs(other for other in inputs if other is not None and other.is_computed)
        return found

    def _part(self, rows: list[int], ids: frozenset[int], otherwise: Sequence[ColumnRecord]) -> RowPart:
        """Rows that take some columns, and with them the computed cells that are not made `otherwise` in the base."""
        base, columns = self._base, self._columns(ids)
        dependents = [column for column in base.dependents(ids) if column.heap is not None]
        carried = [column for column in self._sides.carried(dependents) if column not in otherwise]
        touched = ids | {column.id for column in dependents}
        indexes = [index for index in base.indexes if index.column in touched]
        written = [*written_heaps(base, [*columns, *dependents]), *(base.heap(index.id) for index in indexes)]
        found = self._inputs(rows, dependents, written, touched)
        for column_id, cells in self._cells(rows, [*columns, *carried]).items():
            column = base.column_by_id(column_id)
            assert column is not None
            found.batch.put(base.ref(column), cells)
        computed = [column for column in dependents if column not in carried]
        computation = plan_computation(base, computed, indexes, self._context, abort=False)
        evaluate_goals(found.batch, computation.goals)
        given = (*columns, *carried)
        entries = tuple(computation.entries(found.batch, given))
        left_out = tuple(heap for heap in written if all(entry.heap != heap for entry in entries))
        change = Change(found.rows, found.seen, entries, closed=left_out)
        return RowPart(found.rows, given, found.batch, computation, entries, change)

    def _inputs(
        self, rows: list[int], dependents: Sequence[ColumnRecord], written: Sequence[Heap], but: Collection[int]
    ) -> FoundRows:
        """The rows with what their new cells, and those of views, are made of."""
        needed = inputs_of_views(self._session.catalog, self._base)
        for column in dependents:
            assert column.expr is not None
            needed |= referred_columns(bind(column.expr, self._base, role=f"column {column.name!r}"))
        refs = [self._base.ref(column) for column in self._base.columns if column.id in needed - set(but)]
        found = matching_rows(self._session, self._base, refs, heaps=written, rows=rows)
        if len(found.rows) < len(rows):
            raise RowsChanged
        return found

    def _added(self, rows: list[int]) -> RowPart:
        base = self._base
        computed = [column for column in base.columns if column.is_computed and column.heap is not None]
        plain, carried = self._sides.plain, self._sides.carried(computed)
        batch = Batch(len(rows))
        put_ids(batch, base, rows)
        for column_id, cells in self._cells(rows, [*plain, *carried]).items():
            column = base.column_by_id(column_id)
            assert column is not None
            batch.put(base.ref(column), cells)
        lacking = [c for c in base.ready_columns if not c.is_computed and c not in plain]
        for column in lacking:
            if column.default is None and not column.type.nullable:
                raise MissingValue(
                    f"rows of the branch have no column {column.name!r}, which {base.path!r} requires",
                    hint="Allow null there, or give the column a default.",
                )
            default = None if column.default is None else column.default.value
            batch.put(base.ref(column), Column([default] * len(rows)))
        rest = [column for column in computed if column not in carried]
        computation = plan_computation(base, rest, base.indexes, self._context, abort=False)
        evaluate_goals(batch, computation.goals)
        given = (*plain, *lacking, *carried)
        return RowPart(rows, given, batch, computation, tuple(computation.entries(batch, given)))


def _in_order(cells: Column, order: Sequence[int]) -> Column:
    failures = {now: cells.failures[then] for now, then in enumerate(order) if then in cells.failures}
    return Column([cells.values[place] for place in order], failures)


def _receipt(base: TableRecord, parts: Sequence[RowPart], done: Committed, tally: Tally, start: float) -> UpdateStatus:
    updated = [part for part in parts if part.change is not None and not part.change.deletes]
    stats = RowCountStats(
        ins_rows=sum(len(part.rows) for part in parts if part.change is None),
        upd_rows=sum(len(part.rows) for part in updated),
        del_rows=sum(len(part.rows) for part in parts if part.change is not None and part.change.deletes),
        num_excs=sum(part.failed for part in parts),
    )
    set_columns = {column.id for part in updated for column in part.given if not column.is_computed}
    names = [f"{base.name}.{column.name}" for column in base.columns if column.id in set_columns]
    return receipt(tally, start, stats, cascade=cascaded(done.views), updated_cols=names)
