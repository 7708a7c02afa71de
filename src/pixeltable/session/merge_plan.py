"""What a merge may have to do, told by what became of rows of the branch; before any cell of the base is looked at."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pixeltable.session.diffs import RowChange


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that both sides changed in ways that exclude each other; `columns` are those with two new values.

    `key` are the cells of the primary key, or the row's id where there is none.
    """

    row: int
    key: tuple[object, ...]
    branch: str
    base: str
    columns: frozenset[int] = frozenset()


@dataclass(slots=True)
class MergePlan:
    """What is done to rows of the base, unless it changed them too; columns are those of the base.

    `updated` are rows with the columns that they take from the branch. What is `twice` there was inserted on both
    sides.
    """

    added: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    updated: dict[int, frozenset[int]] = field(default_factory=dict)
    twice: list[int] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    keys: dict[int, tuple[object, ...]] = field(default_factory=dict)


def plan_merge(
    changes: Iterable[RowChange], names: Mapping[str, int], *, there: Collection[int], absent: Collection[int]
) -> MergePlan:
    """The plan for what became of rows of the branch, by the ids that they have in the base.

    `names` are the plain columns of the base by what the branch calls its own. The base has the rows `there`; of those
    that are `absent` it has none.
    """
    plan = MergePlan()
    for change in changes:
        row = change.row
        plan.keys[row] = change.key or (row,)
        if change.change == "inserted":
            (plan.twice if row in there else plan.added).append(row)
        elif change.change == "deleted":
            if row not in absent:
                plan.deleted.append(row)
        elif columns := frozenset(names[name] for name in change.columns if name in names):
            if row in absent:
                plan.conflicts.append(Conflict(row, plan.keys[row], "updated", "deleted", columns))
            else:
                plan.updated[row] = columns
    return plan
