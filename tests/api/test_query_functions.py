"""Queries as functions: the same rows as the query run by hand for each row, whatever way they are found."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.session import query_calls
from tests.api.query_library import no_b, shout
from tests.api.refusals import refusal
from tests.conftest import CONFIGURATION

one_batch = pytest.mark.skipif(CONFIGURATION in ("no-pushdown", "batch-1"), reason="is about more than one row in SQL")
"""For what only happens where rows are computed together, and SQL does what it can."""

ORDERS = [
    {"customer": customer, "item": item, "n": n}
    for n, (customer, item) in enumerate([("ann", "a"), ("bob", "b"), ("ann", "abc"), ("cy", "c"), ("ann", "bb")])
]


@pytest.fixture
def orders(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/orders", {"customer": pxt.String, "item": pxt.String, "n": pxt.Int})
    t.insert(ORDERS)
    return t


@pytest.fixture
def people(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/people", {"name": pxt.String | None, "k": pxt.Int})
    t.insert([{"name": name, "k": k} for k, name in enumerate(["bob", "ann", None, "dan", "ann"])])
    return t


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the queries of functions were run: `together` or `alone`."""
    ran: list[str] = []

    def noting(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            ran.append(name)
            return run(*args, **kwargs)

        return noted

    monkeypatch.setattr(query_calls, "execute", noting("together", query_calls.execute))
    monkeypatch.setattr(query_calls, "collect", noting("alone", query_calls.collect))
    return ran


def test_a_row_gets_the_rows_found_for_it(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name).select(orders.item, twice=orders.n * 2)

    ann = [{"item": "a", "twice": 0}, {"item": "abc", "twice": 4}, {"item": "bb", "twice": 8}]
    found = people.select(people.name, of(people.name)).collect()
    assert found["of"] == [[{"item": "b", "twice": 2}], ann, None, [], ann]


@one_batch
def test_all_rows_are_queried_in_one_statement(orders: pxt.Table, people: pxt.Table, statements: list[str]) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name).select(shout(orders.item))

    people.select(of(people.name)).collect()
    assert statements == ["together"]


def test_equal_arguments_are_queried_once(orders: pxt.Table, people: pxt.Table, statements: list[str]) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(shout(orders.customer) == name)

    people.where(people.name != None).select(of(people.name)).collect()  # noqa: E711  # null test
    assert statements in (["alone"] * 3, ["alone"] * 4)  # row by row, four


NAMES = ("ann", "bob", None, "nobody")
NUMBERS = (0, 1, 3, None, 100)
CASES: dict[str, tuple[Callable[..., pxt.Query], tuple[Any, ...]]] = {
    "equal": (lambda t, name: t.where(t.customer == name), NAMES),
    "selected": (lambda t, name: t.where(t.customer == name).select(t.n, t.n + 1, given=name), NAMES),
    "ordered": (lambda t, x: t.where(t.customer != x).order_by(t.customer, asc=False).order_by(t.item), NAMES),
    "order by a parameter": (lambda t, k: t.order_by(t.n * k, asc=False).select(t.n), NUMBERS),
    "limit": (lambda t, k: t.order_by(t.n, asc=False).limit(k), NUMBERS),
    "limit and offset": (lambda t, k: t.order_by(t.item).limit(2, k).select(t.item), NUMBERS),
    "first": (lambda t, k: t.where(t.n > k).limit(2), NUMBERS),
    "python filter": (lambda t, name: t.where(shout(t.customer) == shout(name)), NAMES),
    "python filter and limit": (lambda t, k: t.where(shout(t.customer) != "BOB!").order_by(t.n).limit(k), NUMBERS),
    "python order": (lambda t, k: t.where(t.n < k).order_by(shout(t.item), asc=False), NUMBERS),
    "python select": (lambda t, name: t.where(t.customer == name).select(shout(t.item), shout(name)), NAMES),
    "text by code point": (lambda t, name: t.where(t.customer < name).select(t.n), ("Zed", "ann", "é")),
    "json": (lambda t, name: t.where(t.customer == name).select(x={"to": name, "n": [t.n]}), NAMES),
    "look-up in order": (lambda t, x: t.where((t.customer == x) & (t.n != 2)).order_by(t.item, asc=False), NAMES),
    "second of a look-up": (lambda t, x: t.where(x == t.customer).order_by(t.item).limit(1, 1), NAMES),
    "look-up by a number": (lambda t, k: t.where(t.n * 2 == k + 1).select(t.n, x=k), NUMBERS),
    "look-up and python order": (lambda t, x: t.where(t.customer == x).order_by(shout(t.item)).limit(2), NAMES),
    "look-up limited by a parameter": (lambda t, k: t.where(t.n % 2 == k % 2).limit(k).select(t.n), NUMBERS),
    "text": (lambda t, x: t.where(t.customer + x == "ann" + x).select(t.customer.upper() + x), NAMES),
    "functions": (lambda t, x: t.where(t.customer.contains(x) & (t.item.upper() != x)).select(t.n), NAMES),
    "numbers": (lambda t, k: t.where((t.n / 2 > k) | (t.n % 2 == k) | (-t.n < k - 101.5)).select(t.n), NUMBERS),
    "too large": (lambda t, k: t.where(t.n + 2**62 + k * 2**61 > 0).select(t.n), (1, 4, 8)),
    "the last limit": (lambda t, k: t.limit(k, k).limit(2).select(t.n), NUMBERS),
    "newest": (lambda t, k: t.where(t.n >= k).order_by(t.n, asc=False).limit(1), NUMBERS),
    "without parameters": (lambda t, _: t.select(t.n), NUMBERS),
}


