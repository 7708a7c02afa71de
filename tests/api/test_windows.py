import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import RequestError
from tests.api.aggregators import last, ordered_last, picky, position
from tests.api.library import twice
from tests.api.refusals import refusal


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Eight rows; `g` is a and b in turn, `k` counts down in pairs, `x` is null in the third row."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "g": pxt.String, "k": pxt.Int, "x": pxt.Int | None})
    t.insert({"n": n, "g": "ab"[n % 2], "k": 3 - n // 2, "x": None if n == 2 else n} for n in range(8))
    return t


def window(query: pxt.Query) -> list:
    return query.collect()["w"]


def test_it_runs_from_the_start_of_its_group(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.sum(t.n, group_by=t.g, order_by=t.n))) == [0, 1, 2, 4, 6, 9, 12, 16]


def test_its_order_is_its_own(t: pxt.Table) -> None:
    query = t.select(t.n, w=pxtf.sum(t.n, group_by=t.g, order_by=t.k))
    assert window(query) == [12, 16, 12, 15, 10, 12, 6, 7]
    assert window(query.order_by(t.n, asc=False)) == [7, 6, 12, 10, 15, 12, 16, 12]


def test_equal_rows_come_in_the_order_of_insertion(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.count(t.n, order_by=t.k))) == [7, 8, 5, 6, 3, 4, 1, 2]


def test_without_an_order_rows_come_in_that_of_insertion(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.max(t.k, group_by=t.g))) == [3] * 8


def test_with_an_order_alone_all_rows_are_one_group(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.sum(t.n, order_by=-t.n))) == [28, 28, 27, 25, 22, 18, 13, 7]


def test_nulls_are_left_out(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.sum(t.x, group_by=t.g, order_by=t.n))) == [0, 1, 0, 4, 4, 9, 10, 16]
    assert window(t.where(t.n == 2).select(w=pxtf.sum(t.x, group_by=t.g))) == [None]
    assert window(t.select(w=pxtf.count(t.x, order_by=t.n))) == [1, 2, 2, 3, 4, 5, 6, 7]


def test_a_filter_comes_before(t: pxt.Table) -> None:
    assert window(t.where(t.n > 3).select(w=pxtf.count(t.n, order_by=t.n))) == [1, 2, 3, 4]
    assert window(t.where(twice(t.n) > 6).select(w=pxtf.count(t.n, order_by=t.n))) == [1, 2, 3, 4]


def test_limit_and_order_come_after(t: pxt.Table) -> None:
    query = t.select(t.n, w=pxtf.sum(t.n, order_by=-t.n))
    assert window(query.limit(2, offset=1)) == [28, 27]
    by_window = t.select(t.n).order_by(pxtf.sum(t.n, order_by=-t.n)).order_by(t.n).limit(3)
    assert by_window.collect()["n"] == [7, 6, 5]
    assert query.count() == 8
    assert query.limit(3).count() == 3


def test_head_and_tail(t: pxt.Table) -> None:
    query = t.select(t.n, w=pxtf.count(t.n, group_by=t.g))
    assert (query.head(3)["n"], query.head(3)["w"]) == ([0, 1, 2], [1, 1, 2])
    assert (query.tail(3)["n"], query.tail(3)["w"]) == ([5, 6, 7], [3, 4, 4])


def test_in_an_expression(t: pxt.Table) -> None:
    assert window(t.select(w=t.n - pxtf.min(t.n, group_by=t.g) + twice(pxtf.count(t.n, group_by=t.g)))) == [
        2, 2, 6, 6, 10, 10, 14, 14,
    ]  # fmt: skip


def test_of_the_user(t: pxt.Table) -> None:
    assert window(t.select(w=last(t.n, group_by=t.g, order_by=t.k))) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert window(t.select(w=last(t.x, order_by=t.n))) == [0, 1, 1, 3, 4, 5, 6, 7]


def test_of_an_aggregate_that_is_only_a_window(t: pxt.Table) -> None:
    assert window(t.select(w=position(t.n))) == list(range(8))
    assert window(t.select(w=position(t.n, group_by=t.g, start=10))) == [10, 10, 11, 11, 12, 12, 13, 13]


def test_json_and_functions_as_order_and_group(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"j": pxt.Json})
    t.insert({"j": {"n": n, "g": [n % 2]}} for n in range(4))
    assert window(t.select(w=pxtf.sum(t.j.n, group_by=t.j.g, order_by=t.j.n))) == [0, 1, 2, 4]


def test_an_exception_names_the_group(t: pxt.Table) -> None:
    message = refusal(lambda: t.select(picky(t.n, group_by=t.g)).collect(), RequestError, "INVALID_EXPRESSION")
    assert message.startswith(
        "`picky(n, group_by=g)` failed in the group g='b': ValueError: five is right out. Inputs: 5"
    )
    message = refusal(lambda: t.select(picky(t.k, order_by=t.n)).collect(), RequestError, "INVALID_EXPRESSION")
    assert "in row 3: its value does not fit its type Int: expected an int, got str 'four'" in message


