import datetime

import pytest

import pixeltable as pxt
from pixeltable import RequestError
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


def numbers(query: pxt.Query) -> list[int]:
    return query.collect()["n"]


# select


def test_without_select_all_columns_are_read(t: pxt.Table) -> None:
    assert list(t.collect().schema) == ["n", "g", "s", "j"]


def test_default_names(t: pxt.Table) -> None:
    query = t.select(t.n, t.n + 1, t.j.k, t.j.a[0].b, t.s.upper(), 5, [t.n], twice(t.n), t.n == 1)
    assert list(query.collect().schema) == [
        "n", "col_1", "j_k", "j_a0_b", "upper", "literal", "col_6", "twice", "col_8",
    ]  # fmt: skip


def test_default_names_that_occur_again_get_a_suffix(t: pxt.Table) -> None:
    assert list(t.select(t.n, t.n, t.s.upper(), t.s.upper(), t.n).collect().schema) == [
        "n", "n_1", "upper", "upper_1", "n_2",
    ]  # fmt: skip


def test_a_keyword_that_repeats_a_default_name_is_refused(t: pxt.Table) -> None:
    refusal(lambda: t.select(t.n, n=t.g), RequestError, "UNSUPPORTED_OPERATION")


def test_a_column_can_be_selected_under_any_name(t: pxt.Table) -> None:
    assert t.select(select=t.n).limit(1).collect()[0] == {"select": 0}


def test_literals_and_containers(t: pxt.Table) -> None:
    stamp = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    found = t.select(a=1, b="x", c=None, d=[t.n, 2], e={"n": t.n, "l": (1, t.s)}, f=stamp).limit(1).collect()[0]
    assert found == {"a": 1, "b": "x", "c": None, "d": [0, 2], "e": {"n": 0, "l": [1, "s0"]}, "f": stamp}


def test_a_literal_alone(t: pxt.Table) -> None:
    assert t.select(x=7).limit(3).collect()["x"] == [7, 7, 7]


def test_select_twice_is_refused(t: pxt.Table) -> None:
    refusal(lambda: t.select(t.n).select(t.g), RequestError, "INVALID_STATE")


def test_what_cannot_be_selected_is_refused(t: pxt.Table) -> None:
    refusal(lambda: t.select(object()), RequestError, "INVALID_EXPRESSION")


def test_an_unstored_column_is_read_through_its_definition(t: pxt.Table) -> None:
    t.add_computed_column(u=twice(t.n), stored=False)
    assert numbers(t.where(t.u > 15)) == [8, 9]
    assert numbers(t.order_by(t.u, asc=False).limit(2)) == [9, 8]


# where


def test_null_counts_as_false(t: pxt.Table) -> None:
    assert numbers(t.where(t.g > 0)) == [1, 2, 5, 6, 9]
    assert numbers(t.where(~(t.g > 0))) == [0, 4, 8]


def test_null_tests(t: pxt.Table) -> None:
    assert numbers(t.where(t.g == None)) == [3, 7]  # noqa: E711  # null test
    assert t.where(t.g != None).count() == 8  # noqa: E711  # null test


def test_sql_and_python_conditions_mix(t: pxt.Table) -> None:
    assert numbers(t.where((t.n > 2) & (t.j.k > 3) & (twice(t.n) != 8))) == [3]


def test_sql_or_python_conditions_mix(t: pxt.Table) -> None:
    assert numbers(t.where((t.n == 9) | (t.j.k == 9))) == [0, 9]


def test_or_with_null_on_one_side(t: pxt.Table) -> None:
    assert numbers(t.where((t.g == 1) | (t.j.k > 8))) == [0, 1, 5, 9]


def test_a_condition_guards_those_after_it(t: pxt.Table) -> None:
    assert numbers(t.where((t.n % 2 == 0) & (even_only(t.n) > 4))) == [6, 8]


def test_a_condition_that_runs_in_python_guards_those_after_it(t: pxt.Table) -> None:
    assert numbers(t.where((twice(t.n) % 4 == 0) & (even_only(t.n) > 4))) == [6, 8]


def test_isin(t: pxt.Table) -> None:
    assert numbers(t.where(t.n.isin([1, 99, 3]))) == [1, 3]
    assert numbers(t.where(t.j.k.isin([9, 8, "x"]))) == [0, 1]
    assert numbers(t.where(t.n.isin([]))) == []


def test_a_missing_key_is_null(t: pxt.Table) -> None:
    assert numbers(t.where(t.j.k == None)) == [2, 5, 8]  # noqa: E711  # null test


def test_where_twice_is_refused(t: pxt.Table) -> None:
    refusal(lambda: t.where(t.n > 1).where(t.n > 2), RequestError, "INVALID_STATE")


def test_a_failing_condition_fails_the_query(t: pxt.Table) -> None:
    message = refusal(lambda: t.where(even_only(t.n) > 1).collect(), RequestError, "INVALID_EXPRESSION")
    assert "1 is odd" in message


