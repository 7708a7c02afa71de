"""Keys of Json are reached by their names, whatever else is called so within expressions."""

from collections.abc import Callable

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf

KEYS = [
    "alias", "args", "ascending", "children", "column", "constants", "equals", "frame", "function", "items_", "key",
    "list", "name", "op", "operand", "outer", "parameters", "path", "precedence", "query", "result", "scalar", "source",
    "steps", "table", "target", "tools", "type", "use", "value", "walk",
]  # fmt: skip


@pxt.udf
def wrapped(j: pxt.Json) -> pxt.Json:
    return j


@pxt.uda
class newest(pxt.Aggregator):
    def __init__(self) -> None:
        self.found: pxt.Json = None

    def update(self, j: pxt.Json) -> None:
        self.found = j

    def value(self) -> pxt.Json:
        return self.found


SOURCES: dict[str, Callable[[pxt.Table], object]] = {
    "column": lambda t: t.j,
    "path": lambda t: t.outer.inner,
    "function": lambda t: wrapped(t.j),
    "method": lambda t: t.j.merge({}),
    "conversion": lambda t: t.s.astype(pxt.Json),
    "aggregate": lambda t: newest(t.j),
    "aggregate of the library": lambda t: pxtf.make_list(t.j)[0],
    "map": lambda t: t.lists.map(lambda x: x)[0],
    "filter": lambda t: t.lists.filter(lambda x: x != 1)[0],
    "sort": lambda t: t.lists.sort()[0],
}


@pytest.mark.parametrize("source", SOURCES)
def test_keys_are_reached_by_their_names(ns: str, source: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.Json, "j": pxt.Json, "outer": pxt.Json, "lists": pxt.Json})
    j = {key: {key: 1} for key in KEYS}
    t.insert(n=1, s=j, j=j, outer={"inner": j}, lists=[j])
    found = SOURCES[source](t)
    keys = {f"one_{key}": getattr(found, key) for key in KEYS}
    keys |= {f"two_{key}": getattr(getattr(found, key), key) for key in KEYS}
    (row,) = t.select(**keys).collect()
    assert row == {f"one_{key}": {key: 1} for key in KEYS} | {f"two_{key}": 1 for key in KEYS}


def test_keys_of_elements_are_reached_by_their_names(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"lists": pxt.Json})
    t.insert(lists=[dict.fromkeys(KEYS, 1)])
    for key in KEYS:
        assert t.select(x=t.lists.map(lambda x, key=key: getattr(x, key))).collect()["x"] == [[1]]


def test_keys_of_the_rows_of_a_query_are_reached_by_their_names(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": pxt.Json})
    t.insert(n=1, j={"args": 1, "type": 2})

    @pxt.query
    def rows(n: int) -> pxt.Query:
        return t.where(t.n == n).select(args=t.j.args, type=t.j.type, table=t.n)

    found = rows(t.n)
    assert t.select(x=found["*"].args, y=found[0].type, z=found[0].table).collect()[0] == {"x": [1], "y": 2, "z": 1}
    assert [str(getattr(found, key)) for key in KEYS] == [f"rows(n).{key}" for key in KEYS]
