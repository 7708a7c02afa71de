import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import RequestError
from tests.api.aggregators import concatenated, in_order, joined, picky, weighted
from tests.api.library import even_only, or_zero, twice
from tests.api.refusals import refusal


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Ten rows; `g` is 0, 1, 2, null in turn, `j.k` counts down with every third missing."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "g": pxt.Int | None, "s": pxt.String, "j": pxt.Json})
    t.insert(
        {"n": n, "g": None if n % 4 == 3 else n % 4, "s": f"s{n % 3}", "j": {} if n % 3 == 2 else {"k": 9 - n}}
        for n in range(10)
    )
    return t


def rows(query: pxt.Query) -> list[tuple]:
    return [tuple(row.values()) for row in query.collect()]


# Groups


def test_nulls_form_one_group(t: pxt.Table) -> None:
    found = rows(t.group_by(t.g).select(t.g, pxtf.sum(t.n), pxtf.count(t.n)))
    assert found == [(0, 12, 3), (1, 15, 3), (2, 8, 2), (None, 10, 2)]


def test_several_keys(t: pxt.Table) -> None:
    found = rows(t.where(t.n < 6).group_by(t.g, t.n > 3).select(t.g, late=t.n > 3, n=pxtf.count(t.n)))
    assert found == [(0, False, 1), (1, False, 1), (2, False, 1), (None, False, 1), (0, True, 1), (1, True, 1)]


def test_a_json_path_as_a_key(t: pxt.Table) -> None:
    assert rows(t.where(t.n < 5).group_by(t.j.k).select(t.j.k, pxtf.sum(t.n))) == [
        (9, 0),
        (8, 1),
        (None, 2),
        (6, 3),
        (5, 4),
    ]


