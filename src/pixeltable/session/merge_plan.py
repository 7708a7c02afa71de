"""What a merge has to do, told by what became of rows on both sides; pure, and before any cell is looked at."""

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
    """What is done to rows of the base; columns are those of the base.

    `updated` are rows with the columns that they take from the branch, `contested` those with columns that have other
    values on both sides, unless these turn out to be the same.
    """

    added: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    updated: dict[int, frozenset[int]] = field(default_factory=dict)
    contested: dict[int, frozenset[int]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    keys: dict[int, tuple[object, ...]] = field(default_factory=dict)


def plan_merge(
    branch: Iterable[RowChange],
    base: Iterable[RowChange],
    names: Mapping[str, int],
    base_names: Mapping[str, int],
    *,
    absent: Collection[int],
) -> MergePlan:
    """The plan for what became of rows of the branch, and of the base, which has nothing of those that are `absent`.

    `names` are the plain columns of the base by what the branch calls its own, `base_names` by what the base does.
    """
    plan = MergePlan()
    others = {row: RowChange(row, "deleted", (), ()) for row in absent} | {change.row: change for change in base}
    for change in branch:
        plan.keys[change.row] = change.key or (change.row,)
        other = others.get(change.row)
        if change.change == "inserted":
            _insert(plan, change.row, other, frozenset(names.values()))
        elif change.change == "deleted":
            _delete(plan, change.row, other, _columns(other, base_names))
        else:
            _update(plan, change.row, other, _columns(change, names), _columns(other, base_names))
    return plan


def _columns(change: RowChange | None, names: Mapping[str, int]) -> frozenset[int]:
    return frozenset() if change is None else frozenset(names[name] for name in change.columns if name in names)


def _insert(plan: MergePlan, row: int, other: RowChange | None, columns: frozenset[int]) -> None:
    if other is None or other.change == "deleted":
        plan.added.append(row)
    else:  # from a merge that is not known of
        plan.contested[row] = columns


def _delete(plan: MergePlan, row: int, other: RowChange | None, changed: frozenset[int]) -> None:
    if other is None or (other.change == "updated" and not changed):
        plan.deleted.append(row)
    elif other.change == "updated":
        plan.conflicts.append(Conflict(row, plan.keys[row], "deleted", "updated", changed))


def _update(
    plan: MergePlan, row: int, other: RowChange | None, columns: frozenset[int], changed: frozenset[int]
) -> None:
    if not columns:
        return
    if other is not None and other.change == "deleted":
        plan.conflicts.append(Conflict(row, plan.keys[row], "updated", "deleted", columns))
        return
    if columns - changed:
        plan.updated[row] = columns - changed
    if columns & changed:
        plan.contested[row] = columns & changed
