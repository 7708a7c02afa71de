"""`map`, `filter` and `sort` over Json lists."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import RequestError, Table
from pixeltable.exec.order import ordered, sort_keys
from pixeltable.exprs.expr import Expr
from pixeltable.session.codes import called
from pixeltable.types.column_type import IntType, JsonType
from tests.api.element_library import awaited, reciprocal, shout
from tests.engines import run_in_python
from tests.exec.columns import column
from tests.plan.test_json_agrees import values

pytestmark = pytest.mark.usefixtures("session_settings")  # also where no table is needed

J, I = column("j", JsonType(True)), column("i", IntType(True))  # noqa: E741  # the names of the columns
ITEM = {"name": pxt.String, "price": pxt.Float, "tags": list[pxt.String]}


@pytest.fixture
def shops(ns: str) -> Table:
    """Untyped and typed lists of the same things."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "rate": pxt.Float, "j": pxt.Json | None, "typed": pxt.Json[[ITEM]]})
    pens = [{"name": "pen", "price": 2.5, "tags": ["a", "ß"]}, {"name": "ink", "price": -1.0, "tags": []}]
    t.insert([
        {"n": 0, "rate": 2, "j": {"items": pens}, "typed": pens},
        {"n": 1, "rate": 3, "j": {"items": []}, "typed": []},
        {"n": 2, "rate": 4, "j": None, "typed": pens[:1]},
        {"n": 3, "rate": 5, "j": {"items": {"name": "no list"}}, "typed": []},
    ])  # fmt: skip
    return t


def found(t: Table, expr: Expr) -> list[Any]:
    return t.select(x=expr).collect()["x"]


def test_map(shops: Table) -> None:
    expected = [[5.0, -2.0], [], None, None]
    assert found(shops, pxtf.map(shops.j["items"]["*"], lambda x: x.price * 2)) == expected
    assert found(shops, shops.j["items"].map(lambda x: x.price * 2)) == expected
    assert found(shops, shops.j.items.map(lambda x: x.price * 2)) == expected  # as `items` is a method too


def test_what_a_function_makes_may_be_a_dict_or_a_plain_value(shops: Table) -> None:
    expr = shops.j["items"].map(lambda x: {"n": [x.name, shops.n], "one": 1})
    assert found(shops, expr)[0] == [{"n": ["pen", 0], "one": 1}, {"n": ["ink", 0], "one": 1}]
    assert found(shops, shops.typed.map(lambda _: "é")) == [["é", "é"], [], ["é"], []]


def test_filter_takes_null_for_false(shops: Table) -> None:
    assert found(shops, shops.j["items"].filter(lambda x: x.price > 0).name) == [["pen"], [], None, None]
    assert found(shops, shops.j["items"].filter(lambda x: x.missing > 0)) == [[], [], None, None]
    assert found(shops, pxtf.filter([1, None, 3], lambda x: x > shops.n))[1:3] == [[3], [3]]


def test_a_predicate_of_unknown_type_has_to_be_true_or_false(shops: Table) -> None:
    things = [{"n": 1, "new": True}, {"n": 2, "new": False}, {"n": 3}]
    assert found(shops, pxtf.filter(things, lambda x: x.new)["*"].n)[0] == [1]
    with pytest.raises(RequestError, match="cannot become Bool"):
        found(shops, pxtf.filter([{"new": "yes"}], lambda x: x.new))


def test_sort(shops: Table) -> None:
    names = shops.typed.sort(lambda x: x.price).name
    assert found(shops, names) == [["ink", "pen"], [], ["pen"], []]
    assert found(shops, shops.typed.sort(lambda x: x.name, asc=False).name)[0] == ["pen", "ink"]
    assert found(shops, pxtf.sort([2, None, "b", 1.5, True, {}, [0]]))[0] == ["b", 1.5, 2, True, [0], {}, None]
    assert found(shops, pxtf.sort([2, None, "b", 1.5], asc=False))[0] == [2, 1.5, "b", None]


def test_equal_elements_keep_their_order_in_both_directions(shops: Table) -> None:
    pairs = [[1, "a"], [0, "b"], [1, "c"], [None, "d"], [1.0, "e"], [None, "f"]]
    for ascending, letters in ((True, "bacedf"), (False, "acebdf")):
        assert found(shops, pxtf.sort(pairs, lambda x: x[0], asc=ascending)["*"][1])[0] == [*letters]


