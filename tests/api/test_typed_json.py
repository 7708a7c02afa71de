"""Json columns and functions that say what is in them."""

from collections.abc import Callable
from typing import Any, NotRequired

import numpy as np
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import RequestError, Table
from pixeltable.exprs.expr import structure
from tests.api.refusals import refused
from tests.api.typed import Box, Item, boxes, label_of, loose, misspelled, total, words

ORDER = pxt.Json[{"id": pxt.Int, "items": [Item], "at": (pxt.Float, pxt.Float), "tags": NotRequired[list[pxt.String]]}]
GOOD: dict[str, Any] = {"id": 1, "items": [{"name": "a", "price": 2}, {"name": "b", "price": 0.5}], "at": [1, 2.5]}


@pytest.fixture
def orders(ns: str) -> Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": ORDER | None})
    t.insert([{"n": 0, "j": GOOD}, {"n": 1, "j": None}, {"n": 2, "j": {**GOOD, "tags": ["x", "y"]}}])
    return t


def test_a_value_is_read_in_the_form_of_its_type(orders: Table) -> None:
    found = orders.where(orders.n == 0).collect()["j"][0]
    assert found == {**GOOD, "items": [{"name": "a", "price": 2.0}, {"name": "b", "price": 0.5}], "at": [1.0, 2.5]}
    assert type(found["items"][0]["price"]) is float
    assert type(found["at"][0]) is float


def test_the_type_of_a_column_outlives_the_handle(orders: Table) -> None:
    text = (
        "Json[{'id': Int, 'items': list[{'name': String, 'price': Float, 'note': NotRequired[String]}], "
        "'at': (Float, Float), 'tags': NotRequired[list[String]]}] | None"
    )
    assert str(orders.j.col_type) == text
    assert str(pxt.get_table(orders.get_metadata()["path"]).j.col_type) == text


MISFITS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda v: v["items"][1].update(price="2"), "$.items[1].price is a String, not a Float"),
    (
        lambda v: v["items"][1].update(prise=1),
        "$.items[1] has a key 'prise', which its type does not; did you mean 'price'",
    ),
    (lambda v: v["items"][0].pop("name"), "$.items[0] lacks the key 'name'"),
    (lambda v: v.update(id=True), "$.id is a Bool, not an Int"),
    (lambda v: v.update(id=1.0), "$.id is a Float, not an Int"),
    (lambda v: v.update(id=None), "$.id is null, not an Int"),
    (lambda v: v.update(id=2**63), "$.id is 9223372036854775808, which is out of the range of a 64-bit integer"),
    (lambda v: v.update(at=[2**53 + 1, 0]), "$.at[0] is 9007199254740993, which is not exact as a Float"),
    (lambda v: v.update(at=[1]), "$.at has 1 items, not 2"),
    (lambda v: v.update(at={"x": 1}), "$.at is an object, not a list of 2"),
    (lambda v: v.update(items={}), "$.items is an object, not a list"),
    (lambda v: v.update(tags=None), "$.tags is null, not a list"),
    (lambda v: v.update({"a b": 1}), "$ has a key 'a b', which its type does not"),
    (lambda v: v.update(at=[float("nan"), 1]), "Out of range float"),
    (lambda v: v.update(tags=["\0"]), "NUL"),
    (lambda v: v.update(tags=["\ud800"]), "surrogates not allowed"),
]


@pytest.mark.parametrize(("spoil", "reason"), MISFITS, ids=[str(n) for n in range(len(MISFITS))])
def test_a_misfit_is_refused_with_its_place(orders: Table, spoil: Callable[[Any], Any], reason: str) -> None:
    bad = {**GOOD, "items": [dict(item) for item in GOOD["items"]]}
    spoil(bad)
    rows = [{"n": 5, "j": GOOD}, {"n": 6, "j": bad}]
    message = refused(orders, lambda: orders.insert(rows), RequestError, "TYPE_MISMATCH")
    assert "row 1, column 'j'" in message
    assert reason in message
    assert len(message) < 300