def by_hand(run: Callable[[Any], pxt.Query], arguments: tuple[Any, ...]) -> list[Any]:
    return [None if given is None else list(map(dict, run(given).collect())) for given in arguments]


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_that_of_the_query_run_by_hand(ns: str, orders: pxt.Table, case: str) -> None:
    body, arguments = CASES[case]
    kind = pxt.Int if isinstance(arguments[0], int) else pxt.String
    t = pxt.create_table(f"{ns}/args", {"x": kind | None})
    t.insert([{"x": x} for x in arguments])

    @pxt.query(param_types=[kind])
    def found(x):
        return body(orders, x)

    assert t.select(r=found(t.x)).collect()["r"] == by_hand(lambda x: body(orders, x), arguments)


VALUES: list[tuple[Any, list[Any]]] = [
    (pxt.Float, [1.5, -0.0, float("inf")]),
    (pxt.Bool, [True, False]),
    (pxt.Timestamp, [datetime.datetime(year, 1, 2, 3, tzinfo=datetime.UTC) for year in (2024, 1999)]),
    (pxt.Date, [datetime.date(2024, 1, 2), datetime.date(1, 1, 1)]),
    (pxt.UUID, [uuid.UUID(int=5), uuid.UUID(int=2**127)]),
    (pxt.String, ["%s", "it's \\", "{a,b}", "NULL", ""]),
    (pxt.Int, [2**63 - 1, -(2**63)]),
    (pxt.Json, ["a", {"b": [1]}, 3]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[str(kind) for kind, _ in VALUES])
def test_arguments_of_every_type_find_the_row_that_has_them(ns: str, kind: Any, values: list[Any]) -> None:
    t = pxt.create_table(f"{ns}/t", {"x": kind, "n": pxt.Int})
    t.insert([{"x": x, "n": n} for n, x in enumerate(values)])

    @pxt.query(param_types=[kind], return_scalar=True)
    def same(x):
        return t.where(t.x == x).select(t.n)

    assert t.select(r=same(t.x)).collect()["r"] == [[n] for n in range(len(values))]


def test_values_without_a_json_form_become_text(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"k": pxt.Int, "d": pxt.Date, "u": pxt.UUID, "a": pxt.Array[(2,), pxt.Float]})
    t.insert(k=1, d=datetime.date(2024, 1, 2), u=uuid.UUID(int=1), a=[1.0, 2.0])

    @pxt.query
    def at(k: int):
        return t.where(t.k == k).select(t.d, t.u, t.a)

    t.add_computed_column(found=at(t.k))
    assert t.collect()["found"] == [[{"d": "2024-01-02", "u": str(uuid.UUID(int=1)), "a": [1.0, 2.0]}]]


