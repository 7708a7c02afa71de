"""Threads run rows side by side, keep their order, share themselves fairly, and leave behind what does not return."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from contextvars import ContextVar

import pytest

from pixeltable.exceptions import PixeltableWarning
from pixeltable.exec import threads as module
from pixeltable.exec.threads import Threads
from tests.exec.worker_functions import summary

ABANDONED = pytest.mark.filterwarnings("ignore::pixeltable.exceptions.PixeltableWarning")


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(8)
    yield made
    made.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Something to wait for that comes when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def numbers(count: int) -> list[tuple[int]]:
    return [(number,) for number in range(count)]


@pytest.mark.parametrize("timeout_s", [None, 60.0])
def test_results_are_in_the_order_of_the_rows(threads: Threads, timeout_s: float | None) -> None:
    assert threads.run(lambda x: 2 * x, numbers(10_000), timeout_s) == [2 * x for x in range(10_000)]


@pytest.mark.parametrize("timeout_s", [None, 60.0])
def test_as_many_rows_run_at_once_as_there_are_threads(threads: Threads, timeout_s: float | None) -> None:
    together = threading.Barrier(8)
    assert len({*threads.run(lambda _: together.wait(60), numbers(16), timeout_s)}) == 8


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_rows_run_at_once_than_asked_for(threads: Threads, at_once: int) -> None:
    running = threading.Semaphore(at_once)

    def alone(_: int) -> bool:
        free = running.acquire(blocking=False)
        time.sleep(0.001)
        running.release()
        return free

    assert all(threads.run(alone, numbers(50), at_once=at_once))


def test_rows_one_at_a_time_run_in_order(threads: Threads) -> None:
    seen: list[int] = []
    threads.run(seen.append, numbers(1000), 60.0, at_once=1)
    assert seen == list(range(1000))


def test_exception_fails_its_row_alone(threads: Threads) -> None:
    values = threads.run(lambda x: 1 / x, [(1,), (0,), (2,)])
    assert summary(values) == [1.0, "ZeroDivisionError: division by zero", 0.5]
    assert values[1].inputs == "0"


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (SystemExit, "ChildProcessError: the function called sys.exit(1)"),
        (KeyboardInterrupt, "KeyboardInterrupt: 1"),
        (GeneratorExit, "GeneratorExit: 1"),
    ],
)
def test_exception_that_would_end_a_program_fails_its_row(
    threads: Threads, kind: type[BaseException], problem: str
) -> None:
    def ends(x: int) -> int:
        if x == 1:
            raise kind(x)
        return x

    assert summary(threads.run(ends, numbers(3))) == [0, problem, 2]


def test_argument_that_cannot_be_shown_hides_no_failure(threads: Threads) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise ValueError

    (problem,) = summary(threads.run(len, [(Shy(),)]))  # type: ignore[arg-type]  # what fails
    assert problem.startswith("TypeError: ")


def test_no_rows_give_no_values(threads: Threads) -> None:
    assert threads.run(len, []) == []


def test_context_of_the_caller_holds_in_the_threads(threads: Threads) -> None:
    variable = ContextVar("variable", default="other")
    variable.set("caller's")
    assert {*threads.run(lambda _: variable.get(), numbers(100))} == {"caller's"}


def test_second_call_does_not_wait_for_the_first(threads: Threads) -> None:
    long = threads.submit(lambda _: time.sleep(0.001), numbers(1_000_000))
    assert threads.run(lambda x: x, numbers(100)) == list(range(100))
    assert not long.done()
    assert long.cancel()


def test_calls_within_calls_do_not_wait_for_one_another() -> None:
    threads = Threads(2)

    def total(depth: int) -> int:
        return sum(threads.run(total, [(depth - 1,)] * 3)) if depth else 1

    assert threads.run(total, [(3,)] * 3) == [27] * 3
    threads.close()


def test_cancelled_call_starts_no_further_rows(threads: Threads) -> None:
    started: list[int] = []
    first = threading.Event()

    def slow(x: int) -> None:
        started.append(x)
        first.set()
        time.sleep(0.001)

    future = threads.submit(slow, numbers(1_000_000))
    assert first.wait(60)
    assert future.cancel()
    assert wait([future], 60).done == {future}
    assert threads.run(lambda x: x, numbers(100)) == list(range(100))
    assert len(started) < 1_000_000


def test_ctrl_c_while_waiting_starts_no_further_rows(threads: Threads) -> None:
    started: list[int] = []

    def interrupting(x: int) -> None:
        started.append(x)
        if x == 20:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        threads.run(interrupting, numbers(1_000_000))
    assert len(started) < 1_000_000


@ABANDONED
def test_row_that_takes_too_long_fails_and_the_others_go_on(threads: Threads, gate: threading.Event) -> None:
    values = threads.run(lambda x: gate.wait() if x == 5 else x, numbers(100), 0.05, name="slow")
    assert summary(values[4:7]) == [4, "TimeoutError: slow() did not return within 0.05 s", 6]
    assert values[7:] == list(range(7, 100))


@ABANDONED
def test_one_thread_is_replaced_as_often_as_it_is_lost(threads: Threads, gate: threading.Event) -> None:
    values = threads.run(lambda x: gate.wait() if x % 2 else x, numbers(20), 0.02, at_once=1)
    assert values[::2] == list(range(0, 20, 2))
    assert {value.error.type for value in values[1::2]} == {"TimeoutError"}


@ABANDONED
def test_result_that_comes_too_late_is_dropped(threads: Threads) -> None:
    late = threading.Event()
    lost: list[threading.Thread] = []

    def slow(x: int) -> int:
        lost.append(threading.current_thread())
        late.wait()
        return x

    values = threads.run(slow, numbers(1), 0.02)
    late.set()
    lost[0].join(60)
    assert values[0].error.type == "TimeoutError"


def test_thread_left_behind_is_told_of_once(threads: Threads, gate: threading.Event) -> None:
    with pytest.warns(PixeltableWarning, match="goes on in the background") as told:
        threads.run(lambda _: gate.wait(), numbers(2), 0.02)
    assert [warning.filename for warning in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads.run(lambda _: gate.wait(), numbers(2), 0.02)


@ABANDONED
def test_threads_left_behind_are_bounded(
    threads: Threads, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_ABANDONED", 3)
    started: list[int] = []
    values = threads.run(lambda x: started.append(x) or gate.wait(), numbers(50), 0.02, at_once=1, name="slow")
    assert len(started) == 3
    assert summary(values[3:4]) == ["TimeoutError: slow() was not run: 3 calls still go on after their timeout"]


def test_in_a_group_the_lowest_turn_comes_first_whenever_it_was_submitted(
    threads: Threads, gate: threading.Event
) -> None:
    ran: list[int] = []
    futures = [threads.submit(lambda _: gate.wait(), numbers(1), at_once=1, group="g", turn=1)]
    for turn in (4, 2, 3):
        futures.append(threads.submit(ran.append, [(turn,)] * 2, at_once=1, group="g", turn=turn))
    gate.set()
    for future in futures:
        future.result(60)
    assert ran == [2, 2, 3, 3, 4, 4]


def test_close_cancels_what_is_under_way_and_ends_idle_threads(threads: Threads, gate: threading.Event) -> None:
    ran = {*threads.run(lambda _: threading.current_thread(), numbers(1))}
    busy = threads.submit(lambda _: gate.wait(), numbers(4), at_once=1)
    threads.close()
    with pytest.raises(CancelledError):
        busy.result(60)
    gate.set()
    for thread in ran:
        thread.join(60)
        assert not thread.is_alive()


def test_closed_threads_answer_that_they_are(threads: Threads) -> None:
    threads.close()
    with pytest.raises(CancelledError):
        threads.run(lambda x: x, numbers(1))


def test_forked_process_gets_threads_of_its_own() -> None:
    source = """
import os
from pixeltable.exec.threads import Threads
threads = Threads(4)
assert threads.run(abs, [(-1,)]) == [1]
child = os.fork()
if child == 0:
    threads.after_fork()
    os._exit(7 if threads.run(abs, [(-2,)], 60.0) == [2] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", source], timeout=60)
    assert done.returncode == 0


@pytest.mark.slow
def test_calls_from_many_threads_get_their_own_results(threads: Threads) -> None:
    found: dict[int, list[int]] = {}

    def caller(number: int) -> None:
        found[number] = threads.run(lambda x: x + number, numbers(2000), 60.0 if number % 2 else None)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(20)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert found == {number: [x + number for x in range(2000)] for number in range(20)}
