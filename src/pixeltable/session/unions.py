"""Unions: plans of the branches, and the rows of all as one batch, over which Python does what comes after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pixeltable.catalog.records import TableRecord
from pixeltable.exec.aggregate import rows_by_key
from pixeltable.exec.batch import Batch, Column
from pixeltable.plan.explain import explain
from pixeltable.plan.planner import QueryPlan
from pixeltable.plan.scope import Pushdown
from pixeltable.session.session import Session
from pixeltable.types.conform import conform


@dataclass(frozen=True, slots=True)
class PlannedBranch:
    """A branch that is no union itself."""

    plan: QueryPlan
    record: TableRecord


@dataclass(frozen=True, slots=True)
class PlannedUnion:
    """A union: its branches, and what comes after, over rows that are in memory."""

    branches: tuple["PlannedBranch | PlannedUnion", ...]
    distinct: bool
    plan: QueryPlan
    record: TableRecord


Planned = PlannedBranch | PlannedUnion


def branches_of(planned: Planned) -> Iterator[PlannedBranch]:
    """What is read from the database, in order."""
    if isinstance(planned, PlannedBranch):
        yield planned
    else:
        for branch in planned.branches:
            yield from branches_of(branch)


def united(session: Session, union: PlannedUnion, answers: Sequence[Sequence[list[object]]]) -> Batch:
    """The rows of the branches, whose columns are given, one after the other, in the types of the union."""
    columns: list[list[object]] = []
    for place, column in enumerate(union.record.columns):
        cells = [cell for answer in answers for cell in answer[place]]
        columns.append(conform(column.type, cells, zone=session.settings.zone))
    count = sum(len(answer[0]) for answer in answers)
    batch = Batch(count)
    for column, cells in zip(union.record.columns, columns, strict=True):
        batch.put(union.record.ref(column), Column(cells))
    if union.distinct:
        batch = batch.take([rows[0] for rows in rows_by_key(columns, count)] if count else [])
    return batch


def explain_union(union: PlannedUnion, *, pushdown: Pushdown | None) -> str:
    """The plans of all branches, for people to read."""
    lines = []
    for number, branch in enumerate(branches_of(union), start=1):
        text = explain(branch.plan, branch.record, pushdown=pushdown)
        lines += [f"Branch {number}:", *(f"  {line}" for line in text.splitlines())]
    return "\n".join([*lines, "Everything after the union: in Python"])
