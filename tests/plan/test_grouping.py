"""Grouping means in SQL what it means in Python: the same groups, in the same order, with the same values."""

import datetime
import itertools
import math
from typing import Any

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.plan.grouping import plan_select
from pixeltable.plan.scope import Pushdown
from pixeltable.session.current import current_session
from pixeltable.storage.database import Connection
from pixeltable.types.conform import INT_MAX, INT_MIN
from tests.api.refusals import refusal
from tests.engines import examples
from tests.plan.groups import groups_in_sql, in_python, in_sql, pushdown, record_of, shown, spec_of, table_of
from tests.plan.test_engines_agree import bools, dates, floats, texts, timestamps, uuids

SMALL_INTS = st.none() | st.integers(-3, 3)
BIG_INTS = st.none() | st.integers(-(2**55), 2**55)
EDGE_FLOATS = [0.0, -0.0, math.nan, math.inf, -math.inf, 0.1, 0.2, 1e16, None]

VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "i": (pxt.Int | None, SMALL_INTS), "n": (pxt.Int | None, BIG_INTS), "b": (pxt.Bool | None, bools),
    "x": (pxt.Float | None, st.sampled_from(EDGE_FLOATS) | floats.filter(lambda x: x is None or abs(x) < 1e300)),
    "s": (pxt.String | None, texts), "t": (pxt.Timestamp | None, timestamps), "d": (pxt.Date | None, dates),
    "u": (pxt.UUID | None, uuids),
}  # fmt: skip
TYPES = {name: kind for name, (kind, _) in VALUES.items()} | {"g": pxt.Int | None}
ROWS = [
    {**dict(zip(VALUES, row, strict=True)), "g": group}
    for row, group in zip(
        examples(st.tuples(*(strategy for _, strategy in VALUES.values())), 150),
        itertools.cycle([3, None, 1, 2, 1]),
        strict=False,
    )
]
# What few random values are: equal in one key, or all null.
ROWS += [dict.fromkeys(TYPES) | {"g": 9}, {**ROWS[0], "x": -0.0}, {**ROWS[0], "x": 0.0}, {**ROWS[1], "g": 7}]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return table_of(f"{ns}/t", TYPES, ROWS)


def agree(query: pxt.Query) -> None:
    assert shown(in_sql(query)) == shown(in_python(query))


@pytest.mark.parametrize("name", VALUES)
def test_count_min_max(name: str, t: pxt.Table) -> None:
    items = {"n": pxtf.count(t[name]), "low": pxtf.min(t[name]), "high": pxtf.max(t[name])}
    agree(t.group_by(t.g).select(t.g, **items))
    agree(t.select(**items))


@pytest.mark.parametrize("name", ["i", "n", "x"])
def test_sum_and_mean(name: str, t: pxt.Table) -> None:
    items = {"total": pxtf.sum(t[name]), "average": pxtf.mean(t[name])}
    agree(t.group_by(t.g).select(t.g, **items))
    agree(t.select(**items))


@pytest.mark.parametrize("name", VALUES)
def test_keys_of_every_type(name: str, t: pxt.Table) -> None:
    agree(t.group_by(t[name]).select(key=t[name], rows=pxtf.count(t.g)))


def test_keys_that_are_expressions(t: pxt.Table) -> None:
    keys = {"a": t.i % 2, "b": t.s.len(), "c": t.x > 0, "d": t.x * 0, "e": t.s == None}  # noqa: E711  # null test
    for name, key in keys.items():
        agree(t.group_by(key).select(**{name: key}, n=pxtf.count(t.i)))
    agree(t.group_by(*keys.values()).select(**keys, n=pxtf.count(1)))


def test_arguments_that_are_expressions(t: pxt.Table) -> None:
    items = {"a": pxtf.sum(t.s.len()), "b": pxtf.mean(t.i / 2), "c": pxtf.max(t.s + "!"), "d": pxtf.count(None)}
    agree(t.group_by(t.g).select(**items))


