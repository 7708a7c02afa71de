"""Which rows of an exploded view are what an iterator yields again, when it is called again."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.session.found_rows import FoundRows
from pixeltable.session.rows import texts_of
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
    names = derivation.outputs[1:]
    stored, listed = members.batch, made.batch

    def contents(batch_of: FoundRows | ViewRows) -> list[tuple[object, ...]]:
        columns = [batch_of.batch.get(ref) for ref in others]
        texts = [texts_of(name, column.values) for name, column in zip(names, columns, strict=True) if column]
        failed = [column.failures for column in columns if column]
        pieces = (
            [None if row in failures else text for row, text in enumerate(found)]
            for found, failures in zip(texts, failed, strict=True)
        )
        return list(zip(*pieces, strict=True)) if others else [()] * batch_of.batch.count

    was = [(parent, *content) for parent, content in zip(parents, contents(members), strict=True)]
    now = [(parent, *content) for parent, content in zip(made.parents, contents(made), strict=True)]
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