def test_json_keys_are_equal_where_json_is(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"j": pxt.Json | None})
    values = [1, True, 1.0, {"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, None, [1], [True], None, "1", False, 0]
    t.insert({"j": value} for value in values)
    found = rows(t.group_by(t.j).select(t.j, pxtf.count(1)))
    assert [(repr(j), n) for j, n in found] == [
        ("1", 2), ("True", 1), ("{'a': 1, 'b': [2]}", 2), ("None", 2), ("[1]", 1), ("[True]", 1), ("'1'", 1),
        ("False", 1), ("0", 1),
    ]  # fmt: skip


def test_a_function_as_a_key(t: pxt.Table) -> None:
    assert rows(t.group_by(or_zero(t.g)).select(or_zero(t.g), pxtf.count(t.n))) == [(0, 5), (1, 3), (2, 2)]


def test_an_unstored_column_as_a_key_and_as_an_argument(t: pxt.Table) -> None:
    t.add_computed_column(u=twice(t.n) % 4, stored=False)
    assert rows(t.group_by(t.u).select(t.u, pxtf.sum(t.n), pxtf.max(t.u))) == [(0, 20, 0), (2, 25, 2)]


def test_items_made_of_keys_and_aggregates(t: pxt.Table) -> None:
    query = t.group_by(t.g, t.s.upper()).select(
        a=[t.g, t.s.upper()], b=pxtf.max(t.n) - pxtf.min(t.n), c=or_zero(t.g), d=7
    )
    assert rows(query.limit(1)) == [([0, "S0"], 0, 0, 7)]


def test_without_group_by_all_rows_are_one(t: pxt.Table) -> None:
    assert rows(t.select(pxtf.count(t.g), pxtf.mean(t.n))) == [(8, 4.5)]
    assert rows(t.where(t.n > 99).select(pxtf.count(t.g), pxtf.mean(t.n), joined(t.s))) == [(0, None, "")]


def test_default_names(t: pxt.Table) -> None:
    assert list(t.select(pxtf.sum(t.n), pxtf.sum(t.g), joined(t.s)).collect().schema) == ["sum", "sum_1", "joined"]


def test_clauses_may_come_in_any_order(t: pxt.Table) -> None:
    first = t.group_by(t.g).where(t.n > 1).select(t.g, n=pxtf.count(t.n)).order_by(t.g).limit(2)
    second = t.limit(2).order_by(t.g).select(t.g, n=pxtf.count(t.n)).where(t.n > 1).group_by(t.g)
    assert first.collect() == second.collect()


def test_order_by_what_is_not_selected(t: pxt.Table) -> None:
    query = t.group_by(t.g).select(t.g).order_by(pxtf.count(t.n)).order_by(pxtf.max(t.n), asc=False)
    assert query.collect()["g"] == [None, 2, 1, 0]
    assert t.group_by(t.g).select(t.g).order_by(joined(t.s), asc=False).collect()["g"] == [2, 1, 0, None]


def test_groups_that_are_equal_in_order_keep_that_of_their_first_rows(t: pxt.Table) -> None:
    assert t.group_by(t.g).select(t.g).order_by(pxtf.count(t.n), asc=False).collect()["g"] == [0, 1, 2, None]


@pytest.mark.parametrize("aggregate", [pxtf.count, joined])
def test_limit_counts_groups(t: pxt.Table, aggregate: object) -> None:
    query = t.group_by(t.g).select(t.g, x=aggregate(t.s))
    assert query.limit(2, offset=1).collect()["g"] == [1, 2]
    assert len(query.limit(0).collect()) == 0
    assert len(query.show(3)) == 3


def test_count_is_of_groups(t: pxt.Table) -> None:
    assert t.group_by(t.g).count() == 4
    assert t.group_by(t.j.k).count() == 8
    assert t.where(t.n < 2).group_by(t.g).select(joined(t.s)).count() == 2
    assert t.group_by(t.g).limit(3, offset=2).count() == 2
    assert t.select(pxtf.sum(t.n)).count() == 1
    assert t.where(t.n > 99).group_by(t.g).count() == 0


def test_a_filter_that_runs_in_python_comes_before_the_groups(t: pxt.Table) -> None:
    assert rows(t.where((t.n % 2 == 0) & (even_only(t.n) > 2)).group_by(t.g).select(t.g, pxtf.sum(t.n))) == [
        (0, 12),
        (2, 6),
    ]


def test_aggregates_of_json(t: pxt.Table) -> None:
    query = t.select(pxtf.sum(t.j.k), pxtf.mean(t.j.k), pxtf.min(t.j.k), pxtf.max(t.j.k), pxtf.count(t.j.k))
    assert rows(query) == [(33, 33 / 7, 0, 9, 7)]


def test_the_schema_has_the_types_of_aggregates(t: pxt.Table) -> None:
    schema = (
        t.group_by(t.g).select(t.g, pxtf.sum(t.n), pxtf.count(t.s), pxtf.mean(t.n), pxtf.min(t.s), joined(t.s)).schema
    )
    assert list(map(str, schema.values())) == [
        "Int | None",
        "Int | None",
        "Int",
        "Float | None",
        "String | None",
        "String",
    ]


def test_a_query_shows_its_groups(t: pxt.Table) -> None:
    text = repr(t.group_by(t.g, t.n % 2).select(t.g, pxtf.sum(t.n)))
    assert "Group By  g, n % 2" in text
    assert "sum(n)" in text


def test_similarity_as_an_argument(ns: str) -> None:
    t = pxt.create_table(f"{ns}/v", {"v": pxt.Array[(2,), pxt.Float], "g": pxt.Int})
    t.insert([{"v": [1.0, 0.0], "g": 1}, {"v": [0.0, 1.0], "g": 1}, {"v": [0.0, 2.0], "g": 2}])
    t.add_embedding_index("v", metric="l2")
    near = t.v.similarity(vector=[0.0, 0.0])
    assert rows(t.group_by(t.g).select(t.g, pxtf.max(near), pxtf.min(near))) == [(1, 1.0, 1.0), (2, 2.0, 2.0)]


# Choosing among groups


def test_having(t: pxt.Table) -> None:
    query = t.group_by(t.g).select(t.g, n=pxtf.sum(t.n))
    assert rows(query.having(pxtf.count(t.n) > 2)) == [(0, 12), (1, 15)]
    assert rows(query.having((pxtf.sum(t.n) > 9) & (t.g == None))) == [(None, 10)]  # noqa: E711  # null test
    assert rows(query.having(t.g > 0)) == [(1, 15), (2, 8)]  # null counts as false
    assert query.having(pxtf.count(t.n) > 2).limit(1, offset=1).count() == 1


def test_having_of_what_runs_in_python(t: pxt.Table) -> None:
    query = t.group_by(t.g).select(t.g)
    assert rows(query.having(joined(t.s).startswith("s0"))) == [(0,), (None,)]
    assert rows(query.having(twice(pxtf.count(t.n)) == 4).order_by(pxtf.sum(t.n))) == [(2,), (None,)]
    assert query.having(joined(t.s).startswith("s0")).count() == 2


def test_clauses_around_having_may_come_in_any_order(t: pxt.Table) -> None:
    first = t.group_by(t.g).having(pxtf.count(1) > 2).select(t.g).order_by(t.g, asc=False).limit(1)
    second = t.limit(1).order_by(t.g, asc=False).select(t.g).where(t.n >= 0).group_by(t.g).having(pxtf.count(1) > 2)
    assert rows(first) == rows(second) == [(1,)]
    assert "Having    count(1) > 2" in repr(first)


def test_having_is_about_groups(t: pxt.Table) -> None:
    query = t.group_by(t.g).select(t.g)
    assert "having()" in refusal(lambda: query.having(t.n > 1), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: query.having(t.g), RequestError, "TYPE_MISMATCH")
    refusal(lambda: query.having(True), RequestError, "TYPE_MISMATCH")
    refusal(lambda: query.having(t.g > 1).having(t.g > 1), RequestError, "INVALID_STATE")
    refusal(lambda: query.having(pxtf.row_number() > 1), RequestError, "UNSUPPORTED_OPERATION")
    refusal(t.where(t.n > 1).group_by(t.g).having(t.g > 1).delete, RequestError, "UNSUPPORTED_OPERATION")


def test_an_aggregate_in_where_is_refused_with_a_way_out(t: pxt.Table) -> None:
    with pytest.raises(RequestError, match=r"having\(\)"):
        t.where(pxtf.sum(t.n) > 1)


def test_a_query_function_with_having(t: pxt.Table) -> None:
    @pxt.query
    def frequent(least: int):
        return t.group_by(t.g).select(t.g).having(pxtf.count(1) >= least)

    found = t.where(t.n.isin([2, 3])).select(r=frequent(t.n)).collect()["r"]
    assert [[row["g"] for row in groups] for groups in found] == [[0, 1, 2, None], [0, 1]]


# Aggregates of the user


def test_a_uda(t: pxt.Table) -> None:
    assert rows(t.group_by(t.g).select(t.g, joined(t.s, sep="-"))) == [
        (0, "s0-s1-s2"), (1, "s1-s2-s0"), (2, "s2-s0"), (None, "s0-s1"),
    ]  # fmt: skip


def test_rows_with_a_null_for_a_parameter_that_takes_none_are_left_out(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"x": pxt.Float | None, "w": pxt.Float | None})
    t.insert([{"x": 1.0, "w": 2.0}, {"x": None, "w": 2.0}, {"x": 4.0, "w": None}])
    assert rows(t.select(weighted(t.x, t.w), weighted(t.x))) == [(4.0, 5.0)]


def test_order_within_a_group(t: pxt.Table) -> None:
    assert rows(t.group_by(t.s).select(t.s, x=pxtf.make_list(t.n, order_by=t.g))) == [
        ("s0", [0, 9, 6, 3]), ("s1", [4, 1, 7]), ("s2", [8, 5, 2]),
    ]  # fmt: skip
    assert rows(t.select(joined(t.s, order_by=-t.n, sep=""))) == [("s0s2s1s0s2s1s0s2s1s0",)]


def test_the_first_argument_is_the_order_where_one_is_required(t: pxt.Table) -> None:
    assert rows(t.group_by(t.s).select(t.s, in_order(-t.n, t.n))) == [
        ("s0", [9, 6, 3, 0]), ("s1", [7, 4, 1]), ("s2", [8, 5, 2]),
    ]  # fmt: skip
    refusal(lambda: in_order(t.n, order_by=t.n), RequestError, "INVALID_ARGUMENT")
    refusal(in_order, RequestError, "INVALID_ARGUMENT")
    refusal(lambda: in_order(t.n), RequestError, "INVALID_ARGUMENT")


def test_order_within_a_group_of_a_window_capable_aggregate(t: pxt.Table) -> None:
    assert rows(t.group_by(t.s).select(t.s, pxtf.sum(t.n, order_by=t.g))) == [("s0", 18), ("s1", 12), ("s2", 15)]


def test_aggregated_in_parts(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "g": pxt.Int})
    t.insert({"n": n, "g": n % 2} for n in range(5000))
    found = rows(t.group_by(t.g).select(t.g, concatenated(t.n), concatenated(t.n, order_by=-t.n)))
    for group, forward, backward in found:
        assert forward == list(range(group, 5000, 2))
        assert backward == forward[::-1]
    assert rows(t.where(t.n < 0).select(concatenated(t.n))) == [([],)]
    assert "ValueError: negative. Inputs: -1" in refusal(
        lambda: t.select(concatenated(t.n - 1)).collect(), RequestError, "INVALID_EXPRESSION"
    )