def test_columns_and_functions_around_elements(shops: Table) -> None:
    assert found(shops, shops.typed.map(lambda x: x.price * shops.rate))[:3] == [[5.0, -2.0], [], [10.0]]
    assert found(shops, shops.typed.map(lambda x: x.name.upper().lower() + "!"))[0] == ["pen!", "ink!"]
    assert found(shops, shops.j["items"].map(lambda x: shout(x.name)))[0] == ["PEN!", "INK!"]
    assert found(shops, shops.j["items"].map(lambda x: awaited(x.price)))[0] == [3.5, 0.0]
    assert found(shops, shops.typed.map(shout_name))[0] == ["PEN!", "INK!"]


def shout_name(element: Any) -> Any:
    return shout(element.name)


def test_functions_within_functions(shops: Table) -> None:
    nested = shops.typed.map(lambda x: x.tags.map(lambda y: y + x.name + shops.n.astype(pxt.Json).dumps()))
    assert found(shops, nested)[0] == [["apen0", "ßpen0"], []]
    chosen = shops.j["items"].filter(lambda x: x.tags.filter(lambda y: y == "ß").len() > 0)
    assert found(shops, chosen.name)[0] == ["pen"]
    triple = pxtf.map([1, 2], lambda x: pxtf.map([10], lambda y: pxtf.map([100], lambda z: x + y + z + shops.n)))
    assert found(shops, triple)[3] == [[[114]], [[115]]]


def test_types(shops: Table) -> None:
    assert str(shops.typed.map(lambda x: x.price).col_type) == "Json[list[Float | None]]"
    assert str(shops.typed.filter(lambda x: x.price > 1).price.col_type) == "Json[list[Float]] | None"
    assert str(shops.j.map(lambda x: x.price > 1).col_type) == "Json[list[Bool | None]] | None"
    assert str(shops.typed[0].tags.sort()[0].col_type) == "String | None"
    assert str(pxtf.map([1], lambda x: x).col_type) == "Json[list[Json | None]] | None"


