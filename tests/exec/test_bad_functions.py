"""Functions that misbehave, in every lane: their rows fail, with an error that says why; the others, and what comes
after, go on."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pixeltable.exceptions import Error, InvalidState, PixeltableWarning, Unsupported
from pixeltable.exec.batch import Batch, Column, key_of
from pixeltable.exec.context import Context
from pixeltable.exec.engine import Engine
from pixeltable.exec.schedule import Goal, evaluate_goals
from pixeltable.exec.tally import Tally
from pixeltable.func import Batch as Rows
from pixeltable.func import udf
from pixeltable.types.column_type import IntType
from pixeltable.udfs.function import Function
from pixeltable.udfs.retry import Retry
from tests.exec.columns import column, context

X = column("x", IntType(True))


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine of its own: what a test does to it is no other test's concern."""
    found = Engine()
    yield found
    found.close()


def computed(function: Function, values: list[int | None], engine: Engine, *, tally: Tally | None = None) -> Column:
    within = replace(context(function), engine=engine, tally=tally or Tally())
    return computed_within(function, values, within)


def computed_within(function: Function, values: list[int | None], within: Context) -> Column:
    expr = function(X)
    batch = Batch(len(values))
    batch.put(X, Column(values))
    evaluate_goals(batch, [Goal(expr, key_of(expr), within)])
    found = batch.get(expr)
    assert found is not None
    return found


def in_every_lane(body: Callable[[int], int], **options: Any) -> dict[str, Function]:
    """The same function, made as each kind of function that runs in this process."""

    def plain(x: int) -> int:
        return body(x)

    def batched(x: Rows[int]) -> Rows[int]:
        return [body(value) for value in x]

    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return body(x)

    async def batched_later(x: Rows[int]) -> Rows[int]:
        await asyncio.sleep(0)
        return [body(value) for value in x]

    return {
        "plain": udf(**options)(plain),
        "batched": udf(batch_size=4, **options)(batched),
        "threads": udf(parallel="threads", **options)(plain),
        "batched threads": udf(parallel="threads", batch_size=4, **options)(batched),
        "timeout": udf(**{"timeout_s": 30, **options})(plain),
        "async": udf(**options)(later),
        "batched async": udf(batch_size=4, **options)(batched_later),
    }


LANES = list(in_every_lane(lambda x: x))
each_lane = pytest.mark.parametrize("lane", LANES)


class Odd(BaseException):
    """No Exception."""


@each_lane
@pytest.mark.parametrize(
    "error",
    [StopIteration("x"), StopAsyncIteration("x"), asyncio.InvalidStateError("x"), OSError(5, "x"), TimeoutError("x")],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_fails_its_row_alone(engine: Engine, lane: str, error: Exception) -> None:
    def body(x: int) -> int:
        if x == 3:
            raise error
        return x

    found = computed(in_every_lane(body)[lane], [1, 2, 3, 4, 5, None], engine)
    assert found.values == [1, 2, None, 4, 5, None]
    assert list(found.failures) == [2]


@each_lane
@pytest.mark.parametrize("value", ["text", [1], 2.5, {1, 2}], ids=repr)
def test_a_result_of_another_type_fails_its_row_alone(engine: Engine, lane: str, value: Any) -> None:
    found = computed(in_every_lane(lambda x: value if x == 3 else x)[lane], [1, 2, 3, 4, 5], engine)
    assert found.values == [1, 2, None, 4, 5]
    assert found.failures[2].error.type == "TypeError"


@each_lane
def test_a_coroutine_returned_by_mistake_is_named(engine: Engine, lane: str, recwarn: pytest.WarningsRecorder) -> None:
    async def answer() -> int:
        return 1

    found = computed(in_every_lane(lambda x: answer() if x == 3 else x)[lane], [1, 3], engine)  # type: ignore[arg-type,return-value]
    assert found.values == [1, None]
    assert "async def" in found.failures[1].error.message
    assert not recwarn.list


@pytest.mark.parametrize("lane", ["threads", "batched threads", "timeout"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Odd("x")], ids=repr)
def test_in_threads_anything_raised_fails_its_row(engine: Engine, lane: str, error: BaseException) -> None:
    def body(x: int) -> int:
        if x == 3:
            raise error
        return x

    found = computed(in_every_lane(body)[lane], [1, 2, 3, 4, 5], engine)
    assert found.values == [1, 2, None, 4, 5]


@pytest.mark.parametrize("lane", ["plain", "batched", "async", "batched async"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), Odd("x")], ids=repr)
def test_elsewhere_what_is_no_exception_reaches_the_caller(engine: Engine, lane: str, error: BaseException) -> None:
    def body(x: int) -> int:
        if x == 3:
            raise error
        return x

    functions = in_every_lane(body)
    with pytest.raises(type(error)):
        computed(functions[lane], [1, 2, 3, 4, 5], engine)
    assert computed(functions[lane], [1, 2], engine).values == [1, 2]  # the engine is as good as before


