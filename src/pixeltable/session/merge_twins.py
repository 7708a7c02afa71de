"""Which rows of a base are those of its branch: they have the same id, or, if both inserted them, the same key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog.records import TableRecord
from pixeltable.session.batch_rows import BatchRows
from pixeltable.session.diffs import RowChange
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.session import Session


@dataclass(frozen=True, slots=True)
class Located:
    """What became of rows of a branch, by the ids that they have in the base.

    `sources` are their ids in the branch where these are others. The base has the rows `there`; of those that are
    `absent`, and were not inserted in the branch, it has none.
    """

    changes: Sequence[RowChange]
    sources: dict[int, int]
    there: frozenset[int]
    absent: frozenset[int]


def located(session: Session, base: TableRecord, changes: Sequence[RowChange]) -> Located:
    """The changes of a branch by the rows of its base."""
    rows = [change.row for change in changes]
    there = set(matching_rows(session, base, [], rows=rows).rows) if rows else set()
    lost = [change for change in changes if change.change != "inserted" and change.row not in there]
    twins = _by_key(session, base, [change for change in lost if change.key])
    return Located(
        [replace(change, row=twins.get(change.row, change.row)) for change in changes],
        {twin: row for row, twin in twins.items()},
        frozenset(there),
        frozenset(change.row for change in lost if change.row not in twins),
    )


def _by_key(session: Session, base: TableRecord, lost: Sequence[RowChange]) -> dict[int, int]:
    """The rows of the base that have the keys of these; by the ids of these."""
    if not lost or not base.primary_key:
        return {}
    wanted = BatchRows([], base.primary_key, [change.key for change in lost], {})
    found = session.database.read(lambda connection: wanted.find(connection, base))
    return {change.row: found[place] for place, change in enumerate(lost) if place in found}
