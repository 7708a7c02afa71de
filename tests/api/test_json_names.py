"""Keys of Json are reached by their names, whatever else is called so within expressions."""

import pytest

import pixeltable as pxt

KEYS = ["name", "table", "column", "alias", "source", "steps", "args", "function", "value", "operand", "key", "items_"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_reached_by_its_name(ns: str, key: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert(j={key: {key: 1}})
    first = getattr(t.j, key)
    found = t.select(one=first, two=getattr(first, key)).collect()
    assert found[0] == {"one": {key: 1}, "two": 1}
