"""A window means in SQL what it means in Python."""

from typing import Any

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.plan.grouping import plan_select
from pixeltable.plan.scope import Pushdown
from pixeltable.types.conform import INT_MAX
from tests.api.refusals import refusal
from tests.plan.groups import in_python, pushdown, record_of, shown, spec_of, table_of
from tests.plan.test_grouping import ROWS, TYPES, VALUES


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return table_of(f"{ns}/t", TYPES, ROWS)


def windows_left(query: pxt.Query) -> int:
    """How many windows are left to Python."""
    return len(plan_select(spec_of(query), record_of(query), pushdown=Pushdown()).windows)


def agree(query: pxt.Query) -> None:
    assert windows_left(query) == 0
    with pushdown(True):
        found = list(map(dict, query.collect()))
    assert shown(found) == shown(in_python(query))


WINDOWS: dict[str, Any] = {
    "over rows": lambda t, **over: {
        "a": pxtf.count(t.s, **over), "b": pxtf.sum(t.i, **over), "c": pxtf.mean(t.n, **over),
        "d": pxtf.variance(t.i, **over), "e": pxtf.stddev(t.i, ddof=0, **over),
        "f": pxtf.any(t.b, **over), "g": pxtf.all(t.b, **over), "h": pxtf.sum(t.x, **over),
    },
    "extremes": lambda t, **over: {
        f"{name}{n}": extreme(t[name], **over) for name in VALUES for n, extreme in enumerate((pxtf.min, pxtf.max))
    },
    "places": lambda t, frame="", **over: {  # noqa: ARG005  # they have none
        "a": pxtf.row_number(**over), "b": pxtf.rank(**over), "c": pxtf.dense_rank(**over),
        "d": pxtf.lag(t.s, 2, "none", **over), "e": pxtf.lead(t.x, default=0, **over), "f": pxtf.lag(t.t, **over),
        "g": pxtf.lag(t.u, 0, **over), "h": pxtf.lead(t.d, n=3, **over), "i": pxtf.lead(t.b, 1, True, **over),
    },
}  # fmt: skip


@pytest.mark.parametrize("items", WINDOWS)
@pytest.mark.parametrize("frame", ["running", "all"])
@pytest.mark.parametrize("asc", [True, False])
@pytest.mark.parametrize("order", VALUES)
def test_every_order(items: str, frame: Any, asc: bool, order: str, t: pxt.Table) -> None:
    agree(t.select(**WINDOWS[items](t, group_by=t.g, order_by=t[order], asc=asc, frame=frame)))


@pytest.mark.parametrize("items", WINDOWS)
@pytest.mark.parametrize("key", VALUES)
def test_every_partition_in_the_order_of_insertion(items: str, key: str, t: pxt.Table) -> None:
    agree(t.select(**WINDOWS[items](t, group_by=t[key])))


def test_expressions(t: pxt.Table) -> None:
    agree(t.select(w=t.i - pxtf.sum(t.i % 2, group_by=t.s.len() % 3, order_by=-t.n, frame="all")))


def test_filter_order_and_limit(t: pxt.Table) -> None:
    window = pxtf.rank(group_by=t.g, order_by=t.i, asc=False)
    for query in (t.where(t.i > -2).select(t.i, w=window), t.select(t.i).where(t.b)):
        agree(query.order_by(window, asc=False).order_by(t.s).limit(7, offset=2))
        agree(query.order_by(window).order_by(t.x, asc=False))
    agree(t.select(t.i, w=window).limit(5, offset=3))


@pytest.mark.parametrize("on", [True, False])
def test_head_and_tail(on: bool, t: pxt.Table) -> None:
    query = t.select(w=pxtf.row_number())
    with pushdown(on):
        assert query.head(2)["w"] == [1, 2]
        assert query.tail(2)["w"] == [len(ROWS) - 1, len(ROWS)]


def test_what_sql_lacks_is_left_to_python(t: pxt.Table) -> None:
    over: Any = {"group_by": t.g, "order_by": t.i}
    query = t.select(t.i, a=pxtf.rank(**over), b=pxtf.median(t.i, **over), c=pxtf.last(t.s, **over)).order_by(t.s)
    assert windows_left(query) == 2
    with pushdown(True):
        found = list(map(dict, query.limit(9).collect()))
    assert shown(found) == shown(in_python(query.limit(9)))


def test_a_filter_without_sql_leaves_all_windows_to_python(t: pxt.Table) -> None:
    query = t.where(t.s.upper() >= "A").select(w=pxtf.row_number())
    assert windows_left(query) == 1
    assert query.collect()["w"] == list(range(1, query.count() + 1))


@pytest.mark.parametrize("on", [True, False])
def test_a_running_sum_beyond_64_bits_is_refused(on: bool, ns: str) -> None:
    t = table_of(f"{ns}/u", {"n": pxt.Int}, [{"n": INT_MAX}, {"n": 1}])
    with pushdown(on):
        message = refusal(
            lambda: t.select(pxtf.sum(t.n, order_by=t.n)).collect(), pxt.RequestError, "INVALID_EXPRESSION"
        )
    assert "is out of" in message


def test_windows_over_a_similarity(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"v": pxt.Array[(2,), pxt.Float], "g": pxt.Int})
    t.insert([{"v": [1.0, 0.0], "g": 1}, {"v": [0.0, 2.0], "g": 1}, {"v": [0.0, 3.0], "g": 2}])
    t.add_embedding_index("v", metric="l2")
    near = t.v.similarity(vector=[0.0, 0.0])
    query = t.select(r=pxtf.rank(order_by=near, asc=False), m=pxtf.max(near, group_by=t.g, frame="all"))
    for on in (True, False):
        with pushdown(on):
            assert [tuple(row.values()) for row in query.collect()] == [(3, 2.0), (2, 2.0), (1, 3.0)]
