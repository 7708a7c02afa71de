"""Calls in threads and processes give what the same calls give in the caller's thread."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exec.aside import Stops
from pixeltable.exec.calls import Invocation, prepare
from pixeltable.exec.engine import Engine
from pixeltable.exec.parallel_calls import batches_in_threads, in_processes, rows_in_threads
from pixeltable.exec.plain_calls import run_batches, run_rows
from pixeltable.func import Batch
from pixeltable.udfs.function import Function
from tests.exec import worker_functions as library
from tests.exec.columns import column
from tests.exec.worker_functions import summary


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.close()


@pxt.udf(batch_size=8, parallel="threads")
def tenths(x: Batch[int], by: int) -> Batch[int]:
    if 13 in x:
        raise ValueError("unlucky")
    return [value // by for value in x]


def calls(function: Function, *columns: Sequence[Any]) -> Invocation:
    """The calls of a function over its argument columns."""
    given = {p.name: column(p.name, p.type) for p in function.parameters[: len(columns)] if p.type is not None}
    return prepare(function, function(**given), columns, len(columns[0]))


NUMBERS = [*range(20), 0]


def test_rows_in_threads(engine: Engine) -> None:
    invocation = calls(library.reciprocal, NUMBERS)
    here = run_rows(invocation.calling.body, invocation)
    there = rows_in_threads(invocation, engine, Stops(), timeout_s=None)
    assert summary(there) == summary(here)
    assert (there[0].inputs, there[20].inputs) == (here[0].inputs, here[20].inputs)


def test_rows_in_processes(engine: Engine) -> None:
    invocation = calls(library.reciprocal, NUMBERS)
    here = run_rows(invocation.calling.body, invocation)
    there = in_processes(invocation, engine, Stops(), largest=100, timeout_s=None)
    assert summary(there) == summary(here)
    assert (there[0].inputs, there[20].inputs) == (here[0].inputs, here[20].inputs)


def test_keyword_only_parameters_in_processes(engine: Engine) -> None:
    invocation = calls(library.minus, [10, 20], [1, 2], [3, 4])
    assert in_processes(invocation, engine, Stops(), largest=100, timeout_s=None) == [6, 14]


@pytest.mark.parametrize("place", ["threads", "processes"])
def test_batches(place: str, engine: Engine) -> None:
    invocation = calls(tenths, NUMBERS, [2] * 10 + [5] * 11)
    here = run_batches(invocation, engine, largest=8)
    if place == "threads":
        there = batches_in_threads(invocation, engine, Stops(), largest=8, timeout_s=None)
    else:
        there = in_processes(invocation, engine, Stops(), largest=8, timeout_s=None)
    assert summary(there) == summary(here)
    assert there[13].inputs == here[13].inputs == "13, 5"


def test_batch_without_memory_makes_later_batches_smaller(engine: Engine) -> None:
    @pxt.udf(batch_size=8, parallel="threads")
    def greedy(x: Batch[int]) -> Batch[int]:
        if len(x) > 2:
            raise MemoryError
        return x

    invocation = calls(greedy, list(range(16)))
    assert batches_in_threads(invocation, engine, Stops(), largest=8, timeout_s=None) == list(range(16))
    assert engine.batch_limit(greedy.spec.path, 8) == 2


@pytest.mark.filterwarnings("ignore::pixeltable.exceptions.PixeltableWarning")
def test_function_with_a_timeout_alone_runs_row_by_row(engine: Engine) -> None:
    seen: list[int] = []
    gate = threading.Event()

    @pxt.udf(timeout_s=0.05)
    def slow(x: int) -> int:
        seen.append(x)
        if x == 2:
            gate.wait()
        return x

    found = rows_in_threads(calls(slow, list(range(5))), engine, Stops(), timeout_s=0.05)
    gate.set()
    assert summary(found) == [0, 1, "TimeoutError: slow() did not return within 0.05 s", 3, 4]
    assert seen == list(range(5))
