"""Many expressions over many batches give what row-by-row evaluation gives, within bounds, and end when told to."""

import asyncio
import datetime
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.exec import schedule
from pixeltable.exec.batch import Batch, Column, key_of
from pixeltable.exec.context import Context
from pixeltable.exec.memo import InFlight
from pixeltable.exec.schedule import Goal, evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, children_of, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.operators import Arithmetic
from pixeltable.func import Batch as Rows
from pixeltable.func import udf
from pixeltable.types.column_type import IntType
from pixeltable.udfs.function import Function
from tests.exec.columns import ENGINE, column
from tests.exec.remembered import Remembering

CALLS: list[tuple[str, int, int]] = []
X, Y = column("x", IntType(True)), replace(column("y", IntType(True)), ref_column=2)


def mixed(name: str, a: int, b: int) -> int:
    CALLS.append((name, a, b))
    return outcome(name, a, b)


def outcome(name: str, a: int, b: int) -> int:
    """What all functions compute, each in its own way; one row in seven fails."""
    result = (3 * a + 5 * b + len(name)) % 1000
    if result % 7 == 0:
        raise ValueError(f"{name}({a}, {b})")
    return result


@udf
def plain(a: int, b: int) -> int:
    return mixed("plain", a, b)


@udf(batch_size=3)
def batched(a: Rows[int], b: Rows[int]) -> Rows[int]:
    return [mixed("batched", *row) for row in zip(a, b, strict=True)]


@udf
async def concurrent(a: int, b: int) -> int:
    await asyncio.sleep(a % 3 * 0.0005)
    return mixed("concurrent", a, b)


@udf(batch_size=2)
async def concurrent_batched(a: Rows[int], b: Rows[int]) -> Rows[int]:
    await asyncio.sleep(0)
    return [mixed("concurrent_batched", *row) for row in zip(a, b, strict=True)]


@udf(parallel="threads")
def threaded(a: int, b: int) -> int:
    return mixed("threaded", a, b)


@udf(memo=True)
def kept(a: int, b: int) -> int:
    return mixed("kept", a, b)


