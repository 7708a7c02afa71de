"""Which rows of an exploded view are what an iterator yields again, when it is called again."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.exec.aggregate import hashable
from pixeltable.exec.batch import Batch, Column
from pixeltable.session.found_rows import FoundRows
from pixeltable.session.view_rows import Derivation, ViewRows


@dataclass(frozen=True, slots=True)
class Match:
    """Rows of a view and the items that they are now, as pairs of places; rows that are none; items that are no row."""

    kept: list[tuple[int, int]]
    gone: list[int]
    new: list[int]


def matched(derivation: Derivation, members: FoundRows, made: ViewRows, parents: Sequence[int]) -> Match:
    """Match the rows that a view has with the items that there are now, of the same row of the base each.

    `parents` are the places of that row for the rows of the view. A row is the item that is the same at its place; else
    the first that is the same and is no other row.
    """
    place, *others = [derivation.view.ref(column) for column in derivation.outputs]
    stored, listed = members.batch, made.batch

    def contents(batch: Batch) -> list[tuple[object, ...]]:
        columns = [column for ref in others if (column := batch.get(ref)) is not None]
        return list(zip(*map(_comparable, columns), strict=True)) if columns else [()] * batch.count

    was = [(parent, *content) for parent, content in zip(parents, contents(stored), strict=True)]
    now = [(parent, *content) for parent, content in zip(made.parents, contents(listed), strict=True)]
    before, after = stored.get(place), listed.get(place)
    assert before is not None
    assert after is not None
    at = {(key, number): item for item, (key, number) in enumerate(zip(now, after.values, strict=True))}
    kept = {}
    for row, (key, number) in enumerate(zip(was, before.values, strict=True)):
        if (key, number) in at:
            kept[row] = at[key, number]
    taken = set(kept.values())
    free: dict[tuple[object, ...], deque[int]] = defaultdict(deque)
    for item, key in enumerate(now):
        if item not in taken:
            free[key].append(item)
    for row, key in enumerate(was):
        if row not in kept and free[key]:
            kept[row] = free[key].popleft()
    taken = set(kept.values())
    gone = [row for row in range(len(was)) if row not in kept]
    return Match(sorted(kept.items()), gone, [item for item in range(len(now)) if item not in taken])


def _comparable(column: Column) -> list[object]:
    """For each cell what is equal if it is the same, or failed in the same way."""
    cells: list[object] = list(map(hashable, column.values))
    for row, failure in column.failures.items():
        cells[row] = (failure.error.type, failure.error.message)
    return cells
