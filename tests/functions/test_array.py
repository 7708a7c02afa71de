"""Functions on arrays."""

import math

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable.functions import array
from pixeltable.types.column_type import ArrayType, JsonType
from tests.udfs.columns import column


@pytest.mark.parametrize("column_type", [ArrayType(), ArrayType(True), ArrayType(True, (2, None), "float32")])
def test_to_list_is_a_method_of_arrays_of_all_kinds(column_type: ArrayType) -> None:
    call = column("a", column_type).to_list()
    assert call.call_function is array.to_list.spec
    assert call.col_type == JsonType(column_type.nullable)


@pytest.mark.parametrize(
    "value",
    [np.arange(6).reshape(2, 3), np.array(["a", "é"]), np.array([True, False]), np.zeros((0, 2)), np.array([0.5])],
    ids=str,
)
def test_items_as_nested_lists(value: np.ndarray, ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Array | None})
    t.insert([{"a": value}, {"a": None}])
    t.add_computed_column(items=t.a.to_list())
    assert t.select(t.items).collect()["items"] == [value.tolist(), None]


def test_a_list_is_json_that_paths_lead_into(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Array[(2, 2), pxt.Int]})
    t.insert(a=[[1, 2], [3, 4]])
    assert t.select(x=t.a.to_list()[1][0]).collect()["x"] == [3]


def test_what_json_lacks_fails_its_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Array[(1,), pxt.Float]})
    t.insert([{"a": np.array([math.nan], "float32")}, {"a": np.array([1.0], "float32")}])
    t.add_computed_column(items=t.a.to_list(), on_error="ignore")
    assert t.select(t.items).collect()["items"] == [None, [1.0]]
