"""Random changes on both sides of a branch, merged: what comes of it is what a plain three-way merge makes of it."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exceptions import MergeConflict

KEYS = st.integers(0, 3)
VALUES = st.integers(0, 2)
SIDES = st.sampled_from(["base", "branch"])
STEPS = st.one_of(
    st.tuples(st.just("insert"), SIDES, KEYS, VALUES),
    st.tuples(st.just("set"), SIDES, KEYS, st.sampled_from("ab"), VALUES),
    st.tuples(st.just("delete"), SIDES, KEYS),
    st.tuples(st.just("merge"), st.sampled_from(["error", "base", "branch"])),
    st.tuples(st.just("recompute"), SIDES),
)
numbers = itertools.count()


@pxt.udf
def weight(a: int, b: int, k: int) -> int:
    return 100 * a + 10 * b + k


def weight_of(row: dict[str, int]) -> int:
    return 100 * row["a"] + 10 * row["b"] + row["k"]


class Side:
    """A table as a dict: by the number that a row gets when it is inserted, its key, a and b."""

    def __init__(self, table: pxt.Table, rows: dict[int, dict[str, int]]) -> None:
        self.table = table
        self.rows = rows
        self.then = self.copy()

    def copy(self) -> dict[int, dict[str, int]]:
        return {number: dict(row) for number, row in self.rows.items()}

    def find(self, key: int) -> int | None:
        return next((number for number, row in self.rows.items() if row["k"] == key), None)

    def check(self) -> None:
        found = sorted(tuple(row.values()) for row in self.table.collect())
        expected = [(row["k"], row["a"], row["b"], weight_of(row)) for row in self.rows.values()]
        assert found == sorted(expected)


def changed(then: dict[int, dict[str, int]], now: dict[int, dict[str, int]], number: int) -> Any:
    """What became of a row of the branch: a word, or the columns that were set."""
    if number not in then:
        return "inserted" if number in now else None
    if number not in now:
        return "deleted"
    return frozenset(name for name in "ab" if then[number][name] != now[number][name]) or None


class ThreeWay:
    """A merge of the dicts into `result`: by what the branch had, what it has, and what the base has."""

    def __init__(self, base: Side, branch: Side, choice: str) -> None:
        self.base, self.branch = base, branch
        self.branch_wins = choice == "branch"
        self.result = base.copy()
        self.conflicts = 0
        changes = {n: changed(branch.then, branch.rows, n) for n in branch.then | branch.rows}
        for number, change in changes.items():  # those that leave, first, for their keys
            if change == "deleted":
                self.delete(self.twin(number), branch.then[number])
        for number, change in changes.items():
            if isinstance(change, frozenset):
                self.update(self.twin(number), change, branch.then[number], branch.rows[number])
        for number, change in changes.items():
            if change == "inserted":
                self.insert(number, branch.rows[number])

    def twin(self, number: int) -> int:
        """The number that the base has for a row of the branch; its own if it has none."""
        if number in self.base.rows:
            return number
        row = self.branch.rows.get(number) or self.branch.then[number]
        return next((n for n, other in self.base.rows.items() if other["k"] == row["k"]), number)

    def delete(self, number: int, then: dict[str, int]) -> None:
        if number not in self.base.rows:
            return
        differs = self.base.rows[number] != then
        self.conflicts += differs
        if not differs or self.branch_wins:
            self.result.pop(number, None)

    def update(self, number: int, names: frozenset[str], then: dict[str, int], row: dict[str, int]) -> None:
        if number not in self.base.rows:
            self.conflicts += 1
            if self.branch_wins:
                self.insert(number, row)
            return
        for name in names:
            differs = self.base.rows[number][name] not in (then[name], row[name])
            self.conflicts += differs
            if not differs or self.branch_wins:
                self.result[number][name] = row[name]

    def insert(self, number: int, row: dict[str, int]) -> None:
        same = next((n for n, other in self.result.items() if other["k"] == row["k"]), None)
        if same is None:
            self.result[number] = dict(row)
            return
        self.conflicts += self.result[same] != row
        if self.branch_wins:
            self.result[same] = dict(row)


def do(step: Any, base: Side, branch: Side) -> None:
    name, *rest = step
    if name == "merge":
        merge(base, branch, rest[0])
        return
    side = base if rest[0] == "base" else branch
    if name == "recompute":
        side.table.recompute_columns("c")
        return
    number = side.find(rest[1])
    if name == "insert" and number is None:
        side.rows[next(numbers)] = {"k": rest[1], "a": rest[2], "b": 0}
        side.table.insert([{"k": rest[1], "a": rest[2], "b": 0}])
    elif name == "set" and number is not None:
        side.rows[number][rest[2]] = rest[3]
        side.table.update({rest[2]: rest[3]}, where=side.table.k == rest[1])
    elif name == "delete" and number is not None:
        del side.rows[number]
        side.table.delete(where=side.table.k == rest[1])


def merge(base: Side, branch: Side, choice: str) -> None:
    expected = ThreeWay(base, branch, choice)
    if expected.conflicts and choice == "error":
        with pytest.raises(MergeConflict):
            branch.table.merge()
        return
    branch.table.merge(on_conflict=choice)
    base.rows = expected.result
    branch.then = branch.copy()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=st.lists(STEPS, min_size=4, max_size=20))
def test_merges_are_three_way(ns: str, steps: list[Any]) -> None:
    name = f"{ns}/t{next(numbers)}"
    t = pxt.create_table(name, {"k": pxt.Int, "a": pxt.Int, "b": pxt.Int}, primary_key="k")
    t.add_computed_column(c=weight(t.a, t.b, t.k))
    t.insert([{"k": k, "a": 0, "b": 0} for k in range(3)])
    view = pxt.create_view(f"{name}v", t.where(t.a > 0), additional_columns={"d": t.c + 1})
    rows = {next(numbers): {"k": k, "a": 0, "b": 0} for k in range(3)}
    base, branch = Side(t, rows), Side(t.branch(f"{name}b"), {n: dict(row) for n, row in rows.items()})
    for step in [*steps, ("merge", "branch")]:
        do(step, base, branch)
        base.check()
        branch.check()
    found = sorted(view.select(view.k, view.d).collect().to_pandas().itertuples(index=False, name=None))
    expected = [(row["k"], weight_of(row) + 1) for row in base.rows.values() if row["a"] > 0]
    assert found == sorted(expected)
