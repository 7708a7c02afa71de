"""Parts of arrays, and arrays of expressions."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.exprs.expr import Expr
from pixeltable.types.column_type import ArrayType, FloatType, IntType, fits
from tests.engines import RAISED, run_in_python
from tests.exec.columns import column

pytestmark = pytest.mark.usefixtures("session_settings")  # also where no table is needed

bounds = st.none() | st.integers(-6, 6)
slices = st.builds(slice, bounds, bounds, st.none() | st.integers(-3, 3).filter(bool))
indexes = st.lists(st.integers(-6, 6) | slices, min_size=1, max_size=3).map(tuple)
shapes = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)
DTYPES = ["float32", "int64", "bool", "uint8", "float64"]


@given(st.data(), indexes, st.sampled_from(DTYPES))
def test_a_part_is_what_numpy_says_and_of_the_type_that_was_derived(data: Any, index: Any, dtype: str) -> None:
    value = data.draw(arrays.arrays(dtype, shapes, elements={"allow_nan": False} if "float" in dtype else None))
    known = tuple(data.draw(st.sampled_from([None, length])) for length in value.shape)
    expected = taken(value, index)
    try:
        expr = column("a", ArrayType(True, known, dtype))[index]
    except RequestError:
        assert expected is None  # out of range where that shows
        return
    (found,) = run_in_python(expr, [{"a": value}])
    assert found is None if expected is None else np.array_equal(found, expected)
    if isinstance(expr.col_type, ArrayType) and found is not None:
        assert expr.col_type.dtype == found.dtype.name
        assert fits(found.shape, expr.col_type.shape)
    elif found is not None:
        assert type(found) is {"b": bool, "f": float}.get(value.dtype.kind, int)


def taken(value: np.ndarray, index: Any) -> Any:
    try:
        return value[index]
    except IndexError:
        return None


def test_without_known_dimensions_a_single_item_is_an_array_without_any() -> None:
    (found,) = run_in_python(column("a", ArrayType())[1], [{"a": np.array([1, 2])}])
    assert (found.shape, found.dtype, found.item()) == ((), np.dtype("int64"), 2)
    (found,) = run_in_python(column("a", ArrayType(shape=(None,)))[1], [{"a": np.array(["é", "ab"])}])
    assert found == "ab"


def test_parts_are_stored_with_their_types(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Array[(3, 4), pxt.Float], "w": pxt.Array[(None,), pxt.String] | None})
    t.insert([{"a": np.arange(12, dtype="float32").reshape(3, 4), "w": ["x", "é"]}, {"a": np.zeros((3, 4), "float32")}])
    t.add_computed_column(middle=t.a[:, 1:3])
    t.add_computed_column(last=t.a[-1, -1])
    t.add_computed_column(word=t.w[1].upper())
    assert [str(t.middle.col_type), str(t.last.col_type), str(t.word.col_type)] == [
        "Array[(3, 2), float32]", "Float | None", "String | None",
    ]  # fmt: skip
    assert t.select(t.last, t.word).collect()["word"] == ["É", None]
    assert t.where(t.last > 10).count() == 1
    assert t.collect()["middle"][0].tolist() == [[1, 2], [5, 6], [9, 10]]


def test_arrays_of_expressions(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"i": pxt.Int | None, "x": pxt.Float, "s": pxt.String})
    t.insert([{"i": 1, "x": 0.5, "s": "é"}, {"i": None, "x": -0.0, "s": ""}])
    t.add_computed_column(v=pxt.array([t.x, t.i, 2]))
    t.add_computed_column(w=pxt.array([[t.s, "bb"], ["c", t.s]]))
    found = t.collect()
    assert found["v"][0].tolist() == [0.5, 1.0, 2.0]
    assert found["v"][1] is None
    assert found["w"][0].tolist() == [["é", "bb"], ["c", "é"]]
    assert [str(t.v.col_type), str(t.w.col_type)] == ["Array[(3,), float32] | None", "Array[(2, 2), str]"]
    (stacked,) = t.where(t.i == 1).select(a=pxt.array([t.v, t.v[::-1]])).collect()["a"]
    assert stacked.tolist() == [[0.5, 1.0, 2.0], [2.0, 1.0, 0.5]]


@given(st.lists(st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(width=32)), min_size=1))
def test_an_array_of_items_is_null_where_one_is(rows: list[tuple[Any, Any]]) -> None:
    i, x = column("i", IntType(True)), column("x", FloatType(True))
    columns = [{"i": i, "x": x} for i, x in rows]
    ints, floats = run_in_python(pxt.array([i, 1]), columns), run_in_python(pxt.array([x, 1]), columns)
    for (number, decimal), whole, real in zip(rows, ints, floats, strict=True):
        assert whole is None if number is None else whole.tolist() == [number, 1]
        assert real is None if decimal is None else np.array_equal(real, np.float32([decimal, 1]), equal_nan=True)


@pytest.mark.parametrize(("shape", "fails"), [((2,), False), ((3,), True)])
def test_arrays_whose_shapes_turn_out_to_differ_fail_their_cell(shape: tuple[int, ...], fails: bool) -> None:
    a, b = (column(name, ArrayType(shape=(None,), dtype="int64")) for name in "ab")
    (found,) = run_in_python(pxt.array([a, b]), [{"a": np.zeros(2, "int64"), "b": np.zeros(shape, "int64")}])
    assert (found is RAISED) == fails


def test_a_float_beyond_32_bits_fails_its_cell() -> None:
    assert run_in_python(pxt.array([column("x", FloatType())]), [{"x": 1e300}]) == [RAISED]


def test_plain_arrays() -> None:
    for values, dtype in itertools.product([[1, 2], (1, 2)], ["int64"]):
        assert plain(pxt.array(values)).dtype == dtype
    assert plain(pxt.array([[1, 2.5], [3, 4]])).dtype == "float32"
    assert plain(pxt.array(np.ones(2))).dtype == "float64"


def plain(expr: Expr) -> Any:
    return expr.value