def test_a_failing_item_fails_the_query_unless_its_row_is_left_out(t: pxt.Table) -> None:
    refusal(lambda: t.select(even_only(t.n)).collect(), RequestError, "INVALID_EXPRESSION")
    assert t.where(t.n == 4).select(x=even_only(t.n)).collect()["x"] == [4]


def test_a_failing_item_beyond_the_limit_fails_nothing(t: pxt.Table) -> None:
    assert t.select(x=even_only(t.n)).limit(1).collect()["x"] == [0]


# order_by, limit, offset


def test_rows_come_in_the_order_of_insertion(t: pxt.Table) -> None:
    assert numbers(t.where(t.n != 4)) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_null_is_last_ascending_and_first_descending(t: pxt.Table) -> None:
    assert numbers(t.order_by(t.g)) == [0, 4, 8, 1, 5, 9, 2, 6, 3, 7]
    assert numbers(t.order_by(t.g, asc=False)) == [3, 7, 2, 6, 1, 5, 9, 0, 4, 8]


def test_order_by_a_json_path(t: pxt.Table) -> None:
    assert numbers(t.order_by(t.j.k)) == [9, 7, 6, 4, 3, 1, 0, 2, 5, 8]
    assert numbers(t.order_by(t.j.k, asc=False)) == [2, 5, 8, 0, 1, 3, 4, 6, 7, 9]


def test_order_by_json_of_several_types(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"j": pxt.Json | None})
    values = [3, "b", None, 1.5, True, [2], {"x": 1}, "a", False, [1, 9], {"a": 1}]
    t.insert({"j": value} for value in values)
    found = t.order_by(t.j).collect()["j"]
    assert [value for value in found if isinstance(value, str)] == ["a", "b"]
    assert [value for value in found if type(value) in (int, float)] == [1.5, 3]
    assert found[-1] is None


def test_order_by_a_function(t: pxt.Table) -> None:
    assert numbers(t.order_by(or_zero(t.g), asc=False).limit(4)) == [2, 6, 1, 5]
    assert numbers(t.order_by(twice(t.g)).limit(4)) == [0, 4, 8, 1]


def test_further_keys_order_what_is_equal(t: pxt.Table) -> None:
    expected = [7, 3, 8, 4, 0, 9, 5, 1, 6, 2]
    assert numbers(t.where(t.n >= 0).order_by(or_zero(t.g) * 0 + t.g).order_by(t.n, asc=False))[-2:] == [7, 3]
    assert numbers(t.order_by(t.g == None, asc=False).order_by(t.g).order_by(t.n, asc=False)) == expected  # noqa: E711


def test_keys_in_sql_and_python_mix(t: pxt.Table) -> None:
    in_sql = numbers(t.order_by(t.s).order_by(t.n, asc=False))
    assert numbers(t.order_by(t.s).order_by(twice(t.n), asc=False)) == in_sql


def test_text_is_ordered_by_code_point(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"s": pxt.String})
    words = ["b", "a", "B", "ä", "Z", "_", "漢", "\U0001f600", "aa", " "]
    t.insert({"s": word} for word in words)
    assert t.order_by(t.s).collect()["s"] == sorted(words)
    assert t.order_by(t.s + "").collect()["s"] == sorted(words)


def test_limit_and_offset(t: pxt.Table) -> None:
    assert numbers(t.limit(3)) == [0, 1, 2]
    assert numbers(t.limit(3, offset=8)) == [8, 9]
    assert numbers(t.limit(0)) == []
    assert numbers(t.limit(3, offset=99)) == []


def test_limit_and_offset_count_rows_that_python_kept(t: pxt.Table) -> None:
    assert numbers(t.where(twice(t.n) > 4).limit(3)) == [3, 4, 5]
    assert numbers(t.where(twice(t.n) > 4).limit(3, offset=2)) == [5, 6, 7]
    assert t.where(twice(t.n) > 4).limit(3, offset=5).count() == 2


def test_limit_follows_the_order(t: pxt.Table) -> None:
    assert numbers(t.order_by(t.n, asc=False).limit(2, offset=1)) == [8, 7]
    assert numbers(t.order_by(twice(t.n), asc=False).limit(2, offset=1)) == [8, 7]


@pytest.mark.parametrize("n", [-1, 1.5, "1", True, None])
def test_a_limit_is_a_non_negative_int(t: pxt.Table, n: object) -> None:
    refusal(lambda: t.limit(n), RequestError, "INVALID_ARGUMENT")
    if n is not None:
        refusal(lambda: t.limit(1, offset=n), RequestError, "INVALID_ARGUMENT")


# Running


def test_head_and_tail_are_in_the_order_of_insertion(t: pxt.Table) -> None:
    assert t.head(2)["n"] == [0, 1]
    assert t.tail(2)["n"] == [8, 9]
    assert t.where(t.n < 5).tail(2)["n"] == [3, 4]
    assert t.where(twice(t.n) < 10).tail(2)["n"] == [3, 4]
    assert t.select(t.n).head(0)["n"] == []


