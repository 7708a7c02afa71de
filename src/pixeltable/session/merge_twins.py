"""Rows that a branch and its base have under different ids: both inserted them, with the same primary key."""

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

    `sources` are their ids in the branch where these are others; of the `absent` ones the base has nothing.
    """

    changes: Sequence[RowChange]
    sources: dict[int, int]
    absent: frozenset[int]


def located(session: Session, base: TableRecord, theirs: Sequence[RowChange], ours: Sequence[RowChange]) -> Located:
    """The changes of a branch, `theirs`, by the rows of the base; `ours` are those of the base."""
    known = {change.row for change in ours}
    asked = [change for change in theirs if change.change != "inserted" and change.row not in known]
    if not asked:
        return Located(theirs, {}, frozenset())
    there = set(matching_rows(session, base, [], rows=[change.row for change in asked]).rows)
    lost = [change for change in asked if change.row not in there]
    twins = _by_key(session, base, [change for change in lost if change.key], ours)
    return Located(
        [replace(change, row=twins.get(change.row, change.row)) for change in theirs],
        {twin: row for row, twin in twins.items()},
        frozenset(change.row for change in lost if change.row not in twins),
    )


def _by_key(
    session: Session, base: TableRecord, lost: Sequence[RowChange], ours: Sequence[RowChange]
) -> dict[int, int]:
    """The rows with the keys of these that the base had when both were the same; by their ids."""
    if not lost or not base.primary_key:
        return {}
    wanted = BatchRows([], base.primary_key, [change.key for change in lost], {})
    found = session.database.read(lambda connection: wanted.find(connection, base))
    new = {change.row for change in ours if change.change == "inserted"}
    gone = {change.key: change.row for change in ours if change.change == "deleted"}
    twins = {}
    for place, change in enumerate(lost):
        twin = found.get(place)
        twins[change.row] = gone.get(change.key) if twin is None or twin in new else twin
    return {row: twin for row, twin in twins.items() if twin is not None}