def test_defaults_and_keywords(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def of(name: str, top: int = 1):
        return orders.where(orders.customer == name).limit(top).select(orders.item)

    found = people.where(people.k == 1).select(a=of(people.name), b=of(top=people.k + 1, name="ann")).collect()[0]
    assert found == {"a": ["a"], "b": ["a", "abc"]}


def test_a_parameter_that_accepts_null_is_compared_as_null(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def known(name: str | None):
        return orders.where((orders.customer == name) | (name == None)).select(orders.n)  # noqa: E711

    found = people.select(r=known(people.name)).collect()["r"]
    assert [len(rows) for rows in found] == [1, 3, 5, 0, 3]


def test_a_query_without_parameters(orders: pxt.Table, people: pxt.Table) -> None:
    first = pxt.query(lambda: orders.limit(1).select(orders.n))
    assert people.limit(2).select(r=first()).collect()["r"] == [[{"n": 0}], [{"n": 0}]]


def test_a_query_within_a_query(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def items(customer: str):
        return orders.where(orders.customer == customer).select(orders.item)

    @pxt.query
    def named(name: str):
        return people.where(people.name == name).select(people.k, items(name), both=items(people.name + ""))

    found = orders.where(orders.n == 1).select(r=named(orders.customer)).collect()["r"]
    assert found == [[{"k": 0, "items": ["b"], "both": ["b"]}]]


def test_a_computed_column_is_filled_and_kept_in_step(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def items(name: str):
        return orders.where(orders.customer == name).order_by(orders.item).select(orders.item)

    people.add_computed_column(items=items(people.name))
    people.insert([{"name": "cy", "k": 9}, {"name": "bob", "k": 10}])
    people.update({"name": "ann"}, where=people.k == 0)
    assert people.order_by(people.k).collect()["items"] == [
        ["a", "abc", "bb"], ["a", "abc", "bb"], None, [], ["a", "abc", "bb"], ["c"], ["b"],
    ]  # fmt: skip


def test_a_cell_fails_alone(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def items(name: str):
        return orders.where(orders.customer == name).select(no_b(orders.item))

    status = people.add_computed_column(items=items(people.name), on_error="ignore")
    assert status.row_count_stats.num_excs == 1
    failed = people.where(people.k == 0).select(people.items.errortype, people.items.errormsg).collect()[0]
    assert failed["items_errortype"] == "InvalidExpression"
    assert "ValueError: b again" in failed["items_errormsg"]
    assert people.where(people.k == 1).collect()["items"] == [[{"no_b": "a"}, {"no_b": "abc"}, {"no_b": "bb"}]]


@pytest.mark.parametrize(("top", "message"), [(-1, "non-negative int, got -1"), (None, "non-negative int, got None")])
def test_a_number_of_rows_that_is_none_fails_its_cell(ns: str, orders: pxt.Table, top: Any, message: str) -> None:
    @pxt.query
    def first(n: int | None):
        return orders.limit(n)

    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None})
    t.insert([{"n": top}, {"n": 1}, {"n": 2}])
    t.add_computed_column(r=first(t.n), on_error="ignore")
    found = t.select(t.r, t.r.errormsg).collect()
    assert message in found[0]["r_errormsg"]
    assert [len(rows) for rows in found["r"][1:]] == [1, 2]


def test_a_json_value_of_the_wrong_type_fails_its_cell(ns: str, orders: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name)

    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert([{"j": {"who": "bob"}}, {"j": {"who": 3}}, {"j": {}}])
    t.add_computed_column(r=of(t.j.who), on_error="ignore")
    found = t.select(t.r, t.r.errormsg).collect()
    assert [rows and len(rows) for rows in found["r"]] == [1, None, None]
    assert found["r_errormsg"][1] == "query 'of', argument 'name': expected a string, got int 3"
    assert found["r_errormsg"][2] is None


def test_values_are_the_rows_own(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def items(name: str):
        return orders.where(orders.customer == name).select(orders.item)

    found = people.select(r=items(people.name)).collect()["r"]
    found[1].append("changed")
    assert found[4] == ["a", "abc", "bb"]


def test_a_query_over_a_table_that_is_gone_fails_its_cells_and_stored_results_stay(
    orders: pxt.Table, people: pxt.Table
) -> None:
    @pxt.query(return_scalar=True)
    def items(name: str):
        return orders.where(orders.customer == name).select(orders.item)

    people.add_computed_column(items=items(people.name))
    pxt.drop_table(orders)
    message = refusal(lambda: people.insert(name="ann", k=7), RequestError, "INVALID_EXPRESSION")
    assert "query 'items' over table" in message
    assert "was dropped" in message
    people.insert([{"name": "ann", "k": 7}], on_error="ignore")
    found = people.order_by(people.k).select(people.items, people.items.errortype).collect()
    assert found["items"][0] == ["b"]
    assert found[5] == {"items": None, "items_errortype": "InvalidState"}
    people.drop_column("items")
    people.insert(name="ann", k=7)


def test_a_column_over_a_query_that_cannot_run_is_not_added(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name)

    call = of(people.name)
    pxt.drop_table(orders)
    refusal(lambda: people.add_computed_column(x=call), RequestError, "INVALID_EXPRESSION")
    people.insert(name="ann", k=7)
    people.add_computed_column(x=people.k + 1)


def test_a_query_over_a_column_that_is_gone_is_refused(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def items(name: str):
        return orders.where(orders.customer == name).select(orders.item)

    orders.drop_column("item")
    message = refusal(lambda: people.select(items(people.name)).collect(), RequestError, "INVALID_EXPRESSION")
    assert "has no column 'item'" in message


def test_a_column_added_later_and_a_new_path_do_not_matter(ns: str, orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name)

    pxt.move(f"{ns}/orders", f"{ns}/moved")
    orders.add_computed_column(more=orders.n + 1)
    found = people.where(people.name == "bob").select(r=of(people.name)).collect()["r"]
    assert found == [[{"customer": "bob", "item": "b", "n": 1, "more": 2}]]


def test_the_default_name_is_that_of_the_function(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        """The orders of a customer."""
        return orders.where(orders.customer == name)

    assert isinstance(of, pxt.Function)
    assert (of.name, of.arity, of.signature, of.__doc__) == (
        "of", 1, "(name: String) -> Json", "The orders of a customer.",
    )  # fmt: skip
    assert str(of(people.name)) == "of(name)"
    assert of.body("ann").count() == 3
    assert of.body("ann").parameters() == {}


@pytest.mark.parametrize("returned", [3, None, "rows", "collected"])
def test_a_body_that_returns_no_query_is_refused(orders: pxt.Table, returned: Any) -> None:
    def of(name: str):  # noqa: ARG001  # needs none
        return orders.collect() if returned == "collected" else returned

    assert "not a query" in refusal(lambda: pxt.query(of), RequestError, "INVALID_ARGUMENT")


def test_a_body_that_runs_the_query_is_refused(orders: pxt.Table) -> None:
    def of(name: str):
        return orders.where(orders.customer == name).collect()

    assert "cannot be run by itself" in refusal(lambda: pxt.query(of), RequestError, "UNSUPPORTED_OPERATION")


def test_a_parameter_needs_a_type(orders: pxt.Table) -> None:
    def of(name):
        return orders.where(orders.customer == name)

    refusal(lambda: pxt.query(of), RequestError, "INVALID_TYPE")
    assert pxt.query(param_types=[pxt.String])(of).arity == 1


def test_a_scalar_result_takes_one_column(orders: pxt.Table) -> None:
    refusal(lambda: pxt.query(return_scalar=True)(lambda: orders.select()), RequestError, "INVALID_ARGUMENT")


def test_an_argument_of_the_wrong_type_is_refused(orders: pxt.Table, people: pxt.Table) -> None:
    @pxt.query
    def of(name: str):
        return orders.where(orders.customer == name)

    refusal(lambda: of(people.k), RequestError, "TYPE_MISMATCH")
    refusal(lambda: of(), RequestError, "INVALID_ARGUMENT")


def test_a_dropped_table_cannot_be_queried_in_a_new_function(orders: pxt.Table) -> None:
    pxt.drop_table(orders)
    with pytest.raises(NotFoundError):
        pxt.query(lambda: orders.where(orders.n == 1))
