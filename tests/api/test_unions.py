"""Unions of queries: rows one after the other, columns by their place, and all clauses over the result."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf

BYTES = b"\0"


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pytest.fixture
def a(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/a", {"n": pxt.Int, "s": pxt.String | None})
    t.insert([{"n": 1, "s": "x"}, {"n": 2, "s": None}, {"n": 3, "s": "z"}])
    return t


@pytest.fixture
def b(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/b", {"score": pxt.Float, "tag": pxt.String, "j": pxt.Json | None})
    t.insert([{"score": 3.0, "tag": "z"}, {"score": 0.5, "tag": "q", "j": {"k": 1}}])
    return t


def rows(query: pxt.Query) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


@pytest.fixture
def both(a: pxt.Table, b: pxt.Table) -> pxt.Query:
    return a.union(b.select(b.score, b.tag))


def test_rows_come_one_query_after_the_other(both: pxt.Query) -> None:
    assert rows(both) == [(1.0, "x"), (2.0, None), (3.0, "z"), (3.0, "z"), (0.5, "q")]
    assert {name: str(kind) for name, kind in both.schema.items()} == {"n": "Float", "s": "String | None"}


def test_equal_rows_come_once_if_they_are_to_be_distinct(a: pxt.Table, b: pxt.Table) -> None:
    assert rows(a.union(b.select(b.score, b.tag), distinct=True)) == [(1.0, "x"), (2.0, None), (3.0, "z"), (0.5, "q")]


def test_its_columns_are_filtered_ordered_and_cut(both: pxt.Query) -> None:
    assert rows(both.where(both.n >= 2).order_by(both.s, both["n"]).limit(2).select(both.n)) == [(3.0,), (3.0,)]


def test_it_is_grouped(both: pxt.Query) -> None:
    grouped = both.group_by(both.s).order_by(both.s).select(both.s, total=pxtf.sum(both.n), n=pxtf.count(both.n))
    assert rows(grouped) == [("q", 0.5, 1), ("x", 1.0, 1), ("z", 6.0, 2), (None, 2.0, 1)]


def test_it_is_counted_and_shown_from_both_ends(both: pxt.Query) -> None:
    assert both.count() == 5
    assert both.where(both.n > 99).count() == 0
    assert both.head(1)["n"] == [1.0]
    assert both.tail(2)["s"] == ["z", "q"]
    with both.cursor() as found:
        assert [row["n"] for row in found] == [1.0, 2.0, 3.0, 3.0, 0.5]


def test_functions_run_before_and_after_it(a: pxt.Table, b: pxt.Table) -> None:
    both = a.select(word=shout(a.s)).union(b.select(shout(b.tag)))
    assert rows(both.select(shout(both.word)).limit(2)) == [("x!!",), (None,)]


def test_each_query_has_its_own_clauses(a: pxt.Table, b: pxt.Table) -> None:
    best = b.order_by(b.score, asc=False).limit(1).select(b.score)
    assert rows(a.where(a.n > 1).select(a.n).union(best, best)) == [(2.0,), (3.0,), (3.0,), (3.0,)]


def test_a_union_may_be_part_of_another(a: pxt.Table, both: pxt.Query) -> None:
    nested = a.select(a.n).union(both.where(both.n < 1).select(both.n), distinct=True)
    assert rows(nested) == [(1.0,), (2.0,), (3.0,), (0.5,)]


def test_it_can_be_looked_among(a: pxt.Table, both: pxt.Query) -> None:
    assert a.where(a.s.isin(both.select(both.s))).count() == 2


def test_json_and_scalars_have_json_in_common(a: pxt.Table, b: pxt.Table) -> None:
    assert rows(a.select(a.s).union(b.select(b.j))) == [("x",), (None,), ("z",), (None,), ({"k": 1},)]


def test_a_query_function_may_return_one(a: pxt.Table, b: pxt.Table) -> None:
    @pxt.query
    def among(word: str) -> pxt.Query:
        return a.where(a.s == word).select(a.s).union(b.where(b.tag == word).select(b.tag))

    found = b.select(found=among(b.tag)).collect()
    assert found["found"] == [[{"s": "z"}, {"s": "z"}], [{"s": "q"}]]


def test_explain_shows_each_branch(both: pxt.Query) -> None:
    text = both.explain()
    assert "Branch 2:" in text
    assert text.endswith("in Python")


def test_it_describes_itself(both: pxt.Query) -> None:
    assert " union " in repr(both)


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        pytest.param(lambda a, b: a.union(b), "yields 2 columns (n, s), another 3 (score, tag, j)", id="number"),
        pytest.param(lambda a, _: a.select([a.n], a.n).union(a.select(a.n, BYTES)), "have none in common", id="types"),
        pytest.param(lambda a, _: a.union(), "at least one", id="alone"),
        pytest.param(lambda a, _: a.union([1]), "takes queries and tables, got list", id="no query"),
        pytest.param(lambda a, _: a.union(a).where(a.n == 1), "of another table", id="columns of a branch"),
        pytest.param(lambda a, b: a.union(a).join(b, how="cross"), "on a union", id="join"),
        pytest.param(lambda a, _: a.union(a).sample(1), "on a union", id="sample"),
        pytest.param(lambda a, _: a.union(a).delete(), "takes the rows of one table", id="delete"),
        pytest.param(lambda a, _: a.union(a)["x"], "no column 'x'", id="unknown column"),
        pytest.param(lambda a, _: a.where(a.n == 1)["n"], "no columns of its own", id="column of a query"),
    ],
)
def test_what_cannot_be_united_is_refused(a: pxt.Table, b: pxt.Table, make, fact: str) -> None:
    with pytest.raises(pxt.Error) as caught:
        make(a, b)
    assert fact in str(caught.value)
