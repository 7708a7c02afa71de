"""The functions on numbers: types, edges and failures; what agrees with SQL is in `tests/plan`."""

import fractions
import math as standard_math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exceptions import TypeMismatch
from pixeltable.functions import math
from pixeltable.types.column_type import FloatType, IntType, JsonType, StringType
from pixeltable.udfs.function import Function
from tests.udfs.columns import column

I, X = column("i", IntType()), column("x", FloatType())  # noqa: E741  # the names of the columns
SAME_TYPE = ["abs", "ceil", "floor", "round"]
ALWAYS_FLOAT = ["exp", "log", "log10", "sqrt"]
OF_BITS = ["bitwise_and", "bitwise_or", "bitwise_xor"]


@pytest.mark.parametrize("name", SAME_TYPE)
def test_a_number_keeps_its_type(name: str) -> None:
    assert getattr(I, name)().col_type == IntType()
    assert getattr(X, name)().col_type == FloatType()


@pytest.mark.parametrize("name", ALWAYS_FLOAT)
def test_result_is_a_float(name: str) -> None:
    assert getattr(I, name)().col_type == getattr(X, name)().col_type == FloatType()


@pytest.mark.parametrize("name", OF_BITS)
def test_bits_are_those_of_ints(name: str) -> None:
    assert getattr(I, name)(3).col_type == IntType()
    with pytest.raises(TypeMismatch):
        getattr(math, name)(X, 3)


def test_powers_and_conversions() -> None:
    assert I.pow(2).col_type == X.pow(I).col_type == FloatType()
    assert (X.to_int().col_type, I.to_float().col_type) == (IntType(), FloatType())


def test_null_in_null_out() -> None:
    assert math.sqrt(column("x", FloatType(True))).col_type == FloatType(True)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_rounding_is_to_the_nearest_and_to_the_even_one_of_two(x: float) -> None:
    rounded = math.round.body(x)
    assert rounded.is_integer()
    distance = abs(fractions.Fraction(rounded) - fractions.Fraction(x))
    assert distance <= fractions.Fraction(1, 2)
    assert distance < fractions.Fraction(1, 2) or rounded % 2 == 0
    assert standard_math.copysign(1, rounded) == standard_math.copysign(1, x)


@given(finite)
def test_floor_and_ceil_enclose(x: float) -> None:
    low, high = math.floor.body(x), math.ceil.body(x)
    assert low <= x <= high
    assert high - low == (0 if x.is_integer() else 1)


@pytest.mark.parametrize("name", ["ceil", "floor", "round"])
@pytest.mark.parametrize("x", [standard_math.inf, -standard_math.inf, standard_math.nan])
def test_what_is_no_number_stays_as_it_is(name: str, x: float) -> None:
    assert repr(getattr(math, name).body(x)) == repr(x)


@pytest.mark.parametrize(
    ("x", "digits", "expected"),
    [
        (25, -1, 20),
        (35, -1, 40),
        (7, 3, 7),
        (7, -(10**12), 0),
        (2**63 - 1, -(2**62), 0),
        (2.5, 0, 2.0),
        (0.125, 2, 0.12),
    ],
)
def test_round_to_digits(x: Any, digits: int, expected: Any) -> None:
    found = math.round.body(x, digits)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        (math.sqrt, (-1.0,), ValueError), (math.log, (0,), ValueError), (math.log10, (-1,), ValueError),
        (math.pow, (-8.0, 0.5), ValueError), (math.pow, (0.0, -1.0), ValueError),
        (math.pow, (10.0, 999.0), OverflowError), (math.exp, (1e3,), OverflowError),
        (math.to_int, (standard_math.nan,), ValueError),
        (math.to_int, (standard_math.inf,), OverflowError),
    ],
)  # fmt: skip
def test_a_number_out_of_the_domain_fails(function: Function, args: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        function.body(*args)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"i": pxt.Int, "x": pxt.Float, "j": pxt.Json})
    table.insert([{"i": -25, "x": 6.25, "j": {"n": -2.5}}, {"i": 4, "x": -1.0, "j": {"n": 3}}])
    return table


def test_a_cell_out_of_the_domain_fails_alone(t: pxt.Table) -> None:
    t.add_computed_column(root=t.x.sqrt(), on_error="ignore")
    found = t.select(t.root, t.root.errortype).collect()
    assert (found["root"], found["root_errortype"]) == ([2.5, None], [None, "ValueError"])


def test_a_query_out_of_the_domain_says_so_as_python_does(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"sqrt\(x\).*ValueError"):
        t.select(t.x.sqrt()).collect()
    assert t.where(t.x > 0).select(r=t.x.sqrt()).collect()["r"] == [2.5]


def test_abs_and_round_of_python(t: pxt.Table) -> None:
    found = t.select(a=abs(t.i), b=round(t.i, -1), c=round(t.x), d=round(t.x, 1), e=abs(t.i + t.x)).collect()
    assert list(found[0].values()) == [25, -20, 6.0, 6.2, 18.75]


def test_abs_and_round_of_json_are_of_what_it_holds(t: pxt.Table) -> None:
    assert abs(t.j.n).col_type == JsonType(True)
    assert t.select(a=abs(t.j.n), b=round(t.j.n), c=round(t.j.n, 1)).collect()["a"] == [2.5, 3]
    with pytest.raises(pxt.RequestError, match="expected a number, got dict"):
        t.select(abs(t.j)).collect()


def test_abs_of_text_is_refused() -> None:
    with pytest.raises(pxt.RequestError):
        abs(column("s", StringType()))