REFUSED: list[tuple[Callable[[Table], Any], str]] = [
    (lambda t: t.typed.map(lambda x: x.prise), "has no key 'prise'"),
    (lambda t: t.j.map(lambda _: object()), "cannot be used in an expression"),
    (lambda t: t.j.map(lambda _: None), "returned None"),
    (lambda t: t.j.map(lambda x: x.len), "is a method, which has no value until it is called"),
    (lambda t: t.j.map(3), "takes a function of an element"),
    (lambda t: t.j.map(lambda x, _y: x), r"takes \(x, _y\)"),
    (lambda t: t.j.map(lambda: 1), "called with one element"),
    (lambda t: t.j.map(lambda x: len(x)), r"the value of `element` is known only when a query runs, so it has no len"),
    (lambda t: t.j.map(lambda x: list(x)), "cannot be iterated over"),
    (lambda t: t.j.map(lambda x: pxtf.sum(x.price.astype(pxt.Float))), "aggregate over rows"),
    (lambda t: t.j.map(lambda x: x.day.astype(pxt.Timestamp)), "of which JSON has none"),
    (lambda t: t.typed.filter(lambda x: x), "of type `Json"),
    (lambda t: t.j.filter(lambda _: t.n), "of type `Int`, not `Bool`"),
    (lambda t: t.j.filter(lambda x: x.col_type == "a"), r"False for every element. .*x\['count'\]"),
    (lambda t: t.typed.map(lambda x: f"{x.name}!"), r"str\(\) and f-strings see no values"),
    (lambda t: t.j.map(str), "made the text 'element'"),
    (lambda t: t.j.map(lambda x: x.col_type), r"x\['count'\]"),
    (lambda t: t.j.sort(lambda x: x.astype(pxt.Array)), "have no order"),
    (lambda t: pxtf.map(t.n, lambda x: x), "has type `Int`"),
    (lambda t: t.typed[0].map(lambda x: x), "takes a Json list"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_is_refused_when_it_is_written(shops: Table, build: Callable[[Table], Any], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        build(shops)


def test_python_logic_on_an_element_is_refused(shops: Table) -> None:
    with pytest.raises(TypeError, match=r"Use &, \| and ~"):
        shops.j.filter(lambda x: x.a > 1 and x.b > 1)


def test_an_element_that_fails_fails_its_cell(shops: Table) -> None:
    with pytest.raises(RequestError, match="ZeroDivisionError"):
        found(shops, pxtf.map([1, 0], lambda x: reciprocal(x)))
    shops.add_computed_column(r=shops.typed.map(lambda x: reciprocal(x.price + shops.n + 1)), on_error="ignore")
    assert found(shops, shops.r)[:2] == [None, []]
    assert found(shops, shops.r.errortype)[:2] == ["ZeroDivisionError", None]


def test_a_computed_column_survives_and_knows_its_functions(shops: Table) -> None:
    shops.add_computed_column(loud=shops.typed.filter(lambda x: x.price > 0).map(lambda x: shout(x.name) * 2))
    shops.add_computed_column(first=shops.loud.sort(asc=False)[0])
    shops.insert(n=4, rate=1, j=None, typed=[{"name": "b", "price": 1, "tags": []}])
    again = pxt.get_table(shops.get_metadata()["path"])
    assert found(again, again.loud) == [["PEN!PEN!"], [], ["PEN!PEN!"], [], ["B!B!"]]
    assert found(again, again.first)[-1] == "B!B!"
    assert [spec.name for spec in called(shops.typed.map(lambda x: shout(x.name)))] == ["shout"]


def test_filters_and_updates_with_elements(shops: Table) -> None:
    dear = shops.typed.filter(lambda x: x.price > shops.rate).len() > 0
    assert shops.where(dear).count() == 1
    shops.update({"n": 9}, where=dear)
    assert shops.where(shops.n == 9).count() == 1


def test_what_is_the_same_for_all_elements_is_computed_once_for_each_row(ns: str) -> None:
    calls: list[int] = []

    @pxt.udf
    def noted(n: int) -> int:
        calls.append(n)
        return n

    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": pxt.Json})
    t.insert([{"n": n, "j": [1, 2, 3]} for n in (10, 20)])
    assert found(t, t.j.map(lambda x: x + noted(t.n))) == [[11, 12, 13], [21, 22, 23]]
    assert sorted(calls) == [10, 20]


def test_what_chance_decides_is_decided_for_each_element(ns: str) -> None:
    @pxt.udf(is_deterministic=False)
    def dice(n: int) -> float:
        return n + random.random()

    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert(n=1)
    both = t.select(a=pxtf.map([1, 2], lambda _: dice(t.n)), b=pxtf.map([1, 2], lambda _: dice(t.n))).collect()[0]
    assert len({*both["a"], *both["b"]}) == 4


lists = st.none() | st.lists(values, max_size=4) | values
numbers = st.none() | st.integers(-3, 3)


@given(st.lists(st.tuples(lists, numbers), max_size=5))
def test_python_says_what_map_and_filter_give(rows: list[tuple[Any, Any]]) -> None:
    columns = [{"j": j, "i": i} for j, i in rows]
    made, kept = (run_in_python(e, columns) for e in (J.map(lambda x: [x, I, x.a]), J.filter(lambda x: x == I)))
    for (j, i), triples, chosen in zip(rows, made, kept, strict=True):
        elements = j if isinstance(j, list) else []
        keys = [x.get("a") if isinstance(x, dict) else None for x in elements]
        assert (triples or []) == [[x, i, key] for x, key in zip(elements, keys, strict=True)]
        assert (chosen or []) == [x for x in elements if type(x) in (int, float) and x == i]
        assert (triples is None) == (chosen is None) == (not isinstance(j, list))


@given(st.lists(lists, max_size=5), st.booleans())
def test_elements_are_in_the_order_of_rows_with_null_last(rows: list[Any], ascending: bool) -> None:
    results = run_in_python(J.sort(asc=ascending), [{"j": j} for j in rows])
    for before, after in zip(rows, results, strict=True):
        elements = before if isinstance(before, list) else []
        known = [element for element in elements if element is not None]
        order = ordered(range(len(known)), [(sort_keys(known), ascending)])
        assert (after or []) == [*(known[place] for place in order), *[None] * elements.count(None)]
        assert (after is None) == (not isinstance(before, list))
