"""Versions of tables that were written while a column or an index was being filled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt

MEANWHILE: list[Callable[[], Any]] = []
"""What other writers do as soon as the first row is computed."""

FAILING: set[int] = set()


@pxt.udf
def interrupted(n: int) -> int:
    while MEANWHILE:
        MEANWHILE.pop()()
    if n in FAILING:
        raise ValueError(f"{n} fails")
    return 2 * n


@pxt.udf
def never_called_before(n: int) -> int:
    """Columns of functions that are known to be quick are computed before anything of them is in the table."""
    while MEANWHILE:
        MEANWHILE.pop()()
    return n


@pxt.udf
def interrupted_letters(text: str) -> pxt.Array[(3,), pxt.Float]:
    while MEANWHILE:
        MEANWHILE.pop()()
    return np.array([text.count(letter) + 0.5 for letter in "abc"], dtype=np.float32)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1 has rows 0 to 3."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert([{"n": n, "s": "abca"[n]} for n in range(4)])
    return t


def rows(table: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.collect()]


def meddle(t: pxt.Table) -> None:
    """Delete a row; then update one, and, while its new cell is computed, insert one."""
    MEANWHILE[:] = [
        lambda: t.insert(n=9, s="b"),
        lambda: t.update({"n": t.n + 4}, where=t.n == 1),
        lambda: t.delete(where=t.n == 2),
    ]


def test_writes_during_the_backfill_of_a_column(t: pxt.Table) -> None:
    meddle(t)
    t.add_computed_column(c=interrupted(t.n))
    t.update({"n": 7}, where=t.n == 5)
    assert [rows(t.at(version=v)) for v in range(1, 7)] == [
        [(0, "a"), (1, "b"), (2, "c"), (3, "a")],
        [(0, "a"), (1, "b"), (3, "a")],
        [(0, "a"), (1, "b"), (3, "a"), (9, "b")],
        [(0, "a"), (5, "b"), (3, "a"), (9, "b")],
        [(0, "a", 0), (5, "b", 10), (3, "a", 6), (9, "b", 18)],
        [(0, "a", 0), (7, "b", 14), (3, "a", 6), (9, "b", 18)],
    ]


def test_a_version_made_during_a_backfill_is_restored(t: pxt.Table) -> None:
    meddle(t)
    t.add_computed_column(c=interrupted(t.n))
    for version in (3, 5, 1, 5):
        wanted = rows(t.at(version=version))
        t.restore(version)
        assert rows(t) == wanted


def test_a_column_dropped_while_another_was_filled(t: pxt.Table) -> None:
    t.add_computed_column(a=t.n + 1)
    MEANWHILE[:] = [lambda: t.drop_column("a")]
    t.add_computed_column(c=interrupted(t.n))
    t.delete(where=t.n < 3)
    assert [t.at(version=v).columns() for v in (2, 3, 4)] == [["n", "s", "a"], ["n", "s"], ["n", "s", "c"]]
    t.restore(3)
    assert rows(t) == [(0, "a"), (1, "b"), (2, "c"), (3, "a")]
    t.restore(2)
    assert rows(t)[3] == (3, "a", 4)
    t.restore(4)
    assert rows(t)[3] == (3, "a", 6)


def test_a_backfill_that_was_taken_up_by_mended_code(t: pxt.Table) -> None:
    FAILING.add(3)
    with pytest.raises(pxt.Error):
        t.add_computed_column(c=interrupted(t.n))
    t.update({"n": 5}, where=t.n == 1)
    FAILING.clear()
    t.add_computed_column(c=interrupted(t.n))
    t.update({"n": 0})
    assert [rows(t.at(version=v)) for v in (1, 2, 3, 4)] == [
        [(0, "a"), (1, "b"), (2, "c"), (3, "a")],
        [(0, "a"), (5, "b"), (2, "c"), (3, "a")],
        [(0, "a", 0), (5, "b", 10), (2, "c", 4), (3, "a", 6)],
        [(0, "a", 0), (0, "b", 0), (0, "c", 0), (0, "a", 0)],
    ]


def test_the_present_is_not_restored_while_a_column_is_filled(t: pxt.Table) -> None:
    found: list[str] = []

    def restore() -> None:
        with pytest.raises(pxt.RequestError) as caught:
            t.restore(0)
        found.append(caught.value.message)

    MEANWHILE[:] = [restore]
    t.add_computed_column(c=never_called_before(t.n))
    assert "'c' is being filled" in found[0]
    assert t.count() == 4


def test_an_aborted_backfill_is_taken_up_after_a_restoration(t: pxt.Table) -> None:
    t.update({"n": t.n + 10})
    FAILING.add(13)
    with pytest.raises(pxt.Error):
        t.add_computed_column(c=interrupted(t.n))
    FAILING.clear()
    t.restore(1)
    t.add_computed_column(c=interrupted(t.n))
    assert t.collect()["c"] == [0, 2, 4, 6]


def test_the_past_of_an_index_that_was_written_while_it_was_filled(t: pxt.Table) -> None:
    MEANWHILE[:] = [lambda: t.update({"s": "ccc"}, where=t.n == 0)]
    t.add_embedding_index("s", embedding=interrupted_letters)
    t.update({"s": "a"})
    old = t.at(version=3)
    near = old.s.similarity(string="ccc")
    assert old.order_by(near, asc=False).limit(1).collect()["n"] == [0]
    assert len(old.select(near=near).collect()) == 4