def test_an_async_function_that_cancels_itself_fails_its_row(engine: Engine) -> None:
    async def cancels(x: int) -> int:
        if x == 2:
            raise asyncio.CancelledError
        return x

    found = computed(udf(cancels), [1, 2, 3], engine)
    assert found.values == [1, None, 3]
    assert found.failures[1].error.type == "CancelledError"


async def cancelling_itself(x: int) -> int:
    if x == 2:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
    return x


async def stopping_the_loop(x: int) -> int:
    if x == 2:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
    return x


async def leaving_a_task_that_exits(x: int) -> int:
    if x == 2:
        leaver = asyncio.get_running_loop().create_task(exits())
        KEPT.append(leaver)
        await asyncio.sleep(0.01)
    return x


async def exits() -> None:
    sys.exit(1)


KEPT: list[Any] = []


async def interrupting_by_callback(x: int) -> int:
    def interrupt() -> None:
        raise KeyboardInterrupt

    if x == 2:
        asyncio.get_running_loop().call_soon(interrupt)
        await asyncio.sleep(0.01)
    return x


@pytest.mark.parametrize("body", [stopping_the_loop, leaving_a_task_that_exits, interrupting_by_callback])
def test_the_loop_survives_what_functions_do_to_it(engine: Engine, body: Any) -> None:
    function = udf(body)
    for _ in range(2):
        assert computed(function, [1, 2, 3], engine).values == [1, 2, 3]
    KEPT.clear()


async def closing_the_loop(x: int) -> int:
    if x == 2:
        asyncio.get_running_loop().close()
    return x


async def running_another(x: int) -> int:
    if x == 2:
        work = asyncio.sleep(0)
        try:
            asyncio.run(work)
        finally:
            work.close()
    return x


@pytest.mark.parametrize("body", [closing_the_loop, running_another])
def test_what_the_loop_refuses_fails_its_row(engine: Engine, body: Any) -> None:
    found = computed(udf(body), [1, 2, 3], engine)
    assert found.values == [1, None, 3]
    assert found.failures[1].error.type == "RuntimeError"


async def cancelling_all(x: int) -> int:
    for task in asyncio.all_tasks():
        task.cancel()
    return x


def test_cancelling_all_tasks_ends_the_operation_with_an_error_of_ours(engine: Engine) -> None:
    with pytest.raises(Error):
        computed(udf(cancelling_all), [1, 2, 3], engine)


FOREVER = threading.Event()


def never(x: int) -> int:
    if x == 3:
        FOREVER.wait(60)
    return x


async def never_later(x: int) -> int:
    if x == 3:
        await asyncio.sleep(60)
    return x


@pytest.fixture
def _forever() -> Iterator[None]:
    FOREVER.clear()
    yield
    FOREVER.set()


