"""Values of tens of megabytes go through insert, computed columns and queries as small ones do."""

from typing import Any

import numpy as np
import pytest

import pixeltable as pxt

pytestmark = pytest.mark.slow
MEGABYTE = 2**20


@pxt.udf
def megabytes(array: pxt.Array[np.float32]) -> float:
    return array.nbytes / MEGABYTE


@pxt.udf
def doubled(array: pxt.Array[(None, None), np.float32]) -> pxt.Array[(None, None), np.float32]:
    return array * 2


def test_a_large_array(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Array[(None, None), np.float32]})
    value = np.random.default_rng(0).random((5 * 1024, 1024), np.float32)
    t.insert([{"a": value}, {"a": value[:1]}])
    t.add_computed_column(size=megabytes(t.a))
    t.add_computed_column(more=doubled(t.a))
    rows = t.collect()
    assert rows["size"] == [20.0, 1 / 256]
    np.testing.assert_array_equal(rows["a"][0], value)
    np.testing.assert_array_equal(rows["more"][0], value * 2)
    assert t.select(x=t.a[5000, 7]).collect()["x"][0] == value[5000, 7]


def large_list() -> list[Any]:
    """About 20 MB of JSON text."""
    return [{"name": f"part {n} ä\n", "values": [n, n / 8, None, True]} for n in range(350_000)]


@pytest.mark.parametrize(
    "form", [pxt.Json, pxt.Json[[{"name": str, "values": (int, float, pxt.Json | None, bool)}]]], ids=["open", "typed"]
)
def test_a_large_json_value(ns: str, form: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": form})
    value = large_list()
    t.insert([{"j": value}, {"j": []}])
    t.add_computed_column(last=t.j[-1].name)
    rows = t.collect()
    assert rows["last"] == ["part 349999 ä\n", None]
    assert rows["j"] == [value, []]


def test_a_large_text_within_json(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json[{"text": str}]})
    value = 'x\\\n"ä' * (4 * MEGABYTE)
    t.insert(j={"text": value})
    assert t.select(n=t.j.text.len()).collect()["n"] == [len(value)]
    assert t.collect()["j"] == [{"text": value}]


@pytest.mark.parametrize("form", [pxt.Binary, pxt.String])
def test_large_bytes_and_text(ns: str, form: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": form})
    value = bytes(range(256)) * (80 * 1024) if form is pxt.Binary else "abc\t\\N ä" * (3 * MEGABYTE)
    t.insert([{"v": value}, {"v": value[:1]}])
    assert t.collect()["v"] == [value, value[:1]]
