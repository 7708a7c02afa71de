"""Wildcards, slices and the order of Json in queries of every kind, as the database answers them."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import Table


@pytest.fixture
def t(ns: str) -> Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": pxt.Json | None})
    lists = [[1, 2, 3], [{"a": 1}, {"a": 2}], None, {"a": [1]}, [9, 2, 3], [], "x", [{"a": 1}, {"a": 2}]]
    t.insert({"n": n, "j": j} for n, j in enumerate(lists))
    return t


def test_filters_counts_and_updates(t: Table) -> None:
    assert t.where(t.j["*"].a.len() == 3).count() == 2
    assert t.where(t.j[1:].contains(3)).collect()["n"] == [0, 4]
    t.update({"n": 100}, where=t.j[1:].contains(3))
    assert t.where(t.n == 100).count() == 2


def test_groups(t: Table) -> None:
    tails = t.group_by(t.j[1:]).select(tail=t.j[1:], n=pxtf.count(t.n)).order_by(t.j[1:], asc=False)
    assert [(row["tail"], row["n"]) for row in tails.collect()] == [
        (None, 3), ([2, 3], 2), ([{"a": 2}], 2), ([], 1),
    ]  # fmt: skip
    assert t.select(t.j["*"].a).distinct().count() == 4


def test_order(t: Table) -> None:
    assert t.order_by(t.j).collect()["n"] == [6, 5, 1, 7, 0, 4, 3, 2]
    assert t.order_by(t.j, asc=False).limit(3).collect()["n"] == [2, 3, 4]
    assert t.order_by(t.j["*"].a, t.n, asc=False).collect()["n"][:3] == [6, 3, 2]


def test_joins(t: Table) -> None:
    other = t.alias("other")
    pairs = t.join(other, on=t.n == other.n).where(other.j[-1:].len() > 0).order_by(t.j[::-1], other.j["*"].a)
    assert pairs.select(t.n, last=other.j[-1:]).collect()["n"] == [1, 7, 0, 4]


def test_windows(t: Table) -> None:
    numbered = t.select(t.n, place=pxtf.row_number(order_by=t.n), tail=t.j[1:2]).order_by(t.j["*"]).limit(2)
    assert [row["n"] for row in numbered.collect()] == [5, 1]


def test_json_beside_json(t: Table) -> None:
    assert t.where(t.j == [1, 2, 3]).count() == 1
    assert t.where(t.j["*"].a == [1, 2]).collect()["n"] == [1, 7]
    assert t.where(t.j[1] == t.j[2] - 1).count() == 2
    assert t.where((t.j < [2]) & (t.j[0] < t.j[1])).count() == 0
    assert t.where(t.j[0] > t.j[1]).collect()["n"] == [4]
    assert t.where(t.j.isin([[], {"a": [1]}])).collect()["n"] == [3, 5]


def test_left_joins_by_keys_in_json(t: Table) -> None:
    other = t.alias("other")
    found = t.join(other, on=t.n == other.j[0], how="left").select(t.n, other=other.n)
    assert [(row["n"], row["other"]) for row in found.collect() if row["other"] is not None] == [(1, 0)]
    assert len(found.collect()) == 8