@pytest.mark.usefixtures("_forever")
@pytest.mark.filterwarnings("ignore:a function goes on in the background")
@pytest.mark.parametrize("options", [{}, {"parallel": "threads"}], ids=str)
def test_a_function_that_does_not_return_in_time_fails_its_row(engine: Engine, options: Any) -> None:
    found = computed(udf(timeout_s=0.2, **options)(never), [1, 2, 3, 4], engine)
    assert found.values == [1, 2, None, 4]
    assert found.failures[2].error.message == "never() did not return within 0.2 s"


def test_an_async_function_that_does_not_return_in_time_fails_its_row(engine: Engine) -> None:
    found = computed(udf(timeout_s=0.2)(never_later), [1, 2, 3, 4], engine)
    assert found.values == [1, 2, None, 4]
    assert found.failures[2].error.type == "TimeoutError"
    assert found.failures[2].error.message == "never_later() did not return within 0.2 s"


@pytest.mark.usefixtures("_forever")
def test_that_a_thread_goes_on_is_said(engine: Engine) -> None:
    with pytest.warns(PixeltableWarning, match="goes on in the background"):
        computed(udf(timeout_s=0.1)(never), [3], engine)


@each_lane
def test_a_retried_row_says_how_often_it_was_tried(engine: Engine, lane: str) -> None:
    def body(x: int) -> int:
        if x == 3:
            raise OSError("down")
        return x

    tally = Tally()
    function = in_every_lane(body, retry=Retry(on=(OSError,), times=2, wait_s=0))[lane]
    found = computed(function, [3], engine, tally=tally)
    assert found.failures[0].error.attempts == 3
    assert found.failures[0].inputs == "3"
    assert tally.calls.retries == 2


@each_lane
def test_a_retried_row_may_succeed(engine: Engine, lane: str) -> None:
    tried: list[int] = []

    def body(x: int) -> int:
        tried.append(x)
        if x == 3 and tried.count(3) < 3:
            raise OSError("down")
        return x

    function = in_every_lane(body, retry=Retry(on=(OSError,), times=5, wait_s=0))[lane]
    assert computed(function, [1, 3, 5], engine) == Column([1, 3, 5])


@each_lane
def test_what_no_retry_helps_is_tried_once(engine: Engine, lane: str) -> None:
    tried: list[int] = []

    def body(x: int) -> int:
        tried.append(x)
        raise ValueError("no")

    function = in_every_lane(body, retry=Retry(on=(OSError,), times=5, wait_s=0))[lane]
    assert computed(function, [3], engine).failures[0].error.attempts == 1
    assert tried == [3]


def test_while_one_row_waits_for_its_next_try_others_go_on(engine: Engine) -> None:
    done: list[int] = []

    async def fails_first(x: int) -> int:
        if x == 0 and len(done) < 600:
            raise OSError("down")
        done.append(x)
        return x

    function = udf(retry=Retry(on=(OSError,), times=1000, wait_s=0.01))(fails_first)
    assert computed(function, [*range(601)], engine).values == [*range(601)]
    assert done[-1] == 0


@pytest.mark.parametrize("lane", ["batched", "batched threads", "batched async"])
def test_want_of_memory_makes_later_batches_smaller(engine: Engine, lane: str) -> None:
    sizes: list[int] = []

    def give(x: list[int]) -> list[int]:
        sizes.append(len(x))
        if len(x) > 3:
            raise MemoryError
        return x

    async def later(x: Rows[int]) -> Rows[int]:
        return give(x)

    def batched(x: Rows[int]) -> Rows[int]:
        return give(x)

    options: Any = {"parallel": "threads"} if lane == "batched threads" else {}
    function = udf(batch_size=8, **options)(later if lane == "batched async" else batched)
    values: list[int | None] = [*range(64)]
    assert computed(function, values, engine).values == values
    first = [*sizes]
    sizes.clear()
    assert computed(function, values, engine).values == values
    assert max(sizes) <= 3
    if lane == "batched":
        assert first.count(8) == 1, first
        assert first.count(4) == 2, first


