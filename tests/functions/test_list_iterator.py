"""`list_iterator`: the elements of typed lists as rows of a view."""

from typing import Any, NotRequired, TypedDict

import pytest

import pixeltable as pxt
from pixeltable.functions.json import list_iterator


class Thing(TypedDict):
    name: str
    n: NotRequired[int]


ROWS: list[dict[str, Any]] = [
    {"id": 1, "xs": [1, 2], "ys": ["a", "b"], "things": [{"name": "x", "n": 1}, {"name": "y"}], "pair": [1, "a"]},
    {"id": 2, "xs": [], "ys": [], "things": [], "pair": [2, "b"]},
    {"id": 3, "xs": None, "ys": None, "things": None, "pair": None},
]
UNEQUAL = {"id": 4, "xs": [1], "ys": ["a", "b", "c"]}


@pytest.fixture
def t(ns: str) -> pxt.Table:
    schema = {
        "id": pxt.Int,
        "xs": pxt.Json[[pxt.Int]] | None,
        "ys": pxt.Json[[pxt.String | None]] | None,
        "things": pxt.Json[[Thing]] | None,
        "pair": pxt.Json[(pxt.Int, pxt.String)] | None,
        "some": pxt.Json[[Thing | None]] | None,
        "when": pxt.Date | None,
        "any": pxt.Json | None,
        "places": pxt.Json[[{"pos": pxt.Int}]] | None,
    }
    t = pxt.create_table(f"{ns}/t", schema)
    t.insert(ROWS)
    return t


def rows(view: pxt.Table, *names: str) -> list[tuple]:
    found = view.select(view.id, *(getattr(view, name) for name in names)).collect()
    return list(zip(*(found[name] for name in ("id", *names)), strict=True))


def types(view: pxt.Table, *names: str) -> list[str]:
    return [str(view.select(getattr(view, name)).schema[name]) for name in names]


def test_a_view_has_a_row_for_each_object_of_a_list_and_a_column_for_each_key(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(t.things))
    assert v.columns()[:3] == ["pos", "name", "n"]
    assert types(v, "pos", "name", "n") == ["Int", "String", "Int | None"]
    assert rows(v, "pos", "name", "n") == [(1, 0, "x", 1), (1, 1, "y", None)]
    t.insert(id=5, things=[{"name": "z", "n": 3}])
    assert rows(v, "name") == [(1, "x"), (1, "y"), (5, "z")]
    assert v.get_metadata()["iterator_call"] == "list_iterator(things)"


def test_lists_given_by_name_go_side_by_side(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(x=t.xs, y=t.ys))
    assert types(v, "x", "y") == ["Int", "String | None"]
    assert rows(v, "pos", "x", "y") == [(1, 0, 1, "a"), (1, 1, 2, "b")]
    assert v.get_metadata()["iterator_call"] == "list_iterator({'x': xs, 'y': ys})"


def test_lists_of_unequal_lengths_are_refused_with_their_lengths(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(x=t.xs, y=t.ys))
    with pytest.raises(pxt.RequestError, match=r"list_iterator\(.*unequal lengths: x has 1, y has 3.*mode='padded'"):
        t.insert([UNEQUAL])
    with pytest.raises(pxt.RequestError, match="x is null, y has 1"):
        t.insert(id=4, ys=["a"])
    assert t.insert([UNEQUAL], on_error="ignore").num_excs == 1
    assert rows(v, "x") == [(1, 1), (1, 2)]


def test_lists_are_cut_to_the_shortest(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(x=t.xs, y=t.ys, mode="truncated"))
    t.insert([UNEQUAL, {"id": 5, "ys": ["a"]}])
    assert rows(v, "x", "y") == [(1, 1, "a"), (1, 2, "b"), (4, 1, "a")]


def test_lists_are_filled_up_to_the_longest(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(x=t.xs, y=t.ys, mode="padded"))
    t.insert([UNEQUAL, {"id": 5, "ys": ["a"]}])
    assert types(v, "x", "y") == ["Int | None", "String | None"]
    assert rows(v, "x", "y") == [(1, 1, "a"), (1, 2, "b"), (4, 1, "a"), (4, None, "b"), (4, None, "c"), (5, None, "a")]


def test_other_lists_that_are_typed_will_do(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(part=t.pair))
    assert types(v, "part") == ["Json"]
    assert rows(v, "part") == [(1, 1), (1, "a"), (2, 2), (2, "b")]
    w = pxt.create_view(f"{ns}/w", t.where(t.id == 1), iterator=list_iterator(n=[1, 2], thing=t.things))
    assert types(w, "n", "thing") == ["Int", "Json[{'name': String, 'n': NotRequired[Int]}]"]
    assert rows(w, "n", "thing") == [(1, 1, {"name": "x", "n": 1}), (1, 2, {"name": "y"})]
    u = pxt.create_view(f"{ns}/u", t.where(t.id == 1), iterator=list_iterator(m=[t.id, None, 7], n=[1, "a", 2.5]))
    assert types(u, "m", "n") == ["Int | None", "Json"]
    assert rows(u, "m", "n") == [(1, 1, 1), (1, None, "a"), (1, 7, 2.5)]
    o = pxt.create_view(f"{ns}/o", t.where(t.id == 1), iterator=list_iterator(m=[t.any, 7]))
    assert (types(o, "m"), rows(o, "m")) == (["Json | None"], [(1, None), (1, 7)])
    x = pxt.create_view(f"{ns}/x", t.where(t.id == 1), iterator=list_iterator(m=words("to be")))
    assert (types(x, "m"), rows(x, "m")) == (["String"], [(1, "to"), (1, "be")])


@pxt.udf
def words(text: str) -> list[str]:
    return text.split()


def test_an_element_that_is_null_is_a_row_of_nulls(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=list_iterator(t.some))
    t.insert(id=5, some=[{"name": "a"}, None])
    assert types(v, "name") == ["String | None"]
    assert rows(v, "pos", "name") == [(5, 0, "a"), (5, 1, None)]


@pytest.mark.parametrize(
    ("call", "fact"),
    [
        pytest.param(lambda t: list_iterator(t.any), "`any` has type `Json | None`, which does not", id="untyped"),
        pytest.param(lambda t: list_iterator(a=t.any), "`any` has type `Json | None`, which does not", id="untyped, a"),
        pytest.param(lambda t: list_iterator(t.id), "`id` has type `Int`", id="no list"),
        pytest.param(lambda t: list_iterator(t.xs), "list_iterator(element=xs)", id="no objects"),
        pytest.param(lambda t: list_iterator(t.places), "`pos` is the place", id="pos"),
        pytest.param(lambda t: list_iterator(pos=t.xs), "`pos` is the place", id="pos, by name"),
        pytest.param(lambda t: list_iterator(a=[t.when, t.id]), "no column holds", id="nothing in common"),
        pytest.param(lambda t: list_iterator(t.things, a=t.xs), "not both", id="both"),
        pytest.param(lambda t: list_iterator(t.things, mode="padded"), "mode", id="mode of one list"),
        pytest.param(lambda _: list_iterator(), "takes a list", id="nothing"),
        pytest.param(lambda t: list_iterator(a=t.xs, mode="pad"), "'strict', 'truncated', 'padded'", id="mode"),
        pytest.param(lambda t: list_iterator(a=t.xs, mode=t.any), "'strict', 'truncated', 'padded'", id="mode, column"),
    ],
)
def test_what_is_no_typed_list_is_refused(t: pxt.Table, call: Any, fact: str) -> None:
    with pytest.raises(pxt.RequestError) as caught:
        call(t)
    assert fact in str(caught.value)
