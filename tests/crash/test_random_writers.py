"""Processes that write at random: the end is what some order of the acknowledged operations gives, also if some die."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete, wait_until
from tests.crash.random_writing import AFTERWARDS, COUNTERS, Expected, Writers, rows_of

pytestmark = [
    pytest.mark.slow,
    # The columns' functions are in a module that only the programs find.
    pytest.mark.filterwarnings("ignore:column .* of table:pixeltable.exceptions.PixeltableWarning"),
]


def expected_of(writers: Writers) -> Expected:
    expected = Expected()
    for log in writers.logs():
        expected.read(log)
    return expected


def check_rows(found: list[dict[str, Any]], possible: dict[int, list[dict[str, Any] | None]], *names: str) -> None:
    """Each row is one of those that it can be, and none is there that nobody inserted."""
    present = {row["id"]: {name: row[name] for name in names} for row in found if row["id"] not in COUNTERS}
    assert len(present) == sum(row["id"] not in COUNTERS for row in found)
    for key in present.keys() | possible.keys():
        choices = possible.get(key, [None])
        wanted = [None if choice is None else {name: choice[name] for name in names} for choice in choices]
        assert present.get(key) in wanted, key


def check_counters(found: list[dict[str, Any]], starts: dict[int, int], counted: list[int]) -> None:
    at_least, at_most = counted
    for key, start in starts.items():
        (count,) = (row["n"] - start for row in found if row["id"] == key)
        assert at_least <= count <= at_most


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]], *names: str) -> None:
    as_tuples: Callable[[list[dict[str, Any]]], Counter[Any]] = lambda rows: Counter(  # noqa: E731
        tuple(row[name] for name in names) for row in rows
    )
    assert as_tuples(found) == as_tuples(expected)


def check_views(folder: str, rows: list[dict[str, Any]]) -> None:
    """Each view is what its definition makes of the rows of the table."""
    v, w, e = (rows_of(pxt.get_table(f"{folder}/{name}")) for name in "vwe")
    kept = [row | {"d": 2 * row["n"], "more": 2 * row["n"] + 1} for row in rows if row["n"] % 3 > 0]
    same(v, kept, "id", "n", "mark", "text", "twice", "d")
    same(w, [row for row in kept if row["d"] > 20], "id", "n", "mark", "text", "d", "more")
    items = [row | {"pos": i, "word": word} for row in rows for i, word in enumerate((row["text"] or "").split())]
    same(e, items, "id", "n", "mark", "text", "pos", "word")
    s, f, t, of_words = (pxt.get_table(f"{folder}/{name}") for name in "sfte")
    chosen = set(t.sample(fraction=0.5, seed=1).collect()["id"])
    same(rows_of(s), [item for item in items if item["id"] in chosen], "id", "n", "text", "pos", "word")
    query = of_words.where(of_words.n > 9).sample(fraction=0.5, seed=1)
    same(rows_of(f), [dict(row) for row in query.collect()], "id", "n", "mark", "pos", "word")


def check_late_views(folder: str, views: dict[str, set[bool]], rows: list[dict[str, Any]]) -> None:
    """Views that came while others wrote; one that its process did not finish, as it was killed, can be dropped."""
    t = pxt.get_table(f"{folder}/t")
    present = [path for path in t.list_views() if path.rpartition("/")[2][0] in "xy"]
    chosen = set(t.sample(fraction=0.5, seed=1).collect()["id"])
    for path, possible in views.items():
        assert (path in present) in possible
    for path in present:
        even = [row | {"d": 2 * row["n"]} for row in rows if row["n"] % 2 == 0]
        if is_unfinished(path):
            assert views[path] == {True, False}
            pxt.drop_table(path)
        else:
            wanted = even if "/x" in path else [row for row in even if row["id"] in chosen]
            same(rows_of(pxt.get_table(path)), wanted, "id", "n", "mark", "d")


def is_unfinished(path: str) -> bool:
    try:
        pxt.get_table(path)
    except pxt.RequestError as error:
        return "is not complete" in error.message
    return False


def check_columns(table: pxt.Table) -> None:
    """Columns that were added are computed in every row."""
    added = [name for name in table.columns() if name[0] == "c" or name == "twice"]
    for row in rows_of(table):
        assert all(row[name] == (None if row["n"] is None else 2 * row["n"]) for name in added), row


def check_versions(table: pxt.Table) -> None:
    """At each version there were as many rows as were inserted until then, and not deleted."""
    assert_versions_complete(table)
    count = 0
    for version in reversed(table.get_versions()):
        count += version["inserts"] - version["deletes"]
        assert table.at(version=version["version"]).count() == count


def check(writers: Writers) -> Expected:
    folder, expected = writers.folder, expected_of(writers)
    tables = {name: pxt.get_table(f"{folder}/{name}") for name in "tuvwesf"}
    rows, others = rows_of(tables["t"]), rows_of(tables["u"])
    check_rows(rows, expected.rows, "n", "mark", "text")
    check_rows(others, expected.others, "n", "mark")
    check_counters(rows, {-1: 0, -2: 100, -3: 1}, expected.counted["count"])
    check_counters(others, {-1: 0}, expected.counted["count other"])
    check_views(folder, rows)
    check_late_views(folder, expected.views, rows)
    seen = {key: choices for key, choices in expected.rows.items() if any(c and c["n"] % 3 for c in choices)}
    check_rows(rows_of(tables["v"]), seen, "n", "note")
    for name in "tuv":
        check_columns(tables[name])
    for name in "tu":
        check_versions(tables[name])
    for name in "vwesf":
        assert_versions_complete(tables[name])
    return expected


def test_what_processes_write_at_random_is_as_in_some_order(ns: str, programs: Programs) -> None:
    writers = Writers(programs, ns)
    for number in range(1, 5):
        writers.start(number, most=40)
    for program in writers.running.values():
        program.succeed()
    expected = check(writers)
    assert {"insert", "update", "delete", "count", "upsert", "column", "view", "note"} <= expected.kinds


@pytest.mark.parametrize("seed", [1, 2])
def test_what_killed_processes_had_acknowledged_is_there(ns: str, programs: Programs, seed: int) -> None:
    writers, chance = Writers(programs, ns), random.Random(seed)
    for number in range(1, 4):
        writers.start(10 * seed + number, most=10_000)
    for number in range(4, 9):
        wanted = writers.acknowledged() + chance.randrange(5, 25)
        wait_until(lambda: writers.acknowledged() >= wanted, timeout_s=60)  # noqa: B023  # called at once
        writers.kill(chance.choice(list(writers.running)))
        writers.start(10 * seed + number, most=10_000)
    writers.end()
    check(writers)
    assert programs.run(AFTERWARDS, ns) == ["done"]
    check(writers)