@udf(memo=True)
async def kept_concurrent(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return mixed("kept_concurrent", a, b)


ONCE_A_ROW = {function.name: function for function in (plain, concurrent, threaded)}
AT_LEAST_ONCE = {function.name: function for function in (batched, concurrent_batched)}
AT_MOST_ONCE = {function.name: function for function in (kept, kept_concurrent)}
FUNCTIONS = ONCE_A_ROW | AT_LEAST_ONCE | AT_MOST_ONCE


def within(*functions: Function) -> Context:
    known = {function.spec.path: function for function in (*FUNCTIONS.values(), *functions)}
    memo: Any = Remembering()
    return Context(
        datetime.UTC, lambda spec: known[spec.path], 100, ENGINE, tally=Tally(), memo=memo, in_flight=InFlight()
    )


@st.composite
def graphs(draw: st.DrawFn) -> list[Expr]:
    """Expressions that share parts."""
    nodes: list[Expr] = [X, Y]
    for _ in range(draw(st.integers(1, 7))):
        left, right = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        name = draw(st.sampled_from([*FUNCTIONS, "+", "-"]))
        nodes.append(FUNCTIONS[name](left, right) if name in FUNCTIONS else Arithmetic(name, left, right))
    return draw(st.lists(st.sampled_from(nodes[2:]), min_size=1, max_size=3))


cells = st.none() | st.integers(-20, 20)
row_batches = st.lists(st.lists(st.tuples(cells, cells), max_size=8), max_size=5)


class Naive:
    """Evaluation of one row, one node after the other."""

    def __init__(self, row: Sequence[int | None]) -> None:
        self.row = dict(zip((structure(X), structure(Y)), row, strict=True))
        self.calls: list[tuple[str, int, int]] = []
        self._known: dict[Any, Any] = {}

    def value(self, node: Expr) -> Any:
        key = structure(node)
        if key not in self._known:
            self._known[key] = self.row[key] if isinstance(node, ColumnRef) else self._computed(node)
        return self._known[key]

    def _computed(self, node: Expr) -> Any:
        inputs = [self.value(child) for child in children_of(node)]
        failed = [value for value in inputs if isinstance(value, ValueError)]
        if failed:
            return failed[0]
        if None in inputs:
            return None
        if isinstance(node, Arithmetic):
            return inputs[0] + inputs[1] if node.op == "+" else inputs[0] - inputs[1]
        assert isinstance(node, Call)
        self.calls.append((node.call_function.name, *inputs))
        try:
            return outcome(node.call_function.name, *inputs)
        except ValueError as error:
            return error


def batch_of(rows: Sequence[tuple[int | None, int | None]]) -> Batch:
    batch = Batch(len(rows))
    batch.put(X, Column([x for x, _ in rows]))
    batch.put(Y, Column([y for _, y in rows]))
    return batch


def found_cell(batch: Batch, goal: Goal, row: int) -> Any:
    found = batch.column(goal.key)
    assert found is not None
    return str(found.failures[row].exception) if row in found.failures else found.values[row]


@given(graphs(), row_batches)
def test_the_same_as_row_by_row(exprs: list[Expr], batches: list[list[tuple[int | None, int | None]]]) -> None:
    CALLS.clear()
    context = within()
    goals = [Goal(expr, key_of(expr), context) for expr in exprs]
    given_batches = [batch_of(rows) for rows in batches]
    wanted_calls: Counter[tuple[str, int, int]] = Counter()
    for given_batch, rows, batch in zip(given_batches, batches, evaluate_batches(given_batches, goals), strict=True):
        assert batch is given_batch
        for place, row in enumerate(rows):
            naive = Naive(row)
            for goal in goals:
                wanted = naive.value(goal.expr)
                assert found_cell(batch, goal, place) == (str(wanted) if isinstance(wanted, ValueError) else wanted)
            wanted_calls.update(naive.calls)
    check_calls(Counter(CALLS), wanted_calls)


def check_calls(made: Counter[Any], wanted: Counter[Any]) -> None:
    assert made.keys() == wanted.keys()
    for call, count in wanted.items():
        if call[0] in ONCE_A_ROW:
            assert made[call] == count, call
        if call[0] in AT_MOST_ONCE:
            failing = outcome_fails(*call)
            assert made[call] <= (count if failing else 1), call


def outcome_fails(name: str, a: int, b: int) -> bool:
    try:
        outcome(name, a, b)
    except ValueError:
        return True
    return False


class Gate:
    """An async function that ends when it is told to, and what can be seen of it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.started = 0
        self.cancelled = 0

    async def wait(self) -> None:
        self.started += 1
        try:
            while not self.open.is_set():  # noqa: ASYNC110  # tests open it from other threads
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


GATE = Gate()


@udf
async def gated(x: int) -> int:
    await GATE.wait()
    return x


@pytest.fixture
def gate() -> Iterator[Gate]:
    global GATE
    GATE = Gate()
    yield GATE
    GATE.open.set()


class Source:
    """Endless batches, counted."""

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self.given = 0
        self.closed = False
        self._make = make

    def batches(self) -> Iterator[Batch]:
        try:
            while True:
                self.given += 1
                if self.given > 100_000:
                    raise AssertionError("the source is read without bound")
                yield self._make(self.given)
        finally:
            self.closed = True


def numbers(count: int) -> Callable[[int], Batch]:
    def make(first: int) -> Batch:
        batch = Batch(count)
        batch.put(X, Column(list(range(first, first + count))))
        return batch

    return make


def open_soon(gate: Gate) -> None:
    """Open the gate when the scheduler had every chance to read too much."""
    threading.Timer(0.3, gate.open.set).start()


def goal_of(function: Function) -> Goal:
    expr = function(X)
    return Goal(expr, key_of(expr), within(function))


@pytest.mark.parametrize("rows", [1000, 64, 1])
def test_no_more_rows_than_the_bound_are_under_way(gate: Gate, rows: int) -> None:
    source = Source(numbers(rows))
    open_soon(gate)
    with closing(evaluate_batches(source.batches(), [goal_of(gated)])) as batches:
        next(batches)
        assert source.given * rows <= schedule._ROWS_UNDER_WAY + rows  # noqa: SLF001  # the bound


def test_no_more_bytes_than_the_bound_are_under_way(gate: Gate) -> None:
    array = np.zeros(2**20, dtype=np.uint8)
    big = replace(column("big", IntType()), ref_column=3)

    def make(_: int) -> Batch:
        batch = Batch(4)
        batch.put(X, Column([1, 2, 3, 4]))
        batch.put(big, Column([array] * 4))
        return batch

    source = Source(make)
    open_soon(gate)
    with closing(evaluate_batches(source.batches(), [goal_of(gated)])) as batches:
        next(batches)
    assert source.given * 4 * 2**20 <= schedule._BYTES_UNDER_WAY + 4 * 2**20  # noqa: SLF001  # the bound


@udf(parallel="threads")
def gated_thread(x: int) -> int:
    GATE.open.wait(20)
    return x


def test_tiny_batches_do_not_each_take_a_thread(gate: Gate) -> None:
    """A thread waits for each batch of a function that runs in threads; there are a few hundred at most."""
    source = Source(numbers(1))
    before = threading.active_count()
    most = []

    def look() -> None:
        most.append(threading.active_count() - before)
        gate.open.set()

    threading.Timer(0.7, look).start()
    with closing(evaluate_batches(source.batches(), [goal_of(gated_thread)])) as batches:
        next(batches)
    assert most[0] < 400


def test_closing_early_cancels_what_runs_and_closes_the_source(gate: Gate) -> None:
    source = Source(numbers(1))

    @udf
    async def first_ends(x: int) -> int:
        if x > 1:
            await GATE.wait()
        while not GATE.started:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.001)
        return x

    with closing(evaluate_batches(source.batches(), [goal_of(first_ends)])) as found:
        next(found)
    assert source.closed
    wait_until(lambda: gate.started == gate.cancelled)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not happen")


def test_an_error_of_the_source_cancels_what_runs(gate: Gate) -> None:
    def broken() -> Iterator[Batch]:
        yield numbers(5)(1)
        wait_until(lambda: gate.started == 5)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(evaluate_batches(broken(), [goal_of(gated)]))
    wait_until(lambda: gate.cancelled == 5)


def test_a_batch_that_waits_does_not_hold_up_later_ones(gate: Gate) -> None:
    """Later batches are computed while the first one waits, which still comes first."""
    late: list[int] = []

    @udf
    async def first_waits(x: int) -> int:
        if x == 0:
            await GATE.wait()
        else:
            late.append(x)
            if len(late) == 3:
                GATE.open.set()
        return x

    batches = [numbers(1)(n) for n in range(4)]
    goal = goal_of(first_waits)
    found = [found_cell(batch, goal, 0) for batch in evaluate_batches(batches, [goal])]
    assert found == [0, 1, 2, 3]
    assert gate.open.is_set()


RUNNING: list[int] = []
TOGETHER: list[int] = []


def alone(x: int) -> int:
    """Notes where two of its calls run at a time."""
    RUNNING.append(x)
    threading.Event().wait(0.001)
    if len(RUNNING) > 1:
        TOGETHER.append(x)
    RUNNING.clear()
    return x


@udf(timeout_s=60)
def alone_in_time(x: int) -> int:
    return alone(x)


@udf(timeout_s=60, batch_size=4)
def alone_in_time_batched(x: Rows[int]) -> Rows[int]:
    return [alone(value) for value in x]


@pytest.mark.parametrize("function", [alone_in_time, alone_in_time_batched], ids=lambda function: function.name)
def test_without_parallel_calls_follow_one_another(function: Function) -> None:
    """Also where there is a timeout, for which they run in other threads, and several batches are under way."""
    TOGETHER.clear()
    list(evaluate_batches([numbers(8)(n) for n in range(20)], [goal_of(function)]))
    assert not TOGETHER


def test_batches_of_a_function_in_threads_are_done_in_their_order() -> None:
    """So that what is done can be written, while later batches wait."""
    order: list[int] = []
    all_begun = threading.Event()

    @udf(parallel="threads")
    def noted(x: int) -> int:
        all_begun.wait()
        threading.Event().wait(0.0005)
        order.append(x)
        return x

    def batches() -> Iterator[Batch]:
        yield from (numbers(50)(n * 50) for n in range(20))
        all_begun.set()

    list(evaluate_batches(batches(), [goal_of(noted)]))
    late = sum(abs(place - x) > 200 for place, x in enumerate(order))
    assert late < 100
