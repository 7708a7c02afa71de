"""Random programs on a table, and a model that keeps a copy of every version: each version reads as its copy."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from tests.api.library import even_only, twice

FUNCTIONS: dict[str, Callable[[int], int | None]] = {
    "stored": lambda n: 2 * n,
    "unstored": lambda n: n + 1,
    "failing": lambda n: None if n % 2 else n,
}


@dataclass
class State:
    """The rows by key, and the computed columns with the function and the input of each."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)

    def compute(self, row: dict[str, Any], names: list[str] | None = None) -> None:
        for name, (function, source) in self.columns.items():
            if function != "unstored" and (names is None or name in names):
                row[name] = None if row[source] is None else FUNCTIONS[function](row[source])

    def dependents(self, of: str) -> list[str]:
        found = [of]
        for name, (_, source) in self.columns.items():
            if source in found:
                found.append(name)
        return found[1:]

    def read(self) -> list[dict[str, Any]]:
        """The rows as a query gives them."""
        found = []
        for key, row in sorted(self.rows.items()):
            read = {"k": key, "n": row["n"]}
            for name, (function, source) in self.columns.items():
                read[name] = FUNCTIONS[function](read[source]) if function == "unstored" else row[name]
            found.append(read)
        return found


class Pair:
    """A table, and the copies of its versions."""

    def __init__(self, path: str) -> None:
        self.table = pxt.create_table(path, {"k": pxt.Int, "n": pxt.Int}, primary_key="k")
        self.versions = [State()]
        self.keys = count()
        self.names = (f"c{number}" for number in count())

    @property
    def now(self) -> State:
        return self.versions[-1]

    def _next(self) -> State:
        self.versions.append(deepcopy(self.now))
        return self.now

    def insert(self, numbers: list[int]) -> None:
        state, rows = self._next(), [{"k": next(self.keys), "n": n} for n in numbers]
        for row in rows:
            state.rows[row["k"]] = {"n": row["n"]}
            state.compute(state.rows[row["k"]])
        self.table.insert(rows, on_error="ignore")

    def update(self, least: int, by: int, cascade: bool) -> None:
        if any(row["n"] >= least for row in self.now.rows.values()):
            state = self._next()
            for row in state.rows.values():
                if row["n"] >= least:
                    row["n"] += by
                    state.compute(row, state.dependents("n") if cascade else [])
        self.table.update({"n": self.table.n + by}, where=self.table.n >= least, cascade=cascade)

    def delete(self, most: int) -> None:
        if any(row["n"] <= most for row in self.now.rows.values()):
            state = self._next()
            state.rows = {key: row for key, row in state.rows.items() if row["n"] > most}
        self.table.delete(where=self.table.n <= most)

    def add(self, function: str, place: int) -> None:
        inputs = ["n", *(name for name, (kind, _) in self.now.columns.items() if kind == "stored")]
        source, name, state = inputs[place % len(inputs)], next(self.names), self._next()
        state.columns[name] = (function, source)
        for row in state.rows.values():
            state.compute(row, [name])
        column = self.table[source]
        expr = {"stored": twice, "unstored": lambda c: c + 1, "failing": even_only}[function](column)
        self.table.add_computed_column(**{name: expr}, stored=function != "unstored", on_error="ignore")

    def drop(self, place: int) -> None:
        free = [name for name in self.now.columns if not self.now.dependents(name)]
        if free:
            name, state = free[place % len(free)], self._next()
            del state.columns[name]
            self.table.drop_column(name)

    def recompute(self, place: int) -> None:
        stored = [name for name, (function, _) in self.now.columns.items() if function != "unstored"]
        if stored and self.now.rows:
            name, state = stored[place % len(stored)], self._next()
            for row in state.rows.values():
                state.compute(row, [name, *state.dependents(name)])
            self.table.recompute_columns(name)

    def revert(self) -> None:
        if len(self.versions) > 1:
            self.versions.pop()
            self.table.revert()

    def restore(self, place: int) -> None:
        old = self.versions[place % len(self.versions)]
        before = len(self.table.get_versions())
        self.table.restore(place % len(self.versions))
        if len(self.table.get_versions()) > before:
            self.versions.append(deepcopy(old))
        else:
            assert self.now.read() == old.read()

    def check(self) -> None:
        assert [version["version"] for version in self.table.get_versions()][::-1] == list(range(len(self.versions)))
        for number, state in enumerate(self.versions):
            old = self.table.at(version=number)
            assert list(old.order_by(old.k).collect()) == state.read()
            assert old.columns() == ["k", "n", *state.columns]
        assert list(self.table.order_by(self.table.k).collect()) == self.now.read()

    def check_difference(self, place: int) -> None:
        old = self.versions[place % len(self.versions)]
        found = {row["k"]: (row["change"], row["columns"]) for row in self.table.diff(place % len(self.versions))}
        assert found == dict(differences(old, self.now))


def differences(old: State, new: State) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    stored = ["n", *(name for name, (kind, _) in new.columns.items() if name in old.columns and kind != "unstored")]
    for key in old.rows.keys() | new.rows.keys():
        if key not in new.rows or key not in old.rows:
            yield key, ("deleted" if key in old.rows else "inserted", [])
        elif changed := [name for name in stored if old.rows[key][name] != new.rows[key][name]]:
            yield key, ("updated", changed)


numbers = st.integers(0, 9)
steps = st.one_of(
    st.tuples(st.just("insert"), st.lists(numbers, min_size=1, max_size=3)),
    st.tuples(st.just("update"), numbers, st.integers(0, 3), st.booleans()),
    st.tuples(st.just("delete"), st.integers(0, 4)),
    st.tuples(st.just("add"), st.sampled_from(list(FUNCTIONS)), numbers),
    st.tuples(st.just("drop"), numbers),
    st.tuples(st.just("recompute"), numbers),
    st.tuples(st.just("revert")),
    st.tuples(st.just("restore"), numbers),
)
places = count()


def run(path: str, program: list[tuple[Any, ...]]) -> None:
    pair = Pair(path)
    for number, (name, *arguments) in enumerate(program):
        getattr(pair, name)(*arguments)
        pair.check()
        pair.check_difference(number)
    pxt.drop_table(path)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(steps, min_size=4, max_size=10))
def test_every_version_reads_as_it_was(ns: str, program: list[tuple[Any, ...]]) -> None:
    run(f"{ns}/t{next(places)}", program)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(steps, min_size=6, max_size=20))
def test_every_version_reads_as_it_was_after_long_programs(ns: str, program: list[tuple[Any, ...]]) -> None:
    run(f"{ns}/t{next(places)}", program)