def test_an_exception_names_the_group_and_the_input(t: pxt.Table) -> None:
    message = refusal(lambda: t.group_by(t.g, t.s).select(picky(t.n)).collect(), RequestError, "INVALID_EXPRESSION")
    assert message == "`picky(n)` failed in the group g=1, s='s2': ValueError: five is right out. Inputs: 5"


def test_a_value_of_another_type_names_the_group(t: pxt.Table) -> None:
    query = t.where(t.n != 5).group_by(t.n > 5).select(picky(t.n))
    assert refusal(query.collect, RequestError, "INVALID_EXPRESSION") == (
        "`picky(n)` in the group n > 5=True: its value does not fit its type Int: expected an int, got str 'four'"
    )


def test_a_failing_argument_fails_the_query(t: pxt.Table) -> None:
    message = refusal(lambda: t.select(pxtf.sum(even_only(t.n))).collect(), RequestError, "INVALID_EXPRESSION")
    assert "1 is odd" in message


# Refusals


def test_an_item_needs_one_value_in_a_group(t: pxt.Table) -> None:
    cases = {
        "'n'": lambda: t.select(t.n, pxtf.sum(t.n)).collect(),
        "'x'": lambda: t.group_by(t.g).select(t.g, x=t.n + 1),
        "'s'": lambda: t.select(t.s, pxtf.sum(t.n)).group_by(t.g),
        "'j_k'": lambda: t.group_by(t.j).select(t.j.k, t.s),
        "order_by(): `n`": lambda: t.group_by(t.g).select(t.g).order_by(t.n).collect(),
    }
    for item, run in cases.items():
        assert (item in refusal(run, RequestError, "INVALID_EXPRESSION")) == (item != "'j_k'")


