"""Changing rows that exist, and adding others, with what that makes of views: one operation, one transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.storage.cells import numbers_text
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, create_history, no_history_sql
from pixeltable.storage.numbers import new_rows, next_op
from pixeltable.storage.writes import (
    Change,
    Committed,
    Counts,
    Entries,
    Seen,
    Target,
    ViewPiece,
    ViewTarget,
    apply_change,
    close_entries,
    commit_change,
    copy_entries,
    expect_none_of,
    expect_unchanged,
    insert_into_views,
    translated,
)


@dataclass(frozen=True, slots=True)
class Entering:
    """Rows that come into a view: those that `part` has of rows of its base, which were there before or come as well.

    `bases` are the ids of these, or the number of the rows that come into the base, in the order they were listed in.
    """

    part: ViewPiece
    bases: Sequence[int] | int


@dataclass(frozen=True, slots=True)
class ViewChange:
    """What a change of a table makes of a view over it; `view.parent` as there.

    `changes` are about rows that stay. `left` are rows that leave, besides those of rows that leave the base. For rows
    of the base in `tried` the iterator was called again, or need not be; of those `lacking` the view had none when it
    was read.
    """

    view: ViewTarget
    changes: Sequence[Change] = ()
    left: Sequence[int] = ()
    tried: Sequence[int] = ()
    entering: Sequence[Entering] = ()
    lacking: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """Entries of rows that come into a table, with ids that these have already, if they have."""

    entries: Sequence[Entries]
    rows: Sequence[int] | None = None


def change_rows(
    connection: Connection,
    target: Target,
    changes: Sequence[Change],
    counts: Counts,
    *,
    token: uuid.UUID,
    added: Added | None = None,
    views: Sequence[ViewChange] = (),
) -> Committed:
    """Update or delete rows and add others, and bring views along: one operation, durable when this returns.

    The rows `added` get ids, if they have none already. No row is in two of the changes. What was there before goes to
    the history.

    Raises:
        SchemaChanged: plan again.
        RowsChanged: an entry in `seen` of a change is not there any more; read again.
        psycopg.errors.UniqueViolation: a primary key exists.
    """
    with translated(target), connection.transaction():
        written = {entry.heap for change in changes for entry in change.entries}
        written |= {heap for change in changes for heap in change.closed}
        lock_for_change(connection, target, sorted(written, key=lambda heap: heap.id))
        lock_views(connection, views)
        op = next_op(connection)
        for change in changes:
            apply_change(connection, change, op)
        rows = [] if added is None else added.rows or new_rows(connection, counts.inserts)
        for entry in () if added is None else added.entries:
            copy_entries(connection, entry, rows, op)
        deleted = [row for change in changes if change.deletes for row in change.rows]
        done = _change_views(connection, views, deleted, [rows], op, token)
        return Committed(op, commit_change(connection, target, op, counts, token), rows, done)


def lock_views(connection: Connection, views: Sequence[ViewChange]) -> None:
    """Hold the heads of views that are to be brought along, in the order in which all take them."""
    for change in views:
        with translated(change.view.target):
            failures = () if change.view.failures is None else (change.view.failures,)
            lock_for_change(connection, change.view.target, (*change.view.heaps, *failures))


def bring_along(
    connection: Connection,
    views: Sequence[ViewChange],
    *,
    left: Sequence[int],
    come: Sequence[Sequence[int]],
    op: int,
    token: uuid.UUID,
) -> list[Counts]:
    """Bring views, which are locked, along with what the caller's transaction did to the rows of their table.

    Raises:
        SchemaChanged, RowsChanged: as `change_rows`.
    """
    if not views:
        return []
    with translated(views[0].view.target):
        return _change_views(connection, views, left, come, op, token)


def change_views(
    connection: Connection,
    bases: Sequence[Target],
    seen: Sequence[Seen],
    views: Sequence[ViewChange],
    *,
    token: uuid.UUID,
) -> Committed:
    """Change views whose bases stay as they are, the oldest of which come first; durable when this returns.

    Raises:
        SchemaChanged: plan again.
        RowsChanged: what is to be in the views was made of entries that are not there any more.
    """
    with translated(views[0].view.target), connection.transaction():
        for base in bases:
            lock_for_change(connection, base, ())
        lock_views(connection, views)
        for entries in seen:
            expect_unchanged(connection, entries)
        op = next_op(connection)
        return Committed(op, 0, (), bring_along(connection, views, left=(), come=(), op=op, token=token))


def _change_views(
    connection: Connection,
    views: Sequence[ViewChange],
    deleted: Sequence[int],
    added: Sequence[Sequence[int]],
    op: int,
    token: uuid.UUID,
) -> list[Counts]:
    """Bring views along, `deleted` and `added` being rows that leave the table and come; what was done to each."""
    gone: list[Sequence[int]] = []
    come: list[list[Sequence[int]]] = []
    done = []
    for change in views:
        view = change.view
        if change.lacking:
            expect_none_of(connection, view, change.lacking)
        left_of_base = deleted if view.parent is None else gone[view.parent]
        mended = _close_failures(connection, view, [*left_of_base, *change.tried], op)
        left = _leaving(connection, change, left_of_base)
        for heap in view.heaps if left else ():
            close_entries(connection, heap, left, op)
        gone.append(left)
        for kept in change.changes:
            apply_change(connection, kept, op)
        entered = added if view.parent is None else come[view.parent]
        ids = [_enter(connection, view, entering, entered, op) for entering in change.entering]
        come.append(ids)
        updates = sum(len(kept.rows) for kept in change.changes)
        done.append(Counts(sum(map(len, ids)), updates, len(left), view.errors, view.stamp))
        failed = any(entering.part.failures for entering in change.entering)
        if any(ids) or updates or left or mended or failed:
            commit_change(connection, view.target, op, done[-1], token)
    return done


def _close_failures(connection: Connection, view: ViewTarget, bases: Sequence[int], op: int) -> int:
    """Forget that no list could be made of rows of the base; of how many that was known."""
    return close_entries(connection, view.failures, bases, op) if bases and view.failures is not None else 0


def _leaving(connection: Connection, change: ViewChange, left_of_base: Sequence[int]) -> list[int]:
    """The rows of a view that leave it."""
    heap, key = change.view.heaps[0], change.view.heaps[0].base_key
    if not left_of_base and not change.left:
        return []
    found = connection.execute(
        f"SELECT row FROM {heap.current} WHERE {key} = ANY(%s::bigint[]) OR row = ANY(%s::bigint[])",
        (numbers_text(left_of_base), numbers_text(change.left)),
    ).fetchall()
    return [row for (row,) in found]


def _enter(
    connection: Connection, view: ViewTarget, entering: Entering, entered: Sequence[Sequence[int]], op: int
) -> Sequence[int]:
    bases = entered[entering.bases] if isinstance(entering.bases, int) else entering.bases
    return insert_into_views(connection, [replace(view, parent=None)], [[entering.part]], [bases], op)[0]


def lock_for_change(connection: Connection, target: Target, heaps: Sequence[Heap]) -> None:
    """Hold the table's head, and have a place for the entries that will be closed."""
    row = connection.execute(
        f"SELECT pixeltable.lock_head(%s, %s), {no_history_sql(heaps)}", (target.table_id, target.schema_version)
    ).fetchone()
    assert row is not None
    for heap, missing in zip(heaps, row[1], strict=True):
        if missing:
            create_history(connection, heap)
