"""Calling functions: nulls are skipped, a row fails alone, and no row is called more often than it has to be."""

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pixeltable.exec.batch import Column
from pixeltable.exec.event_loop import EventLoop
from pixeltable.exprs.call import Call
from pixeltable.exprs.leaves import Literal
from pixeltable.func import Batch, udf
from pixeltable.types.column_type import ArrayType, IntType, StringType
from pixeltable.udfs.function import Function
from tests.exec.columns import column, context, evaluated

CALLS: list[Any] = []
X, N = column("x", IntType()), column("n", IntType(True))


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    CALLS.clear()


def invert(x: int) -> float:
    CALLS.append(x)
    return 1 / x


@udf
def plain(x: int) -> float:
    return invert(x)


@udf(batch_size=4)
def batched(x: Batch[int]) -> Batch[float]:
    CALLS.append(list(x))
    return [1 / value for value in x]


@udf
async def concurrent(x: int) -> float:
    await asyncio.sleep(0)
    return invert(x)


@udf(batch_size=4)
async def concurrent_batched(x: Batch[int]) -> Batch[float]:
    await asyncio.sleep(0)
    CALLS.append(list(x))
    return [1 / value for value in x]


KINDS = [plain, batched, concurrent, concurrent_batched]
each_kind = pytest.mark.parametrize("function", KINDS, ids=[function.name for function in KINDS])


def run(call: Call, *functions: Function, batch_size: int = 100, **columns: list[Any]) -> Column:
    return evaluated(call, columns, context(*functions, batch_size=batch_size))


@each_kind
def test_values_in_order(function: Function) -> None:
    assert run(function(X), function, x=[1, 2, 4, 5, 8]) == Column([1, 0.5, 0.25, 0.2, 0.125])


@each_kind
def test_no_rows(function: Function) -> None:
    assert run(function(X), function, x=[]) == Column([])
    assert CALLS == []


@each_kind
def test_null_is_skipped(function: Function) -> None:
    assert run(function(N), function, n=[None, 2, None, 4, None]) == Column([None, 0.5, None, 0.25, None])
    assert sorted(flat(CALLS)) == [2, 4]


@each_kind
def test_all_null(function: Function) -> None:
    assert run(function(N), function, n=[None, None]) == Column([None, None])
    assert CALLS == []


@each_kind
def test_a_row_fails_alone(function: Function) -> None:
    found = run(function(N), function, n=[1, 0, None, 2, 0, 4])
    assert found.values == [1, None, None, 0.5, None, 0.25]
    assert {row: failure.error.type for row, failure in found.failures.items()} == dict.fromkeys(
        [1, 4], "ZeroDivisionError"
    )
    assert found.failures[1].inputs == "0"
    assert isinstance(found.failures[1].exception, ZeroDivisionError)


@pytest.mark.parametrize("function", [plain, concurrent], ids=["plain", "concurrent"])
def test_each_row_is_called_once_whatever_fails(function: Function) -> None:
    run(function(X), function, x=[3, 0, 1, 0, 2])
    assert sorted(CALLS) == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("function", [batched, concurrent_batched], ids=["batched", "concurrent_batched"])
def test_a_failed_batch_is_halved_until_only_the_rows_at_fault_fail(function: Function) -> None:
    run(function(X), function, x=[1, 0, 2, 3, 4, 5])
    assert sorted(CALLS) == [[0], [1], [1, 0], [1, 0, 2, 3], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("batch_size", "calls"), [(100, [[1, 2, 3, 4], [5]]), (2, [[1, 2], [3, 4], [5]]), (1, [[1], [2], [3], [4], [5]])]
)
def test_the_smaller_batch_size_counts(batch_size: int, calls: list[list[int]]) -> None:
    run(batched(X), batched, batch_size=batch_size, x=[1, 2, 3, 4, 5])
    assert calls == CALLS


def flat(calls: list[Any]) -> list[Any]:
    return [value for call in calls for value in (call if isinstance(call, list) else [call])]