def test_expressions_of_aggregates(t: pxt.Table) -> None:
    agree(t.group_by(t.g).select(a=pxtf.sum(t.i) + t.g, b=pxtf.count(t.i) / pxtf.count(1), c={"n": pxtf.max(t.i)}))


def scattered(path: str) -> pxt.Table:
    """Rows whose floats add up to something else in another order, a third of them stored behind the others."""
    xs = [1e16, 1.0, -1e16, 0.1, 3.0, -0.7]
    t = table_of(
        path,
        {"g": pxt.Int, "x": pxt.Float, "y": pxt.Float | None, "n": pxt.Int},
        [{"g": n % 7, "x": xs[n * n % 6], "y": None if n % 5 == 0 else xs[n % 5], "n": n} for n in range(1000)],
    )
    t.update({"n": -t.n}, where=t.n % 3 == 1)
    return t


def test_floats_are_added_in_the_order_of_rows_wherever_they_are_stored(ns: str) -> None:
    t = scattered(f"{ns}/t")
    items = {"a": pxtf.sum(t.x), "b": pxtf.mean(t.y), "c": pxtf.sum(t.n), "d": pxtf.first(t.y)}
    agree(t.group_by(t.g).select(t.g, **items))
    agree(t.group_by(t.g, t.n % 2).select(t.g, **items).having(pxtf.sum(t.x) > 0).order_by(pxtf.sum(t.y)).limit(3))
    for other in (pxtf.last(t.x), pxtf.sum(t.x, order_by=t.n), pxtf.median(t.x), pxtf.count_distinct(t.x)):
        agree(t.group_by(t.g).select(t.g, **items, e=other))
    u = t.alias("u")
    joined = t.join(u, on=t.n == u.n).group_by(u.g).select(u.g, a=pxtf.sum(t.x), b=pxtf.mean(u.y))
    with pushdown(True):
        assert shown(list(map(dict, joined.collect()))) == shown(in_python(joined))


def test_sums_of_floats_are_taken_from_a_hash(ns: str) -> None:
    t = scattered(f"{ns}/t")
    query = t.group_by(t.g).select(t.g, total=pxtf.sum(t.x), n=pxtf.count(t.n))
    scan = plan_select(spec_of(query), record_of(query), pushdown=Pushdown()).scan

    def shape(connection: Connection) -> list[tuple[str]]:
        connection.execute("SET LOCAL enable_hashagg = off")
        return connection.execute(f"EXPLAIN {scan.sql}", scan.parameters).fetchall()

    assert "HashAggregate" in str(current_session().database.read(shape))


def test_filter_order_and_limit(t: pxt.Table) -> None:
    query = t.where(t.i > -2).group_by(t.i).select(t.i, n=pxtf.count(t.s))
    for key, ascending in itertools.product([t.i, pxtf.count(t.s), pxtf.max(t.s), pxtf.min(t.x)], [True, False]):
        agree(query.order_by(key, asc=ascending))
        agree(query.order_by(key, asc=ascending).limit(2, offset=1))
    agree(query.order_by(-pxtf.count(t.s)).limit(3))
    agree(query.limit(3, offset=1))


def test_groups_come_in_the_order_of_their_first_rows(t: pxt.Table) -> None:
    query = t.group_by(t.g).select(t.g, n=pxtf.count(1))
    expected = [3, None, 1, 2, 9, 7]
    assert [row["g"] for row in in_sql(query)] == [row["g"] for row in in_python(query)] == expected


@pytest.mark.parametrize("on", [in_sql, in_python])
def test_no_rows_are_no_groups_but_one_row_of_aggregates(on: Any, ns: str) -> None:
    t = table_of(f"{ns}/t", TYPES, [])
    items = {"n": pxtf.count(t.x), "total": pxtf.sum(t.x), "average": pxtf.mean(t.i), "low": pxtf.min(t.s)}
    assert on(t.select(**items)) == [{"n": 0, "total": None, "average": None, "low": None}]
    assert on(t.group_by(t.g).select(**items)) == []


