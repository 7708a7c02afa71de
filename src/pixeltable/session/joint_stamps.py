"""Stamps of operations in whose parts different things were computed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pixeltable.catalog.records import TableRecord
from pixeltable.session.codes import stamp_of
from pixeltable.session.compute import Computation
from pixeltable.session.session import Session


@dataclass(frozen=True, slots=True)
class Computed:
    """What was computed for some of the rows of an operation, and the heaps in which these have got entries."""

    computation: Computation
    heaps: Collection[int]

    @property
    def targets(self) -> set[int]:
        """The columns and indexes that were computed."""
        computation = self.computation
        return {column.id for column in computation.columns} | {index.id for index in computation.indexes}


def joint_stamp(session: Session, table: TableRecord, parts: Sequence[Computed]) -> int | None:
    """The stamp of what was computed by every part that wrote where it is stored.

    It speaks for all entries of the operation: where some carried a cell over, its history has to tell.
    """

    def everywhere(target: int, heap: int | None) -> bool:
        return all(target in part.targets for part in parts if heap in part.heaps)

    columns = {column.id: column for part in parts for column in part.computation.columns}
    indexes = {index.id: index for part in parts for index in part.computation.indexes}
    return stamp_of(
        session, table,
        [column for column in columns.values() if everywhere(column.id, column.heap)],
        [index for index in indexes.values() if everywhere(index.id, index.id)],
    )  # fmt: skip