@udf
def positive(x: int) -> int:
    if x <= 0:
        raise ValueError("not positive")
    return x


@each_kind
def test_a_failed_argument_is_no_argument(function: Function) -> None:
    found = run(function(positive(X)), function, positive, x=[1, -1, 2])
    assert found.values == [1, None, 0.5]
    assert found.failures[1].error.message == "not positive"
    assert flat(CALLS) == [1, 2]


@udf(batch_size=4)
def short(x: Batch[int]) -> Batch[int]:
    return x[1:]


@udf(batch_size=4)
def nothing(x: Batch[int]) -> Batch[int]:  # noqa: ARG001
    return None  # type: ignore[return-value]  # what is tested


@pytest.mark.parametrize(
    ("function", "text"), [(short, "short() returned 2 values for a batch of 3"), (nothing, "not iterable")]
)
def test_wrong_number_of_results(function: Function, text: str) -> None:
    found = run(function(X), function, x=[1, 2, 3])
    assert found.values == [None] * 3
    assert all(text in failure.error.message for failure in found.failures.values())
    assert found.failures.keys() == {0, 1, 2}


@udf
def untrue(x: int) -> int:
    return {1: 1, 2: "two", 3: None, 4: True}[x]  # type: ignore[return-value]  # what is tested


def test_a_result_of_another_type_fails_its_cell() -> None:
    found = run(untrue(X), untrue, x=[1, 2, 3, 4, 1])
    assert found.values == [1, None, None, None, 1]
    assert {row: failure.error.message.partition("fit its type ")[2] for row, failure in found.failures.items()} == {
        1: "Int: expected an int, got str 'two'",
        2: "Int: expected a value, got None", 3: "Int: expected an int, got bool True",
    }  # fmt: skip


@udf
def as_float(x: int) -> float:
    return x


def test_results_take_the_form_of_their_type() -> None:
    assert [type(value) for value in run(as_float(X), as_float, x=[1, 2]).values] == [float, float]


@udf
def or_else(x: int, other: int | None) -> int | None:
    CALLS.append((x, other))
    return x if other is None else None


def test_only_a_parameter_that_takes_no_null_skips() -> None:
    found = evaluated(or_else(N, N), {"n": [1, None]}, context(or_else))
    assert found == Column([None, None])
    other = column("o", IntType(True))
    assert evaluated(or_else(N, other), {"n": [None, 2, 3], "o": [1, None, 4]}, context(or_else)).values == [
        None,
        2,
        None,
    ]
    assert CALLS == [(1, 1), (2, None), (3, 4)]


@udf
def constant() -> int:
    CALLS.append(())
    return 7


def test_a_function_without_parameters_is_called_for_every_row() -> None:
    assert evaluated(constant() + X, {"x": [1, 2]}, context(constant)).values == [8, 9]
    assert len(CALLS) == 2


@each_kind
def test_inside_a_running_event_loop(function: Function) -> None:
    async def main() -> Column:
        return run(function(X), function, x=[1, 2])

    assert asyncio.run(main()) == Column([1, 0.5])


def test_an_exception_crosses_from_the_thread_of_a_loop() -> None:
    async def fail() -> None:
        raise LookupError("inner")

    loop = EventLoop()
    with pytest.raises(LookupError, match="inner"):
        loop.run(fail())
    loop.close()


@udf
async def backwards(x: int) -> int:
    for _ in range(10 - x):
        await asyncio.sleep(0)
    CALLS.append(x)
    return x


def test_async_results_keep_the_order_of_rows() -> None:
    assert run(backwards(X), backwards, x=[1, 2, 3, 4]).values == [1, 2, 3, 4]
    assert CALLS == [4, 3, 2, 1]


ACTIVE = {"now": 0, "most": 0}