def test_not_beside_aggregates(t: pxt.Table) -> None:
    running = pxtf.sum(t.n, group_by=t.g)
    refusal(lambda: t.group_by(t.g).select(running), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: t.select(pxtf.sum(t.n), running).collect(), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: t.group_by(t.g).select(position(t.n)), RequestError, "UNSUPPORTED_OPERATION")


def test_not_where_it_would_be_stored_or_filter(t: pxt.Table) -> None:
    running = pxtf.sum(t.n, group_by=t.g)
    for run in (
        lambda: t.add_computed_column(w=running),
        lambda: t.where(running > 1),
        lambda: t.update({"n": running}),
        lambda: t.group_by(running),
    ):
        refusal(run, RequestError, "UNSUPPORTED_OPERATION")


def test_not_over_arrays(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "a": pxt.Array[(2,), pxt.Float]})
    refusal(lambda: pxtf.sum(t.n, group_by=t.a), RequestError, "TYPE_MISMATCH")
    refusal(lambda: pxtf.sum(t.n, order_by=t.a), RequestError, "TYPE_MISMATCH")


def test_of_an_aggregate_that_requires_an_order(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "k": pxt.Int, "g": pxt.Int})
    t.insert([{"n": 1, "k": 3, "g": 1}, {"n": 2, "k": 1, "g": 1}, {"n": 3, "k": 2, "g": 2}])
    assert t.select(w=ordered_last(t.k, t.n)).collect()["w"] == [1]
    assert window(t.select(w=ordered_last(t.k, t.n, group_by=t.g))) == [1, 2, 3]


def test_descending(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.sum(t.n, group_by=t.g, order_by=t.n, asc=False))) == [12, 16, 12, 15, 10, 12, 6, 7]
    assert window(t.select(w=pxtf.count(t.n, order_by=t.k, asc=False))) == list(range(1, 9))  # equal rows as inserted
    assert t.select(w=pxtf.make_list(t.n, order_by=t.x, asc=False)).collect()["w"] == [[2, 7, 6, 5, 4, 3, 1, 0]]


def test_of_all_rows_of_the_group(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.sum(t.n, group_by=t.g, frame="all"))) == [12, 16] * 4
    assert window(t.select(w=t.n / pxtf.sum(t.n, frame="all"))) == [n / 28 for n in range(8)]
    assert window(t.select(w=last(t.n, group_by=t.g, order_by=t.k, frame="all"))) == [0, 1] * 4


def test_places(t: pxt.Table) -> None:
    items = {"a": pxtf.row_number, "b": pxtf.rank, "c": pxtf.dense_rank}
    found = t.select(**{name: place(order_by=t.k) for name, place in items.items()}).collect()
    assert found["a"] == [7, 8, 5, 6, 3, 4, 1, 2]
    assert found["b"] == [7, 7, 5, 5, 3, 3, 1, 1]
    assert found["c"] == [4, 4, 3, 3, 2, 2, 1, 1]
    assert window(t.select(w=pxtf.rank(group_by=t.g))) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_neighbours(t: pxt.Table) -> None:
    assert window(t.select(w=pxtf.lag(t.x, group_by=t.g))) == [None, None, 0, 1, None, 3, 4, 5]
    assert window(t.select(w=pxtf.lead(t.n, 2, -1, order_by=t.n))) == [2, 3, 4, 5, 6, 7, -1, -1]
    assert window(t.select(w=t.n - pxtf.lag(t.n))) == [None, 1, 1, 1, 1, 1, 1, 1]


def test_neighbours_of_any_type(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Array[(2,), pxt.Float], "j": pxt.Json})
    t.insert([{"a": [1.0, 2.0], "j": {"n": 1}}, {"a": [3.0, 4.0], "j": [2]}])
    found = t.select(a=pxtf.lag(t.a), j=pxtf.lead(t.j, default="end")).collect()
    assert [None if a is None else a.tolist() for a in found["a"]] == [None, [1.0, 2.0]]
    assert found["j"] == [[2], "end"]
    assert t.select(pxtf.first(t.a)).collect()["first"][0].tolist() == [1.0, 2.0]


def test_places_are_only_windows(t: pxt.Table) -> None:
    refusal(lambda: t.group_by(t.g).select(t.g, pxtf.row_number()), RequestError, "UNSUPPORTED_OPERATION")


def test_a_window_shows_its_order_and_frame(t: pxt.Table) -> None:
    shown = str(pxtf.sum(t.n, order_by=t.k, asc=False, frame="all"))
    assert shown == "sum(n, order_by=k, asc=False, frame='all')"
