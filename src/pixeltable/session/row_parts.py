"""Rows that a call changes in different ways, written as one operation on their table and on the views over it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.exceptions import DuplicateKey
from pixeltable.exec.batch import Batch
from pixeltable.exec.context import Context
from pixeltable.session.compute import Computation
from pixeltable.session.entries import failure_count
from pixeltable.session.joint_stamps import Computed, joint_stamp
from pixeltable.session.refused_keys import refusals_explained
from pixeltable.session.session import Session
from pixeltable.session.transactions import Write, commit
from pixeltable.session.view_changes import RowsAfter, growth, view_changes
from pixeltable.storage.changes import Added, change_rows
from pixeltable.storage.database import Connection
from pixeltable.storage.writes import Change, Committed, Counts, Entries, RowsChanged


@dataclass(frozen=True, slots=True)
class RowPart:
    """Rows that are written alike: they are changed, or deleted, or, if there is no `change`, they are new.

    New rows get ids when they are written if they have none in `rows`.
    """

    rows: Sequence[int]
    given: tuple[ColumnRecord, ...] = ()
    batch: Batch | None = None
    computation: Computation | None = None
    entries: tuple[Entries, ...] = ()
    change: Change | None = None

    @property
    def failed(self) -> int:
        """How many computed cells failed."""
        if self.computation is None or self.batch is None:
            return 0
        return failure_count(self.computation.cells(self.batch))

    @property
    def computed(self) -> Computed | None:
        if self.computation is None:
            return None
        closed = () if self.change is None else self.change.closed
        return Computed(self.computation, {heap.id for heap in (*(entry.heap for entry in self.entries), *closed)})

    @property
    def after(self) -> RowsAfter | None:
        """The rows as views over the table see them; None if they leave."""
        if self.batch is None or self.computation is None:
            return None
        if self.change is None:
            return RowsAfter(come=[self.batch])
        touched = frozenset(column.id for column in (*self.given, *self.computation.columns))
        return RowsAfter(self.rows, self.batch, touched)


def write_parts(session: Session, table: TableRecord, parts: Sequence[RowPart], context: Context) -> Committed:
    """Make it all durable, with what it makes of views over the table; no row is in two parts.

    Raises:
        SchemaChanged: plan again.
        RowsChanged: others wrote what was read, or a key that is new; read again.
    """
    token = uuid.uuid4()
    changes = [part.change for part in parts if part.change is not None]
    added = [part for part in parts if part.change is None]
    counts = Counts(
        inserts=sum(part.batch.count for part in added if part.batch is not None),
        updates=sum(len(change.rows) for change in changes if not change.deletes),
        deletes=sum(len(change.rows) for change in changes if change.deletes),
        errors=sum(part.failed for part in parts),
        stamp=joint_stamp(session, table, [part.computed for part in parts if part.computed is not None]),
    )
    entries, rows = [entry for part in added for entry in part.entries], [row for part in added for row in part.rows]
    new = Added(entries, rows or None) if added else None
    views = view_changes(session, table, [part.after for part in parts if part.after is not None], context)

    def once(connection: Connection) -> Committed:
        try:
            with refusals_explained(table, session.catalog.views_of(table.id)):
                return change_rows(connection, table.target, changes, counts, token=token, added=new, views=views)
        except DuplicateKey:
            raise RowsChanged from None  # another writer added it since the keys were looked up

    grown = [(table, counts.inserts + counts.updates), *growth(session.catalog, views)]
    return commit(session, Write(table, once, token, grown))