@pytest.mark.parametrize("on", [in_sql, in_python])
def test_minus_zero_is_the_same_group_as_zero_and_nan_as_nan(on: Any, ns: str) -> None:
    t = table_of(f"{ns}/t", {"x": pxt.Float}, [{"x": x} for x in (-0.0, math.nan, 0.0, math.nan)])
    assert shown(on(t.group_by(t.x).select(t.x, n=pxtf.count(1)))) == ["{'x': 0.0, 'n': 2}", "{'x': nan, 'n': 2}"]


@pytest.mark.parametrize("on", [in_sql, in_python])
def test_a_mean_of_ints_is_a_float(on: Any, ns: str) -> None:
    t = table_of(f"{ns}/t", {"n": pxt.Int}, [{"n": 1}, {"n": 3}])
    assert shown(on(t.select(m=pxtf.mean(t.n)))) == ["{'m': 2.0}"]


def test_a_sum_of_ints_is_exact(ns: str) -> None:
    t = table_of(f"{ns}/t", {"n": pxt.Int}, [{"n": n} for n in (INT_MAX, INT_MAX, INT_MIN, INT_MIN, 5)])
    agree(t.select(n=pxtf.sum(t.n)))
    assert in_sql(t.select(n=pxtf.sum(t.n))) == [{"n": 3}]


def test_a_sum_beyond_64_bits_is_refused(ns: str) -> None:
    t = table_of(f"{ns}/t", {"n": pxt.Int}, [{"n": INT_MAX}, {"n": 1}])
    query = t.select(n=pxtf.sum(t.n))
    for on in (in_sql, in_python):
        message = refusal(lambda on=on: on(query), pxt.RequestError, "INVALID_EXPRESSION")
        assert "`sum(n)`: its value does not fit its type Int | None: 9223372036854775808 is out of" in message


def test_a_sum_of_floats_beyond_their_range_is_infinite(ns: str) -> None:
    t = table_of(f"{ns}/t", {"x": pxt.Float}, [{"x": 1e308}, {"x": 1e308}])
    agree(t.select(total=pxtf.sum(t.x), average=pxtf.mean(t.x)))
    assert in_sql(t.select(x=pxtf.sum(t.x))) == [{"x": math.inf}]


def test_floats_are_added_in_the_order_of_rows_also_after_updates(ns: str) -> None:
    numbers = [0.1 * n for n in range(200)]
    t = table_of(f"{ns}/t", {"n": pxt.Int, "x": pxt.Float}, [{"n": n, "x": x} for n, x in enumerate(numbers)])
    t.update({"x": t.x + 0.0}, where=t.n % 3 == 0)  # which moves their entries
    agree(t.select(s=pxtf.sum(t.x), m=pxtf.mean(t.x)))
    total = 0.0
    for number in numbers:
        total += number
    assert in_sql(t.select(s=pxtf.sum(t.x))) == [{"s": total}]


def test_instants_in_the_hour_that_comes_twice_are_two_groups(ns: str) -> None:
    first = datetime.datetime(2024, 11, 3, 5, 30, tzinfo=datetime.UTC)  # 01:30 in New York, and again an hour later
    times = [first, first + datetime.timedelta(hours=1), first]
    t = table_of(f"{ns}/t", {"t": pxt.Timestamp}, [{"t": time} for time in times])
    agree(t.group_by(t.t).select(t.t, n=pxtf.count(1)))
    agree(t.select(low=pxtf.min(t.t), high=pxtf.max(t.t)))