def test_a_grouped_query_needs_a_select_list(t: pxt.Table) -> None:
    refusal(lambda: t.group_by(t.g).collect(), RequestError, "INVALID_EXPRESSION")


def test_aggregates_are_refused_where_rows_are_looked_at_one_by_one(t: pxt.Table) -> None:
    for run in (
        lambda: t.where(pxtf.sum(t.n) > 1),
        lambda: t.group_by(pxtf.sum(t.n)),
        lambda: t.add_computed_column(x=pxtf.sum(t.n)),
        lambda: t.add_computed_column(x=pxtf.sum(t.n), stored=False),
        lambda: t.update({"n": pxtf.max(t.n)}),
        lambda: t.delete(where=pxtf.max(t.n) == 1),
        lambda: pxt.create_table("unused", {"n": pxt.Int, "x": pxtf.sum(1)}),
        lambda: pxtf.sum(pxtf.sum(t.n)),
        lambda: pxtf.make_list(t.n, order_by=pxtf.sum(t.n)),
    ):
        refusal(run, RequestError, "INVALID_EXPRESSION")


def test_head_tail_update_and_delete_are_about_rows(t: pxt.Table) -> None:
    query = t.group_by(t.g)
    for run in (query.head, query.tail, t.select(pxtf.sum(t.n)).head, query.delete, lambda: query.update({"n": 1})):
        refusal(run, RequestError, "UNSUPPORTED_OPERATION")


