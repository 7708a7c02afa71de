"""Which names columns can have: all but those of the methods that every implementation of the API has."""

import pytest

import pixeltable as pxt


@pytest.mark.parametrize("name", ["tag", "at", "errors", "union", "usage", "alias", "stale", "explain", "branch"])
def test_a_column_may_have_the_name_of_an_extension(ns: str, name: str) -> None:
    t = pxt.create_table(f"{ns}/t", {name: pxt.Int})
    t.insert([{name: 1}, {name: 2}])
    assert t.where(getattr(t, name) > 1).select(t[name]).collect()[name] == [2]


def test_the_method_is_then_called_over_the_class(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "union": pxt.Int})
    t.insert(n=1, union=2)
    assert pxt.Table.union(t, t).count() == 2


@pytest.mark.parametrize("name", ["insert", "where", "history", "rename_column", "to_coco_dataset"])
def test_a_column_cannot_have_the_name_of_a_method(ns: str, name: str) -> None:
    with pytest.raises(pxt.RequestError, match=f"`table.{name}` is a part of every table"):
        pxt.create_table(f"{ns}/t", {name: pxt.Int})
