"""Altering what decides which rows a view has: its filter, and the arguments of its iterator."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pixeltable.catalog import store
from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import Unsupported
from pixeltable.exec.pace import Pace
from pixeltable.exec.tally import Tally
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef, by_ids
from pixeltable.plan.bind import bind, bind_predicate, refuse_pending, refuse_queried, settled
from pixeltable.session.change import retrying
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.heads import Head, lock_lineage, read_head
from pixeltable.session.receipts import receipt
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.session import Session
from pixeltable.session.siblings import SIBLINGS
from pixeltable.session.stored_functions import store_functions
from pixeltable.session.upkeep import with_room
from pixeltable.session.view_changes import Remaking, cascaded, growth, inputs_of_views
from pixeltable.session.view_rows import failed_definition, inputs_of
from pixeltable.storage.changes import ViewChange, bring_along, lock_views
from pixeltable.storage.database import Connection
from pixeltable.storage.numbers import next_op
from pixeltable.storage.writes import Counts, RowsChanged
from pixeltable.types.status import RowCountStats, UpdateStatus

_FIRST_PAGE = 256


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """What a view is to be of its base: the rows of a filter, None for all, and the items of a list in each of them."""

    where: Expr | None
    explode: Expr | None
    unstored: Mapping[str, Expr] = field(default_factory=dict)
    """By the keys of items, outputs of the new iterator that are not stored; the others are siblings by their keys."""

    def of(self, view: TableRecord) -> TableRecord:
        """The view with this definition, checked.

        Raises:
            InvalidExpression, UnknownColumn: it does not fit the base.
        """
        base = view.base
        assert base is not None
        assert view.view is not None
        where, explode = (None if expr is None else settled(expr, view) for expr in (self.where, self.explode))
        if where is not None:
            bind_predicate(where, base)
        if explode is not None:
            bind(explode, base, role="iterator")
        for expr in (where, explode):
            if expr is not None:
                refuse_queried(expr, role=f"view {view.path!r}")
                refuse_pending(expr, base, role=f"view {view.path!r}")
        columns = (self._renewed(view, column) for column in view.columns)
        return replace(view, view=replace(view.view, where=where, explode=explode), columns=tuple(columns))

    def _renewed(self, view: TableRecord, column: ColumnRecord) -> ColumnRecord:
        """The column as it is, or as the new iterator computes it."""
        key = next((key for key, of_key in view.unstored_outputs.items() if of_key.id == column.id), None)
        if key is None or key not in self.unstored:
            return column
        assert view.view is not None
        assert view.base is not None
        stored = {name: view.column_by_id(column_id) for column_id, name in view.view.outputs}

        def known(node: Expr) -> Expr | None:
            made = stored.get(node.ref_name) if isinstance(node, ColumnRef) and node.ref_table == SIBLINGS else None
            return None if made is None else view.ref(made)

        return replace(column, expr=settled(rebuild(self.unstored[key], known), view))


def alter_view(session: Session, table_id: int, name: str, new: NewDefinition, *, tally: Tally) -> UpdateStatus:
    """Give a view another definition, and the rows that it has by it; others stay as they are.

    What is computed is computed before, with nothing held, and again if others write meanwhile.

    Raises:
        Unsupported: an iterator is to come, or to go.
        InvalidExpression: see `_changes`; nothing changed.
        TooManyConflicts: others wrote again and again.
    """
    start = time.perf_counter()

    def work(view: TableRecord) -> UpdateStatus:
        altered = new.of(view)
        changed = _changed(view, altered)
        if not changed:
            return receipt(tally, start)
        heads = session.database.read(lambda c: [read_head(c, table) for table in view.live_lineage])
        changes = _changes(session, altered, changed, tally)
        title = f"Altered: {' and '.join(changed)}"

        def write() -> list[Counts]:
            with refusals_explained(view, session.catalog.views_of(view.id)):
                return session.change_schema(
                    lambda connection, catalog: _write(session, connection, catalog, altered, heads, changes, title)
                )

        of_view, *of_others = with_room(session, growth(session.catalog, changes), write)
        stats = RowCountStats(of_view.inserts, of_view.deletes, of_view.updates, of_view.errors)
        return receipt(tally, start, stats, cascade=cascaded(of_others))

    return retrying(session, table_id, name, work)


def _changed(view: TableRecord, altered: TableRecord) -> list[str]:
    """What of the definition is another one."""
    assert view.view is not None
    assert altered.view is not None
    if (view.view.explode is None) != (altered.view.explode is None):
        raise Unsupported(f"view {view.path!r} cannot gain or lose an iterator", hint="Make another view.")
    pairs = {"filter": (view.view.where, altered.view.where), "iterator": (view.view.explode, altered.view.explode)}
    return [what for what, (old, new) in pairs.items() if not _is_same(old, new)]


def _is_same(old: Expr | None, new: Expr | None) -> bool:
    return old is new is None or (old is not None and new is not None and bool(by_ids(old) == by_ids(new)))


def _changes(session: Session, view: TableRecord, changed: Sequence[str], tally: Tally) -> list[ViewChange]:
    """What becomes of the view, and of those over it, page by page of its base.

    Raises:
        InvalidExpression: the new filter failed in a row, or the new iterator in one of which the view has rows.
    """
    base = view.base
    assert base is not None
    wanted = inputs_of(view) | (inputs_of_views(session.catalog, view) & {column.id for column in base.known_columns})
    refs = [base.ref(column) for column in base.known_columns if column.id in wanted]
    remaking = Remaking(session, view, session.context.counting(tally))
    pace = Pace(session.settings.batch_size, first=_FIRST_PAGE)
    after: int | None = None
    pace.begin()
    while (found := matching_rows(session, base, refs, after=after, limit=pace.size)).rows:
        tally.check()
        if "iterator" in changed:
            remaking.call_again(found.rows, found.batch, (column.id for column in view.unstored_outputs.values()))
        else:
            remaking.filter_again(found.rows, found.batch)
        _refuse_failures(view, remaking, changed)
        pace.done(len(found.rows))
        tally.advance(len(found.rows))
        after = found.last
    return remaking.changes()


def _refuse_failures(view: TableRecord, remaking: Remaking, changed: Sequence[str]) -> None:
    assert view.view is not None
    found = {
        "filter": (view.view.where, remaking.filter_failure),
        "iterator": (view.view.explode, remaking.list_failure),
    }
    for expr, failure in (found[what] for what in changed):
        if expr is not None and failure is not None:
            hint = "Nothing changed. Mend the function, or have the filter leave such rows out."
            raise failed_definition(view, expr, failure, hint=hint)


def _write(
    session: Session,
    connection: Connection,
    catalog: Catalog,
    altered: TableRecord,
    heads: Sequence[Head],
    changes: Sequence[ViewChange],
    title: str,
) -> list[Counts]:
    assert altered.view is not None
    lock_lineage(connection, altered)
    if [read_head(connection, table) for table in altered.live_lineage] != list(heads):
        raise RowsChanged
    lock_views(connection, changes)
    exprs = [altered.view.where, altered.view.explode, *(c.expr for c in altered.unstored_outputs.values())]
    for expr in exprs:
        if expr is not None:
            store_functions(session, connection, expr)
    op = next_op(connection)
    done = bring_along(connection, changes, left=(), come=(), op=op, token=uuid.uuid4())
    for table in reversed(altered.live_lineage[1:]):  # whoever inserts into them plans with it from now on
        store.save_schema(connection, catalog.table(table.id, name=table.path))
    saved = store.save_schema(connection, altered)
    store.note_schema(connection, saved, op=op, change=title)
    return done
