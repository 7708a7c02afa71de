"""What an insert puts into the views over its table: computed batch by batch, written in the same commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pixeltable.catalog.records import TableRecord
from pixeltable.exec.batch import Batch
from pixeltable.exec.context import Context
from pixeltable.session.codes import stamp_of
from pixeltable.session.row_ids import taker_of_ids
from pixeltable.session.session import Session
from pixeltable.session.view_rows import Derivation, ViewRows, derivation_of, target_of, views_over
from pixeltable.storage.heaps import Heap
from pixeltable.storage.spool import Spool
from pixeltable.storage.writes import Entries, ViewPiece, ViewTarget
from pixeltable.types.status import RowCountStats


@dataclass(slots=True)
class Cascade:
    """The views over a table, each after its base, and what they have got so far."""

    views: list[Derivation]
    parents: list[int | None]
    """For each view which of the views it is over, None: the table."""

    spool: Spool
    inserted: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def pieces(self, batch: Batch) -> tuple[ViewPiece, ...]:
        """What is written into the views for rows of the table."""
        made: list[ViewRows] = []
        for number, (derivation, parent) in enumerate(zip(self.views, self.parents, strict=True)):
            found = derivation.rows_of(batch if parent is None else made[parent].batch)
            made.append(found)
            self.inserted[number] += found.batch.count
            self.failed[number] += found.failed
        pairs = zip(self.views, made, strict=True)
        return tuple(self._piece(derivation, found) for derivation, found in pairs)

    def _piece(self, derivation: Derivation, found: ViewRows) -> ViewPiece:
        if self.spool.has_room(found.batch.size_bytes):
            return derivation.piece(found)
        entries = partial(derivation.entries, found.batch)
        stored = {heap.id: self.spool.store(entries(heap)) for heap in derivation.view.heaps}
        return derivation.piece(found, partial(_stored, stored))

    def targets(self, session: Session) -> list[ViewTarget]:
        """Where it is written."""
        return [
            target_of(
                made.view, parent, errors=failed,
                stamp=stamp_of(session, made.view, made.computation.columns, made.computation.indexes),
            )
            for made, parent, failed in zip(self.views, self.parents, self.failed, strict=True)
        ]  # fmt: skip

    @property
    def growth(self) -> list[tuple[TableRecord, int]]:
        """The views, and how many rows each gets."""
        return [(derivation.view, rows) for derivation, rows in zip(self.views, self.inserted, strict=True)]

    @property
    def stats(self) -> RowCountStats:
        """What a receipt says of the views."""
        computed = sum(
            rows * len(derivation.computation.columns)
            for derivation, rows in zip(self.views, self.inserted, strict=True)
        )
        return RowCountStats(ins_rows=sum(self.inserted), num_excs=sum(self.failed), computed_values=computed)


def _stored(stored: dict[int, Callable[[], Entries | None]], heap: Heap) -> Entries | None:
    return stored[heap.id]()


def cascade_of(session: Session, table: TableRecord, context: Context, spool: Spool, *, abort: bool) -> Cascade:
    """The views over a table.

    Raises:
        InvalidColumn, ForeignPickle: one of them needs a function that is not to be had here.
    """
    views = views_over(session.catalog, table)
    derivations = [
        derivation_of(view, context, abort=abort, take_ids=taker_of_ids(session, session.catalog, view))
        for view, _ in views
    ]
    return Cascade(derivations, [parent for _, parent in views], spool, [0] * len(views), [0] * len(views))