def test_group_by_takes_expressions_of_this_table_once(t: pxt.Table, ns: str) -> None:
    other = pxt.create_table(f"{ns}/other", {"z": pxt.Int, "a": pxt.Array[(2,), pxt.Float]})
    refusal(lambda: t.group_by(t.g).group_by(t.s), RequestError, "INVALID_STATE")
    refusal(t.group_by, RequestError, "INVALID_ARGUMENT")
    refusal(lambda: t.group_by(other.z), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: t.group_by(object()), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: other.group_by(other.a), RequestError, "TYPE_MISMATCH")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda t: pxtf.sum(t.s), "TYPE_MISMATCH"),
        (lambda _: pxtf.mean("a"), "TYPE_MISMATCH"),
        (lambda _: pxtf.sum(), "INVALID_ARGUMENT"),
        (lambda t: pxtf.sum(t.n, t.n), "INVALID_ARGUMENT"),
        (lambda t: joined(t.n), "TYPE_MISMATCH"),
        (lambda t: joined(t.s, t.s), "INVALID_ARGUMENT"),
        (lambda t: joined(t.s, sep=t.s), "INVALID_ARGUMENT"),
        (lambda t: joined(t.s, sep=1), "TYPE_MISMATCH"),
        (lambda t: joined(t.s, group_by=t.g), "INVALID_ARGUMENT"),
        (lambda _: joined.using(sep="-"), "UNSUPPORTED_OPERATION"),
    ],
)
def test_calls_that_do_not_fit(t: pxt.Table, call: object, code: str) -> None:
    refusal(lambda: call(t), RequestError, code)


def test_json_that_is_no_number_fails_the_query(t: pxt.Table) -> None:
    message = refusal(lambda: t.group_by(t.g).select(pxtf.sum(t.j)).collect(), RequestError, "INVALID_EXPRESSION")
    assert "in the group g=0: TypeError: expected a number, got dict" in message


def test_groups_by_json(ns: str) -> None:
    table = pxt.create_table(f"{ns}/json", {"j": pxt.Json})
    table.insert({"j": {"k": k, "n": n}} for n, k in enumerate([1, 1.0, True, "1", None, [1], [1.0], {"a": 1}, 1]))
    table.insert([{"j": {}}])
    found = table.group_by(table.j.k).select(k=table.j.k, n=pxtf.count(table.j)).collect()
    assert [(k, type(k), n) for k, n in zip(found["k"], found["n"], strict=True)] == [
        (1, int, 3), (True, bool, 1), ("1", str, 1), (None, type(None), 2), ([1], list, 2), ({"a": 1}, dict, 1),
    ]  # fmt: skip
    assert table.group_by(table.j.k).select(table.j.k).count() == 6