def test_a_limit_that_was_learnt_is_not_raised_by_a_larger_batch_under_way(engine: Engine) -> None:
    engine.lower_batch_limit("f", 8)
    engine.lower_batch_limit("f", 32)
    assert engine.batch_limit("f", 64) == 4


@pytest.mark.parametrize("lane", ["async", "batched async"])
def test_waiting_on_the_loop_for_the_loop_is_refused(engine: Engine, lane: str) -> None:
    """A function that runs on the loop and asks for calls on it, as by a query, could never return."""
    inner = in_every_lane(lambda x: x + 1)[lane]

    async def outer(x: int) -> int:
        return int(computed(inner, [x], engine).values[0])

    found = computed(udf(outer), [1], engine)
    assert found.failures[0].error.type == Unsupported.__name__
    assert "asyncio.to_thread" in found.failures[0].error.message


@each_lane
def test_in_a_thread_of_its_own_an_async_function_may_ask_for_calls(engine: Engine, lane: str) -> None:
    inner = in_every_lane(lambda x: x + 1)[lane]

    async def outer(x: int) -> int:
        return int((await asyncio.to_thread(computed, inner, [x], engine)).values[0])

    assert computed(udf(outer), [*range(100)], engine).values == [*range(1, 101)]


@each_lane
@pytest.mark.parametrize("outer_lane", ["plain", "batched", "threads", "batched threads", "timeout"])
def test_functions_that_are_not_async_may_ask_for_calls(engine: Engine, lane: str, outer_lane: str) -> None:
    """Also where all threads run calls that wait for calls in threads."""
    inner = in_every_lane(lambda x: x + 1)[lane]
    outer = in_every_lane(lambda x: int(computed(inner, [x], engine).values[0]))[outer_lane]
    assert computed(outer, [*range(100)], engine).values == [*range(1, 101)]


def test_calls_in_threads_that_wait_for_calls_in_threads_get_some(engine: Engine) -> None:
    """When all threads run functions that wait for others: those get threads all the same."""
    engine.threads.most = 2
    both_run = threading.Barrier(2)
    inner = udf(parallel="threads")(never)

    def outer(x: int) -> int:
        both_run.wait(20)
        return int(computed(inner, [x], engine).values[0])

    assert computed(udf(parallel="threads")(outer), [1, 2], engine).values == [1, 2]


@each_lane
def test_after_the_engine_was_closed_calls_are_refused(lane: str) -> None:
    """Not left waiting for a loop, a thread or a process that is gone."""
    engine = Engine()
    function = in_every_lane(lambda x: x)[lane]
    assert computed(function, [1], engine).values == [1]
    engine.close()
    if lane in ("plain", "batched"):
        assert computed(function, [1], engine).values == [1]
    else:
        with pytest.raises(InvalidState, match="ended"):
            computed(function, [1], engine)


@pytest.mark.parametrize("lane", ["threads", "async"])
def test_closing_the_engine_ends_who_waits_with_an_error_of_ours(lane: str) -> None:
    engine = Engine()
    started = threading.Event()
    release = threading.Event()

    def waits(x: int) -> int:
        started.set()
        release.wait(20)
        return x

    async def waits_later(x: int) -> int:
        started.set()
        await asyncio.sleep(20)
        return x

    function = udf(waits_later) if lane == "async" else udf(parallel="threads")(waits)
    found: list[BaseException] = []

    def wait() -> None:
        try:
            computed(function, [1], engine)
        except BaseException as error:  # noqa: BLE001  # looked at below
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(20)
    engine.close()
    thread.join(20)
    release.set()
    assert [type(error) for error in found] == [InvalidState]


def test_processes_of_a_closed_engine(engine: Engine) -> None:
    function = udf(parallel="processes")(exits_process)
    found = computed(function, [1, 2, 3], engine)
    assert found.values == [1, None, 3]
    assert found.failures[1].error.type == "ChildProcessError"
    engine.close()
    with pytest.raises(InvalidState, match="ended"):
        computed(function, [1], engine)


def exits_process(x: int) -> int:
    if x == 2:
        os._exit(3)
    return x