PYTHON_ONLY = {
    "a Json argument": lambda t: t.select(n=pxtf.sum(t.j)),
    "a condition without SQL": lambda t: t.where(t.s.upper() == "A").select(n=pxtf.count(1)),
    "an aggregate without SQL": lambda t: t.select(n=pxtf.make_list(t.n)),
    "an order within by Json": lambda t: t.group_by(t.n).select(n=pxtf.sum(t.n, order_by=t.j)),
    "a variance of floats": lambda t: t.select(n=pxtf.variance(t.n / 2)),
    "an approximation": lambda t: t.select(n=pxtf.approx_count_distinct(t.n)),
}


@pytest.mark.parametrize("name", PYTHON_ONLY)
def test_what_has_no_sql_is_grouped_in_python(name: str, ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json, "s": pxt.String, "n": pxt.Int})
    assert not groups_in_sql(PYTHON_ONLY[name](t))


def test_quantiles_and_variance(t: pxt.Table) -> None:
    for name in ("i", "n"):
        agree(t.group_by(t.g).select(t.g, a=pxtf.variance(t[name]), b=pxtf.stddev(t[name], ddof=0)))
        agree(t.select(a=pxtf.stddev(t[name]), b=pxtf.variance(t[name], ddof=10**6)))
    for name in ("i", "n", "x"):
        quantiles = {f"q{n}": pxtf.percentile(t[name], q) for n, q in enumerate((0, 0.1, 0.25, 1 / 3, 0.9, 1))}
        agree(t.group_by(t.g).select(t.g, m=pxtf.median(t[name]), **quantiles))


@pytest.mark.parametrize("name", VALUES)
def test_first_last_mode_and_count_distinct(name: str, t: pxt.Table) -> None:
    items = {"a": pxtf.first(t[name]), "b": pxtf.last(t[name]), "n": pxtf.count_distinct(t[name])}
    agree(t.group_by(t.g).select(t.g, **items, m=pxtf.mode(t[name])))
    agree(t.select(**items, m=pxtf.mode(t[name])))


def test_any_and_all(t: pxt.Table) -> None:
    agree(t.group_by(t.g).select(t.g, a=pxtf.any(t.b), b=pxtf.all(t.b)))
    agree(t.select(a=pxtf.any(t.i > 2), b=pxtf.all(t.i > -9)))


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("asc", [True, False])
def test_an_order_within(name: str, asc: bool, t: pxt.Table) -> None:
    order = {"order_by": t[name], "asc": asc}
    agree(t.group_by(t.g).select(a=pxtf.first(t.s, **order), b=pxtf.last(t.n, **order), c=pxtf.sum(t.x, **order)))


def test_having(t: pxt.Table) -> None:
    query = t.group_by(t.i).select(t.i, n=pxtf.count(t.s))
    conditions = [
        t.i > 0, pxtf.count(t.s) > 9, pxtf.max(t.s) > "a", pxtf.mean(t.x) > 0, (pxtf.any(t.b)) & (t.i < 2),
        pxtf.sum(t.n) == None, (pxtf.median(t.i) == t.i) | (pxtf.min(t.s) == ""),  # noqa: E711  # null test
    ]  # fmt: skip
    for condition in conditions:
        agree(query.having(condition).order_by(t.i, asc=False).limit(3))
        assert query.having(condition).count() == len(query.having(condition).collect())
        with pushdown(False):
            assert query.having(condition).count() == len(in_sql(query.having(condition)))


@pytest.mark.parametrize("on", [in_sql, in_python])
def test_having_without_group_by_keeps_the_one_row_or_not(on: Any, t: pxt.Table) -> None:
    assert len(on(t.select(pxtf.count(t.i)).having(pxtf.count(1) > 0))) == 1
    assert on(t.select(pxtf.count(t.i)).having(pxtf.count(1) < 0)) == []


def test_a_having_without_sql_chooses_among_groups_in_python(t: pxt.Table) -> None:
    query = t.group_by(t.i).select(t.i).having(pxtf.max(t.s).upper() >= "A").order_by(t.i).limit(2, offset=1)
    assert shown(in_sql(query)) == shown(in_python(query))
    assert query.count() == len(query.collect())
