"""Samples: as many rows as asked for, the same with the same seed, and the same in both engines."""

from collections import Counter
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidArgument, InvalidState, Unsupported


@pxt.udf
def identity(n: int) -> int:
    return n


@pytest.fixture
def table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "g": pxt.String | None})
    table.insert({"n": n, "g": "aaaaaaabc"[n % 9] if n % 10 else None} for n in range(500))
    return table


def chosen(query: pxt.Query) -> list[int]:
    found: list[int] = query.collect()["n"]
    return found


def test_so_many_rows_in_their_order(table: pxt.Table) -> None:
    found = chosen(table.sample(n=20, seed=1))
    assert len(found) == 20
    assert found == sorted(found)
    assert found == chosen(table.sample(n=20, seed=1))
    assert found != chosen(table.sample(n=20, seed=2))


def test_a_sample_holds_whatever_is_selected(table: pxt.Table) -> None:
    query = table.sample(n=5, seed=1)
    assert len(query.select(table.n).collect()) == 5
    assert table.select(table.n).sample(n=5, seed=1).collect() == query.select(table.n).collect()
    assert query.count() == 5


def test_without_a_seed_there_is_one_for_each_query(table: pxt.Table) -> None:
    query = table.sample(n=5)
    assert chosen(query) == chosen(query)
    assert len({tuple(chosen(table.sample(n=5))) for _ in range(5)}) > 1


def test_only_rows_that_the_filter_keeps(table: pxt.Table) -> None:
    assert all(n >= 490 for n in chosen(table.where(table.n >= 490).sample(n=5, seed=1)))


def test_a_fraction_stays_in_a_growing_table(table: pxt.Table) -> None:
    before = chosen(table.sample(fraction=0.2, seed=1))
    assert 50 < len(before) < 150
    table.insert({"n": n} for n in range(500, 600))
    assert [n for n in chosen(table.sample(fraction=0.2, seed=1)) if n < 500] == before
    assert chosen(table.sample(fraction=0, seed=1)) == []
    assert len(chosen(table.sample(fraction=1.0, seed=1))) == 600


def test_of_each_stratum(table: pxt.Table) -> None:
    found = table.sample(n_per_stratum=3, stratify_by=table.g, seed=1).collect()["g"]
    assert Counter(found) == {"a": 3, "b": 3, "c": 3, None: 3}
    of_all = Counter(table.collect()["g"])
    share = Counter(table.sample(fraction=0.1, stratify_by=[table.g], seed=1).collect()["g"])
    assert all(share[g] == -(-count // 10) for g, count in of_all.items())


def test_in_proportion_to_strata(table: pxt.Table) -> None:
    found = Counter(table.sample(n=50, stratify_by=table.g, seed=1).collect()["g"])
    assert found.total() == 50
    assert all(abs(found[g] - count / 10) <= 1 for g, count in Counter(table.collect()["g"]).items())


@pytest.mark.parametrize(
    "clauses", [{"n": 30}, {"fraction": 0.3}, {"n_per_stratum": 4}, {"fraction": 0.3, "stratify_by": "g"}]
)
def test_python_chooses_the_same_rows_as_sql(table: pxt.Table, clauses: dict[str, Any]) -> None:
    by = [table.g] if {"n_per_stratum", "stratify_by"} & clauses.keys() else None
    arguments = {**clauses, "stratify_by": by, "seed": 7}
    in_sql = table.where(table.n % 3 == 1).sample(**arguments)
    in_python = table.where(identity(table.n) % 3 == 1).sample(**arguments)
    assert chosen(in_sql) == chosen(in_python)


def test_a_sample_is_ordered_and_grouped_like_any_rows(table: pxt.Table) -> None:
    query = table.sample(n=9, seed=1)
    assert chosen(query.order_by(table.n, asc=False)) == chosen(query)[::-1]
    assert len(query.group_by(table.g).select(table.g).collect()) <= 4


def test_what_is_refused(table: pxt.Table) -> None:
    for arguments in ({}, {"n": 1, "fraction": 0.5}, {"n": -1}, {"fraction": 1.5}, {"n_per_stratum": 1}):
        with pytest.raises(InvalidArgument):
            table.sample(**arguments)  # type: ignore[arg-type]
    with pytest.raises(Unsupported):
        table.order_by(table.n).sample(n=1)
    with pytest.raises(Unsupported):
        table.sample(n=1).sample(n=1)
    with pytest.raises(Unsupported):
        table.sample(n=1).head()
    with pytest.raises(InvalidState):
        table.sample(n=2).where(table.n > 1)
