"""Where a database over two engines easily goes wrong, each pitfall once, from a user's call to the answer."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import NotFoundError, RequestError
from tests.api.library import even_only, twice
from tests.api.refusals import refusal, refused
from tests.conftest import CONFIGURATION

DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)


@pxt.udf
def same(n: int | None) -> int | None:
    """What no database can see through: an expression over it runs in Python."""
    return n


@pxt.udf
def same_text(s: str | None) -> str | None:
    return s


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Twenty rows; `g` is 0 to 3 and null in turn, `j.k` counts down and `j.tags` is missing in every other row."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "g": pxt.Int | None, "s": pxt.String, "j": pxt.Json})
    t.insert(
        {
            "n": n,
            "g": None if n % 5 == 4 else n % 5,
            "s": "aBß"[n % 3],
            "j": {"k": 19 - n, "tags": ["x"]} if n % 2 else {"k": 19 - n},
        }
        for n in range(20)
    )
    return t


@pytest.fixture
def u(ns: str) -> pxt.Table:
    """Rows for some of those in `t`, by `n`; `v` is never null, `m` is 1 in two rows."""
    u = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "v": pxt.String, "m": pxt.Int})
    u.insert({"n": n, "v": f"v{n}", "m": int(n in (2, 5))} for n in range(8))
    return u


def column(query: pxt.Query, name: str = "n") -> list[Any]:
    return query.collect()[name]


# Rows of other tables


FOREIGN = {
    "delete": lambda t, u: t.delete(where=u.n == 3),
    "update": lambda t, u: t.update({"s": "x"}, where=u.n == 3),
    "recompute": lambda t, u: t.recompute_columns("c", where=u.n == 3),
    "delete of a query": lambda t, u: t.where(u.n == 3).delete(),
    "update of a query": lambda t, u: t.where(u.n == 3).update({"s": "x"}),
    "where": lambda t, u: t.where(u.n == 3).collect(),
    "count": lambda t, u: t.where(u.n == 3).count(),
}


@pytest.mark.parametrize("use", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_predicate_over_another_table_changes_and_yields_no_row(
    t: pxt.Table, u: pxt.Table, use: Callable[[pxt.Table, pxt.Table], object]
) -> None:
    t.add_computed_column(c=twice(t.n))
    message = refused(t, lambda: use(t, u), RequestError, "INVALID_EXPRESSION")
    assert "of another table" in message


# Joins


def test_a_filter_on_a_joined_table_counts_what_it_yields(t: pxt.Table, u: pxt.Table) -> None:
    query = t.join(u, on=t.n == u.n).where(u.m == 1)
    assert query.count() == len(query.collect()) == 2


def test_a_left_join_finds_what_has_no_partner(t: pxt.Table, u: pxt.Table) -> None:
    query = t.join(u, on=t.n, how="left").where(u.v == None)  # noqa: E711  # null test
    assert column(query.select(t.n)) == list(range(8, 20))
    assert query.count() == 12


def test_a_right_join_keeps_the_rows_of_the_other_table(t: pxt.Table, u: pxt.Table) -> None:
    query = t.join(u, on=t.n + 6 == u.n, how="right").select(t.n, there=u.n)
    assert sorted(column(query, "there")) == list(range(8))
    assert [n for n in column(query) if n is not None] == [0, 1]


def test_a_table_joined_with_itself_needs_another_name(t: pxt.Table) -> None:
    message = refusal(lambda: t.join(t, on=t.n), RequestError, "INVALID_EXPRESSION")
    assert "alias" in message
    other = t.alias("other")
    assert column(t.join(other, on=t.n == other.n).select(t.n)) == list(range(20))
    assert column(t.join(other, on=t.n + 18 == other.n).select(m=other.n), "m") == [18, 19]


# Clauses


def test_a_sample_stays_when_items_are_selected_after_it(t: pxt.Table) -> None:
    assert len(t.sample(n=5).select(t.n).collect()) == 5
    assert t.sample(n=5).select(t.n).count() == 5


def test_an_order_added_to_a_query_leaves_the_query_alone(t: pxt.Table) -> None:
    query = t.order_by(t.s)
    before = column(query)
    query.order_by(t.n, asc=False)
    assert column(query) == before


def test_rows_are_ordered_by_a_json_path_and_by_a_function(t: pxt.Table) -> None:
    assert column(t.order_by(t.j.k)) == list(range(19, -1, -1))
    assert column(t.order_by(twice(t.n), asc=False)) == list(range(19, -1, -1))


def test_rows_are_grouped_and_made_distinct_by_json(t: pxt.Table) -> None:
    grouped = t.group_by(t.j.tags).select(t.j.tags, n=pxtf.count(t.n))
    assert grouped.collect()["n"] == [10, 10]
    assert column(t.select(x=t.j.tags).distinct(), "x") == [None, ["x"]]
    assert t.select(t.j).distinct().count() == 20


def test_groups_are_chosen_by_their_aggregates(t: pxt.Table) -> None:
    assert column(t.group_by(t.g).having(pxtf.sum(t.n) > 42).select(t.g), "g") == [None]


def test_an_aggregate_in_a_filter_is_refused_when_it_is_built(t: pxt.Table) -> None:
    message = refusal(lambda: t.where(pxtf.sum(t.n) > 1), RequestError, "INVALID_EXPRESSION")
    assert "having" in message


def test_count_takes_any_filter_and_limits(t: pxt.Table) -> None:
    assert t.where(twice(t.n) > 30).count() == 4
    assert t.where(t.j.k > 15).count() == 4
    assert t.where(t.j.k > 15).limit(3).count() == 3
    assert t.limit(7, offset=15).count() == 5


def test_where_head_and_tail_do_not_fit_there_is_another_way(t: pxt.Table, u: pxt.Table) -> None:
    for query in (t.order_by(t.n), t.group_by(t.g), t.join(u, on=t.n)):
        for refuse in (query.head, query.tail):
            assert "limit(n)" in refusal(refuse, RequestError, "UNSUPPORTED_OPERATION")


# Windows and aggregates


def test_windows_run_in_any_order_over_any_neighbour(t: pxt.Table) -> None:
    few = t.where(t.n < 5)
    assert column(few.select(x=pxtf.row_number(order_by=t.n, asc=False)), "x") == [5, 4, 3, 2, 1]
    assert column(few.select(x=pxtf.lag(t.n, order_by=t.n)), "x") == [None, 0, 1, 2, 3]
    assert column(few.select(x=pxtf.lead(t.n, order_by=t.n)), "x") == [1, 2, 3, 4, None]
    assert column(few.select(x=pxtf.rank(order_by=t.s)), "x") == [3, 1, 5, 3, 1]
    assert column(few.select(x=pxtf.sum(t.n, order_by=t.n, asc=False)), "x") == [10, 10, 9, 7, 4]


def test_the_least_and_greatest_of_every_type_that_has_an_order(ns: str) -> None:
    values = {"d": DAY, "b": True, "i": uuid.UUID(int=7), "noon": NOON, "s": "x"}
    types = {"d": pxt.Date, "b": pxt.Bool, "i": pxt.UUID, "noon": pxt.Timestamp, "s": pxt.String}
    t = pxt.create_table(f"{ns}/v", types)
    t.insert([values, values | {"d": datetime.date.max, "b": False, "i": uuid.UUID(int=3), "s": "y"}])
    least = t.select(**{name: pxtf.min(t[name]) for name in types}).collect()[0]
    assert least == values | {"b": False, "i": uuid.UUID(int=3)}
    greatest = t.select(**{name: pxtf.max(t[name]) for name in types}).collect()[0]
    assert greatest == values | {"d": datetime.date.max, "s": "y"}


def test_statistics_over_groups(t: pxt.Table) -> None:
    few = t.where(t.n < 5)
    found = few.select(
        median=pxtf.median(t.n), percentile=pxtf.percentile(t.n, 0.5), stddev=pxtf.stddev(t.n), any=pxtf.any(t.n > 3),
        all=pxtf.all(t.n > 3), first=pxtf.first(t.s), last=pxtf.last(t.s), about=pxtf.approx_count_distinct(t.n),
    ).collect()[0]  # fmt: skip
    assert found.pop("stddev") == pytest.approx(1.5811388)
    assert found == {
        "median": 2.0, "percentile": 2.0, "any": True, "all": False, "first": "a", "last": "B", "about": 5,
    }  # fmt: skip


def test_timestamps_and_dates_are_moved_and_subtracted(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"noon": pxt.Timestamp, "d": pxt.Date})
    t.insert(noon=NOON, d=DAY)
    day = datetime.timedelta(days=1)
    found = t.select(
        later=t.noon + day, before=t.d - day, apart=(t.noon + day).date_diff(t.noon, "hour"), past=t.noon + day > NOON
    ).collect()[0]
    assert found == {"later": NOON + day, "before": DAY - day, "apart": 24, "past": True}


# Json


@pytest.mark.skipif(CONFIGURATION == "no-pushdown", reason="is about what SQL does")
def test_the_database_follows_json_paths(t: pxt.Table) -> None:
    query = t.where((t.j.k > 15) & t.j.k.isin([16, 17])).order_by(t.n).select(t.n)
    assert "In Python" not in query.explain()
    assert "In Python" not in t.group_by(t.j.k).select(t.j.k, pxtf.count(t.n)).explain()
    assert column(query) == [2, 3]


def test_json_paths_choose_what_is_changed(t: pxt.Table) -> None:
    t.add_computed_column(c=twice(t.n))
    assert t.update({"s": "new"}, where=t.j.k > 17).num_rows == 2
    assert t.recompute_columns("c", where=t.j.k.isin([1, 2])).num_rows == 2
    assert t.delete(where=t.j.tags != None).num_rows == 10  # noqa: E711  # null test
    assert column(t.where(t.s == "new")) == [0]


def test_functions_of_json_run_where_its_column_is_not_selected(t: pxt.Table) -> None:
    query = t.where(t.j.tags.len() == 1).order_by(t.j.keys().len(), asc=False)
    assert column(query.select(t.n)) == list(range(1, 20, 2))
    assert t.select(x=t.j.tags.len()).limit(2).collect()["x"] == [None, 1]


# Both engines


PAIRS = [(7, 3), (-7, 3), (7, -3), (-7, -3), (5, 0), (0, 0), (None, 3), (3, None), (2, -1)]
ON_NUMBERS = {
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    "or": lambda a, b: (a > 5) | (b > 2),
    "and": lambda a, b: (a > 5) & (b > 2),
    "not": lambda a, b: ~(a > b),
    "half": lambda a, b: pxtf.math.round(a / 2 + b * 0, 0),
    "power of a half": lambda a, b: (a + b * 0) ** 0.5,
    "sqrt": lambda a, b: pxtf.math.sqrt(a + b * 0),
    "log": lambda a, b: pxtf.math.log(a + b * 0),
}


def answer(query: pxt.Query) -> list[Any]:
    """The values of `x` as text, so that NaN is itself; the kind of error where there are none."""
    try:
        return [f"{value!r}" for value in query.collect()["x"]]
    except pxt.Error as error:
        return [type(error).__name__]


@pytest.mark.parametrize("build", ON_NUMBERS.values(), ids=ON_NUMBERS.keys())
def test_numbers_are_computed_alike_in_both_engines(ns: str, build: Callable[[Any, Any], Any]) -> None:
    t = pxt.create_table(f"{ns}/v", {"n": pxt.Int, "a": pxt.Int | None, "b": pxt.Int | None})
    t.insert({"n": n, "a": a, "b": b} for n, (a, b) in enumerate(PAIRS))
    for n, pair in enumerate(PAIRS):
        row = t.where(t.n == n)
        in_python = answer(row.select(x=build(same(t.a), same(t.b))))
        assert (pair, answer(row.select(x=build(t.a, t.b)))) == (pair, in_python)


ON_TEXTS = {
    "upper": lambda s: s.upper(),
    "lower": lambda s: s.lower(),
    "replace nothing": lambda s: s.replace("", "-"),
    "slice from behind": lambda s: s.slice(-1, None),
    "find from behind": lambda s: s.find("b", -2),
    "capitalize": lambda s: s.capitalize(),
    "len": lambda s: s.len(),
    "repeat": lambda s: s * -1,
}


@pytest.mark.parametrize("build", ON_TEXTS.values(), ids=ON_TEXTS.keys())
def test_texts_are_computed_alike_in_both_engines(ns: str, build: Callable[[Any], Any]) -> None:
    t = pxt.create_table(f"{ns}/v", {"s": pxt.String | None})
    t.insert({"s": s} for s in ("ß", "", "abb", "İ", None, "\U0001f600b"))
    in_python = answer(t.select(x=build(same_text(t.s))))
    assert answer(t.select(x=build(t.s))) == in_python
    assert len(in_python) == 6


def test_division_by_zero_is_null_and_null_is_no_error(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"a": pxt.Int | None, "j": pxt.Json})
    t.insert([{"a": 0, "j": {}}, {"a": None, "j": {"x": 4}}])
    assert t.select(x=1 / t.a, y=1 % same(t.a), z=1 // t.a).collect()[0] == {"x": None, "y": None, "z": None}
    assert t.where(t.j.missing > 3).count() == 0
    assert t.where((t.a == 0) | (t.j.x > 3)).count() == 2


# Values


def test_keys_that_differ_far_behind_are_different(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"k": pxt.String, "n": pxt.Int}, primary_key="k")
    stem = "x" * 20_000
    t.insert([{"k": stem + "a", "n": 1}, {"k": stem + "b", "n": 2}])
    refused(t, lambda: t.insert(k=stem + "a", n=3), RequestError, "CONSTRAINT_VIOLATION")
    assert column(t.where(t.k == stem + "b")) == [2]


def test_floats_keep_all_their_digits(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"x": pxt.Float})
    values = [0.1, 1 / 3, 1e300, 5e-324, 16777217.0, -0.0]
    t.insert({"x": x} for x in values)
    result = t.collect()
    assert list(map(float.hex, result["x"])) == list(map(float.hex, values))
    assert (str(result.to_arrow().schema.field("x").type), str(result.to_pandas().dtypes["x"])) == ("double", "float64")
    assert list(map(float.hex, result.to_arrow()["x"].to_pylist())) == list(map(float.hex, values))
    assert list(map(float.hex, result.to_pandas()["x"].tolist())) == list(map(float.hex, values))


UNSTORABLE = {
    "NaN in Json": ({"j": {"x": [float("nan")]}}, "'j'"),
    "infinity in Json": ({"j": float("-inf")}, "'j'"),
    "NUL in Json": ({"j": {"x": "a\0b"}}, "'j'"),
    "NUL in a key of Json": ({"j": {"a\0b": 1}}, "'j'"),
    "surrogate in Json": ({"j": ["\ud800"]}, "'j'"),
    "int out of range": ({"n": 2**63}, "'n'"),
    "negative int out of range": ({"n": -(2**63) - 1}, "'n'"),
}


@pytest.mark.parametrize(("cell", "named"), UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_cannot_be_stored_is_refused_by_row_and_column(t: pxt.Table, cell: dict[str, Any], named: str) -> None:
    row = {"n": 1, "s": "a", "j": {}}
    message = refused(t, lambda: t.insert([row, row | cell]), RequestError, "TYPE_MISMATCH")
    assert "row 1" in message
    assert named in message


def test_a_computed_int_out_of_range_is_the_error_of_its_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"n": pxt.Int})
    t.add_computed_column(x=t.n * 2**40)
    t.insert([{"n": 2**40}, {"n": 1}], on_error="ignore")
    assert column(t.order_by(t.n), "x") == [2**40, None]
    assert t.where(t.x.errortype != None).count() == 1  # noqa: E711  # null test


OUTLANDISH = {
    "a text with NUL": lambda t: t.s == "a\0",
    "a part with NUL": lambda t: t.s.contains("\0"),
    "a surrogate": lambda t: t.s != "\ud800",
    "a member with NUL": lambda t: t.s.isin(["a", "\0"]),
    "a text joined with NUL": lambda t: (t.s + "\0").len() == 2,
    "an int beyond 64 bits": lambda t: t.n < 2**70,
    "an int beyond 64 bits as a member": lambda t: t.n.isin([2**70, 1]),
    "a sum beyond 64 bits": lambda t: t.n + 2**70 > 0,
    "a float beyond all ints": lambda t: t.n < 1e300,
    "NaN": lambda t: t.n == float("nan"),
    "infinity": lambda t: t.n < float("inf"),
    "an int of Json beyond 64 bits": lambda t: t.j.k < 2**70,
    "a text of Json with NUL": lambda t: t.j.tags[0] == "\0",
    "an object of Json with NUL": lambda t: t.j == {"\0": "\0"},
    "a key of Json with NUL": lambda t: t.j["\0"] == None,  # noqa: E711  # null test
}


@pytest.mark.parametrize("build", OUTLANDISH.values(), ids=OUTLANDISH.keys())
def test_a_constant_that_no_column_holds_is_no_database_error(t: pxt.Table, build: Callable[[pxt.Table], Any]) -> None:
    kept = [n for n, holds in enumerate(t.select(x=build(t)).collect()["x"]) if holds]
    assert column(t.where(build(t))) == kept
    assert t.where(build(t)).count() == len(kept)
    assert column(t.where((same(t.n) >= 0) & build(t))) == kept


MISUSED = {
    "text compared with a number": lambda t: t.where(t.s > 1),
    "number compared with a text": lambda t: t.where(t.n == "1"),
    "sum of texts": lambda t: t.select(pxtf.sum(t.s)),
    "text minus number": lambda t: t.select(t.s - 1),
    "method of another type": lambda t: t.select(pxtf.string.upper(t.n)),
    "Bool and Int": lambda t: t.where(t.n & True),
}


@pytest.mark.parametrize("build", MISUSED.values(), ids=MISUSED.keys())
def test_an_operand_of_the_wrong_type_never_reaches_the_database(
    t: pxt.Table, build: Callable[[pxt.Table], object]
) -> None:
    refusal(lambda: build(t), RequestError, "TYPE_MISMATCH")


def test_a_failing_row_names_itself_and_the_call(t: pxt.Table) -> None:
    message = refusal(t.select(even_only(t.n)).collect, RequestError, "INVALID_EXPRESSION")
    assert "even_only" in message
    assert "1 is odd" in message


def test_a_cursor_sees_one_state_of_the_table(t: pxt.Table) -> None:
    with t.order_by(t.n).cursor() as cursor:
        rows = iter(cursor)
        first = next(rows)["n"]
        t.delete()
        assert [first, *(row["n"] for row in rows)] == list(range(20))


def test_an_unknown_name_is_no_database_error(t: pxt.Table) -> None:
    refusal(lambda: t.select(t.nn), NotFoundError, "COLUMN_NOT_FOUND")
