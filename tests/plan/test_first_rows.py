"""The first rows of an order, which the database looks for among those a sample leaves: the same as of all rows."""

import math
import random

import pytest

import pixeltable as pxt
from pixeltable.exprs.expr import Expr
from tests.plan.groups import in_python

SPREAD = 12_000
XS = [0.0, -0.0, math.nan, math.inf, -math.inf]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Rows whose values are spread over the pages, many more than the share that a sample reads."""
    chance = random.Random(7)
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "x": pxt.Float | None, "s": pxt.String | None, "few": pxt.Int})
    t.insert(
        {
            "n": chance.randrange(SPREAD * 10),
            "x": chance.choice(XS) if number % 3000 == 0 else None if number % 4 == 0 else chance.gauss(0, 1e6),
            "s": None if number % 5000 == 0 else f"{chance.random()}é",
            "few": number % 3,
        }
        for number in range(SPREAD)
    )
    t.add_computed_column(m=t.n * 2)
    return t


def has_bound(query: pxt.Query) -> bool:
    return "TABLESAMPLE" in query.explain()


def same_in_python(query: pxt.Query) -> bool:
    found, expected = list(map(dict, query.collect())), in_python(query)
    return repr(found) == repr(expected)  # NaN, and the sign of zero


@pytest.mark.parametrize("ascending", [True, False])
def test_they_are_those_of_all_rows(t: pxt.Table, ascending: bool) -> None:
    for name in ("n", "x", "s", "few"):
        for count, offset in ((1, None), (10, None), (5, 100), (200, None)):
            query = t.order_by(t[name], asc=ascending).limit(count, offset=offset).select(t[name], t.n)
            assert has_bound(query)
            assert same_in_python(query)


def test_a_filter_comes_before(t: pxt.Table) -> None:
    assert same_in_python(t.where(t.few == 1).order_by(t.x).limit(10).select(t.n, t.x))
    assert same_in_python(t.where((t.n < 500) & (t.s != None)).order_by(t.x, asc=False).limit(10))  # noqa: E711
    assert t.where(t.n < 0).order_by(t.x).limit(10).collect()["n"] == []


def test_further_keys_decide_among_equal_rows(t: pxt.Table) -> None:
    assert same_in_python(t.order_by(t.few).order_by(t.x, asc=False).limit(20).select(t.few, t.x, t.n))
    assert same_in_python(t.order_by(t.x / 2 + t.n, t.s).limit(20))


def test_a_bound_is_about_rows_of_one_table_alone(t: pxt.Table) -> None:
    other = t.alias("other")

    def found(key: Expr, limit: int) -> bool:
        return has_bound(t.order_by(key).limit(limit).select(t.n, t.m))

    assert [found(t.n, 10), found(t.m, 10), found(t.n + t.m, 10), found(t.n, 201)] == [True, False, False, False]
    assert not has_bound(t.join(other, on=t.n == other.n).order_by(t.n).limit(5).select(t.n))
    assert not has_bound(t.order_by(t.n).select(t.n))
    assert same_in_python(t.order_by(t.n).limit(10).select(t.n, t.m))


def test_where_an_index_has_the_order_it_is_used(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "n": pxt.Int, "k": pxt.Int}, primary_key="id")
    t.add_btree_index(t.n)
    assert [has_bound(t.order_by(key).limit(5)) for key in (t.id, t.n, t.k)] == [False, False, True]
    assert not has_bound(t.where(t.id == 7).order_by(t.k).limit(5))


def test_small_tables_have_samples_without_rows(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None})
    assert t.order_by(t.n).limit(3).collect()["n"] == []
    t.insert([{"n": 3}, {"n": None}, {"n": 1}])
    for _ in range(5):  # the database plans a statement anew, then keeps the plan
        assert t.order_by(t.n).limit(2).collect()["n"] == [1, 3]
        assert t.order_by(t.n, asc=False).limit(2).collect()["n"] == [None, 3]