@udf
async def counted(x: int) -> int:
    ACTIVE["now"] += 1
    ACTIVE["most"] = max(ACTIVE.values())
    await asyncio.sleep(0)
    ACTIVE["now"] -= 1
    return x


def test_async_calls_under_way_are_bounded() -> None:
    rows = list(range(1000))
    assert run(counted(X), counted, x=rows).values == rows
    assert 1 < ACTIVE["most"] <= 256


@udf(batch_size=10)
def scaled(x: Batch[int], factor: int, *, offset: int = 0) -> Batch[int]:
    CALLS.append((list(x), factor, offset))
    return [value * factor + offset for value in x]


def test_rows_with_the_same_constants_share_a_call() -> None:
    factor = column("f", IntType())
    found = run(scaled(X, factor, offset=1), scaled, x=[1, 2, 3, 4, 5], f=[2, 2, 3, 2, 2])
    assert found.values == [3, 5, 10, 9, 11]
    assert CALLS == [([1, 2], 2, 1), ([3], 3, 1), ([4, 5], 2, 1)]


@udf(batch_size=10)
def weighed(x: Batch[int], weights: ArrayType(dtype="float64")) -> Batch[float]:  # type: ignore[valid-type]
    CALLS.append(len(x))
    return [value * weights.sum() for value in x]


def test_long_arrays_are_told_apart_as_constants() -> None:
    weights = np.zeros((3, 2000))
    weights[1, 1000] = 1e-9
    found = run(weighed(X, column("w", ArrayType(dtype="float64"))), weighed, x=[1, 1, 1], w=list(weights))
    assert found.values == [0, 1e-9, 0]
    assert CALLS == [1, 1, 1]


def versions() -> tuple[Function, Function]:
    """A function as it was recorded, and with another parameter in front and the others in another order."""

    def before(a: str, b: str) -> str:
        return a + b

    def after(new: str = "new", b: str = "", *, a: str) -> str:
        return f"{new} {a} {b}"

    return udf(before), udf(after)


def test_arguments_are_passed_by_name_after_a_reordering() -> None:
    recorded, live = versions()
    a, b = column("a", StringType()), column("b", StringType())
    call = Call(recorded.spec, (a, b), recorded.returns)
    within = context()
    found = evaluated(call, {"a": ["1", "3"], "b": ["2", "4"]}, replace(within, find=lambda _: live))
    assert found.values == ["new 1 2", "new 3 4"]


def test_a_parameter_that_became_batched_gets_lists() -> None:
    def before(x: int, factor: int) -> int:
        return x * factor

    call = Call(udf(before).spec, (X, Literal(3, IntType())), IntType())
    within = context()
    assert evaluated(call, {"x": [1, 2]}, replace(within, find=lambda _: scaled)).values == [3, 6]


def raising(error: type[BaseException]) -> list[Function]:
    def plainly(x: int) -> float:  # noqa: ARG001
        raise error

    async def later(x: int) -> float:  # noqa: ARG001
        raise error

    def in_batches(x: Batch[int]) -> Batch[float]:  # noqa: ARG001
        raise error

    return [udf(plainly), udf(later), udf(batch_size=2)(in_batches)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", [0, 1, 2], ids=["plain", "async", "batched"])
def test_what_ends_the_program_is_no_failure_of_a_cell(error: type[BaseException], kind: int) -> None:
    function = raising(error)[kind]
    with pytest.raises(error):
        run(function(X), function, x=[1, 2])


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, RecursionError, MemoryError, AssertionError])
@pytest.mark.parametrize("kind", [0, 1, 2], ids=["plain", "async", "batched"])
def test_other_exceptions_are(error: type[BaseException], kind: int) -> None:
    function = raising(error)[kind]
    assert run(function(X), function, x=[1, 2]).failures.keys() == {0, 1}


def test_equal_calls_are_made_once() -> None:
    found = evaluated(plain(X) + plain(X), {"x": [1, 2]}, context(plain))
    assert found.values == [2, 1]
    assert CALLS == [1, 2]
