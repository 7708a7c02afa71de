"""`@udf(substitute_fn=...)`: one function says what is taken and returned, another one runs."""

import functools
import math
import operator
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidArgument
from pixeltable.func import Batch
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import Function
from pixeltable.udfs.registry import find
from tests.udfs import library

T = TypeVar("T", str, int)


def declared(substitute: Any) -> Function:
    @udf(substitute_fn=substitute)
    def power(base: int, exponent: int = 2) -> int:  # noqa: ARG001  # it only declares
        """A power of the base."""
        raise AssertionError

    return power


def backwards(a: int, b: int) -> int:
    return b**a


async def later(a: int, b: int) -> int:
    return a**b


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, a: int, b: int) -> int:
        return self.factor * a**b

    def twice(self, a: int, b: int) -> int:
        return 2 * self(a, b)


def scaled_by(factor: int) -> Callable[[int, int], int]:
    return lambda a, b: factor * a**b


def of_one(a: int) -> int:
    return a


def named_only(a: int, *, c: int) -> int:
    return a + c


def yielding(a: int, b: int) -> Iterator[int]:
    yield a + b


@pytest.mark.parametrize("substitute", [pow, math.pow, operator.pow, int.__pow__, Scaled(1)])
def test_name_signature_and_docstring_are_of_the_declared_function(substitute: Any) -> None:
    power = declared(substitute)
    assert power.help_str() == "power(base: Int, exponent: Int = 2) -> Int\n\nA power of the base."
    assert (power.name, power.kind, str(power(3))) == ("power", "plain", "power(3)")


@pytest.mark.parametrize(
    ("substitute", "expected"),
    [
        pytest.param(pow, 8, id="built in"),
        pytest.param(backwards, 9, id="other names"),
        pytest.param(functools.partial(Scaled(10)), 80, id="partial"),
        pytest.param(Scaled(2), 16, id="object"),
        pytest.param(udf(backwards), 9, id="another udf"),
    ],
)
def test_arguments_are_given_by_place(substitute: Any, expected: int) -> None:
    assert declared(substitute).body(2, 3) == declared(substitute).body(base=2, exponent=3) == expected


def test_argument_that_is_left_out_is_the_declared_default() -> None:
    assert declared(pow).body(5) == 25


def test_keyword_only_arguments_are_given_by_name() -> None:
    @udf(substitute_fn=named_only)
    def total(a: int, *, c: int = 4) -> int: ...

    assert (total.body(1), total.body(1, c=2)) == (5, 3)


def test_substitute_decides_how_it_is_run() -> None:
    assert declared(later).kind == "async"


def test_batches_are_given_as_they_are() -> None:
    @udf(batch_size=4, substitute_fn=sorted)
    def in_order(xs: Batch[int]) -> Batch[int]: ...

    assert (in_order.kind, in_order.body([3, 1, 2])) == ("batched", [1, 2, 3])


def test_every_signature_of_type_variables_runs_it() -> None:
    @udf(substitute_fn=operator.add, type_substitutions=({T: str}, {T: int}))
    def plus(a: T, b: T) -> T: ...

    assert [signature.body(*pair) for signature, pair in zip(plus.overloads, [("a", "b"), (1, 2)], strict=True)] == [
        "ab",
        3,
    ]


@pytest.mark.parametrize(
    ("substitute", "message"),
    [
        pytest.param(3, "must be callable, got int 3", id="not callable"),
        pytest.param(of_one, "too many positional arguments", id="takes fewer"),
        pytest.param(named_only, "too many positional arguments", id="takes by name"),
        pytest.param(yielding, "yields values", id="generator"),
    ],
)
def test_what_cannot_run_in_its_place_is_refused(substitute: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        declared(substitute)


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((pow, operator.mul), id="built in"),
        pytest.param((backwards, lambda a, b: a - b), id="source"),
        pytest.param((Scaled(1), Scaled(2)), id="object"),
        pytest.param((Scaled(1).__call__, Scaled(2).__call__), id="method of objects"),
        pytest.param((Scaled(1).twice, Scaled(1).__call__), id="methods"),
        pytest.param((complex, divmod), id="class"),
        pytest.param((functools.partial(pow, mod=5), functools.partial(pow, mod=7)), id="partial"),
    ],
)
def test_another_substitute_is_other_code(others: tuple[Any, Any]) -> None:
    specs = [declared(substitute).spec for substitute in (*others, *others)]
    assert specs[0].code == specs[2].code != specs[1].code == specs[3].code
    assert specs[0].path == specs[2].path != specs[1].path


def test_declared_functions_with_captured_data_are_told_apart() -> None:
    one, two = (declared(scaled_by(factor)).spec for factor in (1, 2))
    assert (one.code == two.code, one.path == two.path) == (True, False)


def test_of_a_module_is_found_by_the_path_of_what_is_declared() -> None:
    assert library.common.spec.path == "tests.udfs.library.common"
    assert find("tests.udfs.library.common") is library.common


PROGRAM = """
import math
import pixeltable as pxt
from tests.udfs.library import common

@pxt.udf(substitute_fn=math.copysign)
def signed(size: float, sign: float) -> float: ...

t = pxt.create_table("{ns}/t", {{"x": pxt.Int}})
t.add_computed_column(common=common(t.x))
t.add_computed_column(signed=signed(1.5, t.x))
"""


@pytest.mark.slow
def test_another_process_runs_the_same_substitute(ns: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(ns=ns)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    table = pxt.get_table(f"{ns}/t")
    table.insert([{"x": 8}, {"x": -9}])
    rows = table.collect()
    assert (rows["common"], rows["signed"]) == ([4, 3], [1.5, -1.5])