def test_a_misfit_is_refused_by_update(orders: Table) -> None:
    message = refused(orders, lambda: orders.update({"j": {"id": 1}}), RequestError, "TYPE_MISMATCH")
    assert "$ lacks the key 'items'" in message


def test_tuples_numpy_and_models_become_json(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"b": pxt.Json[Box], "many": pxt.Json[[Box]], "v": pxt.Json[[float]]})
    box = Box(label="x", corners=(1, 2))
    t.insert(b=box, many=(box, {"label": "y", "corners": (np.int8(3), 4)}), v=np.array([1.5, 2], "float32"))
    assert t.collect()[0] == {
        "b": {"label": "x", "corners": [1, 2], "score": None},
        "many": [{"label": "x", "corners": [1, 2], "score": None}, {"label": "y", "corners": [3, 4]}],
        "v": [1.5, 2.0],
    }


def test_a_model_is_a_value_of_update_and_an_argument(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "b": pxt.Json[Box] | None})
    t.insert(n=1, b=None)
    t.update({"b": Box(label="x", corners=(1, 2), score=1)})
    assert t.collect()["b"] == [{"label": "x", "corners": [1, 2], "score": 1.0}]
    boxed = label_of(Box(label="y", corners=(1, 2)))
    assert t.select(a=boxed, b=label_of(t.b)).collect()[0] == {"a": "y", "b": "x"}


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (pxt.Json[pxt.Int], 3, "x"), (pxt.Json[str], "x", 3), (pxt.Json[bool], False, 0), (pxt.Json[[int]], [], {}),
        (pxt.Json[()], [], [1]), (pxt.Json[{}], {}, {"a": 1}), (pxt.Json[[int | None]], [1, None], [1, "x"]),
        (pxt.Json[[pxt.Json]], [1, {}], [None]), (pxt.Json[list[Any]], [1, None], "x"),
        (pxt.Json[(int, ...)], [1, 2], [[]]),
    ],
    ids=str,
)  # fmt: skip
def test_other_forms(ns: str, form: Any, good: Any, bad: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": form})
    t.insert(v=good)
    refused(t, lambda: t.insert(v=bad), RequestError, "TYPE_MISMATCH")
    assert t.collect()["v"] == [good]


# Paths


def test_a_path_has_the_type_of_what_it_leads_to(orders: Table) -> None:
    j = orders.j
    found = {
        str(path): str(path.col_type) for path in (j.id, j["items"], j["items"][0].price, j.at[1], j.tags, j.tags[0])
    }
    assert found == {
        "j.id": "Int | None",
        "j.items": "Json[list[{'name': String, 'price': Float, 'note': NotRequired[String]}]] | None",
        "j.items[0].price": "Float | None", "j.at[1]": "Float | None", "j.tags": "Json[list[String]] | None",
        "j.tags[0]": "String | None",
    }  # fmt: skip
    rows = orders.order_by(orders.n).select(a=j.id + 1, b=j["items"][0].price * 2, c=j.tags[0].upper()).collect()
    assert [tuple(row.values()) for row in rows] == [(2, 4.0, None), (None, None, None), (2, 4.0, "X")]


def test_a_key_of_a_typed_list_is_that_of_its_items(orders: Table) -> None:
    prices = orders.j["items"].price
    assert str(prices.col_type) == "Json[list[Float]] | None"
    assert orders.order_by(orders.n).select(p=prices).collect()["p"] == [[2.0, 0.5], None, [2.0, 0.5]]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (lambda j: j.idd, "has no key 'idd'. Did you mean 'id'?"),
        (lambda j: j["items"].prise, "Did you mean 'price'?"),
        (lambda j: j["items"][0]["x"], "Keys: name, price, note"), (lambda j: j.at[2], r"has nothing at \[2\]"),
        (lambda j: j[0], r"has nothing at \[0\]"), (lambda j: j.at.x.y, r"`Json\[Float\]` has nothing at \['x'\]"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused_when_it_is_written(orders: Table, path: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        path(orders.j)


def test_a_computed_column_of_a_typed_path_is_of_its_type(orders: Table) -> None:
    orders.add_computed_column(price=orders.j["items"][0].price)
    orders.add_computed_column(doubled=orders.price * 2)
    assert str(pxt.get_table(orders.get_metadata()["path"]).price.col_type) == "Float | None"
    assert orders.order_by(orders.n).select(orders.doubled).collect()["doubled"] == [4.0, None, 4.0]


# Functions


def test_hints_type_results(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert(n=2, s="a b")
    t.add_computed_column(found=boxes(t.n))
    t.add_computed_column(parts=words(t.s))
    assert str(t.found.col_type) == (
        "Json[list[{'label': String, 'corners': (Int, Int), 'score': NotRequired[Float | None]}]]"
    )
    query = t.select(label=t.found[1].label + "!", right=t.found[1].corners[1] - 1, last=t.parts[-1].upper())
    assert query.collect()[0] == {"label": "b1!", "right": 1, "last": "B"}
    assert t.collect()["found"][0][1] == {"label": "b1", "corners": [1, 2], "score": 1.0}


def test_a_result_that_is_not_what_the_hint_says_fails_its_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert(n=2)
    t.add_computed_column(found=misspelled(t.n), on_error="ignore")
    assert (
        "$ has a key 'prize', which its type does not; did you mean 'price'?"
        in t.select(e=t.found.errormsg).collect()["e"][0]
    )


def test_an_argument_of_unknown_content_is_accepted(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": pxt.Json})
    t.insert(n=2, j={"items": [{"name": "x", "price": 2.5}]})
    query = t.select(a=total(t.j["items"]), b=total(loose(t.n)["items"]), c=total([{"name": "z", "price": 3}]))
    assert query.collect()[0] == {"a": 2.5, "b": 1.5, "c": 3.0}


def test_an_argument_of_other_content_is_refused(orders: Table) -> None:
    assert orders.select(x=total(orders.j["items"])).collect()["x"] == [2.5, None, 2.5]
    with pytest.raises(RequestError, match=r"takes `Json\[list\[.*has type `Json\[list\[String\]\] \| None`"):
        total(orders.j.tags)
    with pytest.raises(RequestError, match=r"\$\[0\] lacks the key 'price'"):
        total([{"name": "z"}])


# Conversions


def test_json_is_converted_to_what_it_holds(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json | None})
    t.insert([{"j": {"a": [1, 2], "b": "2024-01-01"}}, {"j": None}])
    typed = t.j.astype(pxt.Json[{"a": [pxt.Float], "b": pxt.String}])
    assert str(typed.col_type) == "Json[{'a': list[Float], 'b': String}] | None"
    found = t.select(
        a=typed.a[1] / 4, d=t.j.b.astype(pxt.Date | None), x=t.j.a.astype(pxt.Array[(2,), pxt.Int])
    ).collect()
    assert found["a"] == [0.5, None]
    assert str(found["d"][0]) == "2024-01-01"
    assert found["x"][0].tolist() == [1, 2]


def test_json_that_is_something_else_is_not_converted(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert(j={"a": [1, "x"]})
    with pytest.raises(RequestError, match=r"\$\.a\[1\] is a String, not an Int"):
        t.select(x=t.j.astype(pxt.Json[{"a": [int]}])).collect()


def test_cast_is_astype(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None})
    t.insert([{"n": 2**53 + 1}, {"n": None}])
    assert structure(pxtf.cast(t.n, pxt.Float)) == structure(t.n.astype(pxt.Float))
    assert t.select(x=pxtf.cast(t.n, pxt.Float)).collect()["x"] == [2.0**53, None]
    with pytest.raises(RequestError, match=r"Use `pxt\.Float` instead"):
        pxtf.cast(t.n, float)
