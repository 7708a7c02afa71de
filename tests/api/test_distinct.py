"""Distinct rows come where the first of them is."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import TypeMismatch, Unsupported


@pxt.udf
def half(n: int) -> int:
    return n // 2


@pytest.fixture
def table(ns: str) -> pxt.Table:
    schema = {"n": pxt.Int, "g": pxt.String | None, "j": pxt.Json, "a": pxt.Array[(1,), pxt.Float] | None}
    table = pxt.create_table(f"{ns}/t", schema)
    table.insert({"n": n, "g": ["b", None, "a"][n % 3], "j": {"k": [n % 2, 1.0]}} for n in range(9))
    return table


def test_the_first_of_equal_rows_stays_in_its_place(table: pxt.Table) -> None:
    query = table.select(table.g, odd=table.n % 2).distinct()
    assert list(zip(query.collect()["g"], query.collect()["odd"], strict=True)) == [
        ("b", 0), (None, 1), ("a", 0), ("b", 1), (None, 0), ("a", 1),
    ]  # fmt: skip
    assert query.count() == 6


def test_whole_rows(table: pxt.Table) -> None:
    assert table.select(table.n).distinct().count() == 9
    with pytest.raises(TypeMismatch, match="distinct"):
        table.distinct()


def test_json_and_what_python_computes(table: pxt.Table) -> None:
    assert table.select(table.j).distinct().collect()["j"] == [{"k": [0, 1.0]}, {"k": [1, 1.0]}]
    assert table.select(h=half(table.n)).distinct().collect()["h"] == [0, 1, 2, 3, 4]


def test_order_and_limit_are_of_the_distinct_rows(table: pxt.Table) -> None:
    query = table.select(table.g).distinct().order_by(table.g)
    assert query.collect()["g"] == ["a", "b", None]
    assert query.limit(1, offset=1).collect()["g"] == ["b"]
    assert query.limit(2).count() == 2


def test_groups_are_distinct_anyway(table: pxt.Table) -> None:
    with pytest.raises(Unsupported):
        table.group_by(table.g).select(table.g, n=pxtf.count(table.n)).distinct()