@pytest.mark.parametrize("method", ["head", "tail"])
def test_head_and_tail_refuse_another_order(t: pxt.Table, method: str) -> None:
    refusal(lambda: getattr(t.order_by(t.n), method)(1), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: getattr(t.limit(1), method)(1), RequestError, "UNSUPPORTED_OPERATION")


def test_show_reads_at_most_as_many_rows(t: pxt.Table) -> None:
    assert t.show(3)["n"] == [0, 1, 2]
    assert len(t.limit(2).show(5)) == 2
    assert len(t.limit(5).show(2)) == 2


def test_count(t: pxt.Table) -> None:
    assert (t.count(), t.where(t.n > 7).count(), t.where(twice(t.n) > 7).count()) == (10, 2, 6)
    assert (t.limit(3).count(), t.limit(3, offset=9).count()) == (3, 1)
    assert t.order_by(t.n).select(t.n).count() == 10


def test_a_result_does_not_change_with_the_table(t: pxt.Table) -> None:
    found = t.collect()
    t.delete()
    assert len(found) == 10


def test_a_query_runs_again_on_the_present_rows(t: pxt.Table) -> None:
    query = t.where(t.n > 8)
    t.insert(n=10, s="x", j=1)
    assert numbers(query) == [9, 10]


def test_an_empty_table_yields_the_columns(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    assert list(t.select(t.n, twice(t.n)).collect().schema) == ["n", "twice"]
    assert t.order_by(twice(t.n)).limit(1).collect()["n"] == []


# Immutability


def test_clauses_leave_the_query_they_start_from_alone(t: pxt.Table) -> None:
    query = t.where(t.n < 3)
    query.order_by(t.n, asc=False), query.limit(1), query.select(t.g)  # built and dropped
    assert list(query.collect().schema) == ["n", "g", "s", "j"]
    assert numbers(query) == [0, 1, 2]


def test_an_order_leaves_the_order_it_starts_from_alone(t: pxt.Table) -> None:
    by_g = t.order_by(t.g)
    by_g_then_n = by_g.order_by(t.n, asc=False)
    assert numbers(by_g.limit(3)) == [0, 4, 8]
    assert numbers(by_g_then_n.limit(3)) == [8, 4, 0]


def test_clauses_may_come_in_any_order(t: pxt.Table) -> None:
    first = t.select(t.n).where(t.n > 3).order_by(t.n, asc=False).limit(2)
    second = t.limit(2).order_by(t.n, asc=False).where(t.n > 3).select(t.n)
    assert first.collect() == second.collect()


def test_the_limits_of_a_query_are_the_last_ones_given(t: pxt.Table) -> None:
    assert numbers(t.limit(5).limit(2)) == [0, 1]


# Arithmetic in the database and in Python


@pytest.mark.parametrize("left", [-7, -1, 0, 7])
@pytest.mark.parametrize("right", [-3, 0, 3])
def test_arithmetic_follows_python(ns: str, left: int, right: int) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Int, "b": pxt.Int})
    t.insert(a=left, b=right)
    found = t.select(add=t.a + t.b, div=t.a / t.b, floor=t.a // t.b, mod=t.a % t.b, neg=-t.a).collect()[0]
    expected = {"div": left / right, "floor": left // right, "mod": left % right} if right else {}
    nothing = dict.fromkeys(("div", "floor", "mod"))
    assert found == {"add": left + right, "neg": -left} | nothing | expected


@pytest.mark.parametrize("method", ["collect", "count", "update", "delete"])
def test_a_number_out_of_range_in_a_filter_is_no_database_error(ns: str, method: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Int})
    t.insert([{"a": 2**62}, {"a": 1}])
    query = t.where(t.a * 4 > 2**62)
    getattr(query, method)(*([{"a": 0}] if method == "update" else []))
    assert query.count() == (1 if method in ("collect", "count") else 0)


def test_a_result_out_of_range_is_python_s(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Int})
    t.insert(a=2**62)
    assert t.select(x=t.a * 4).collect()["x"] == [2**64]


def test_a_result_out_of_range_cannot_be_stored(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Int})
    t.insert(a=2**62)
    refusal(lambda: t.add_computed_column(x=t.a * 4), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: t.update({"a": t.a * 4}), RequestError, "TYPE_MISMATCH")


@pytest.mark.parametrize("use", [bool, len, iter, lambda e: e and e, lambda e: 1 in e])
def test_an_expression_cannot_be_used_as_a_value(t: pxt.Table, use: object) -> None:
    with pytest.raises((TypeError, RequestError)):
        use(t.n > 1)


def test_operators_refuse_types_they_are_not_for(t: pxt.Table) -> None:
    for build in (lambda: t.n + t.s, lambda: t.s - 1, lambda: -t.s, lambda: t.n & t.n, lambda: t.n < t.s, lambda: ~t.n):
        refusal(build, RequestError, "TYPE_MISMATCH")
