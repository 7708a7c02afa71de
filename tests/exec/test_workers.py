"""Worker processes give what the function would give here, in order, and are started once."""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import pixeltable as pxt
from pixeltable.exec.batch import Failure
from pixeltable.exec.workers import Workers, shares
from tests.exec import worker_functions as library
from tests.exec.worker_functions import results


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


def test_results_are_in_the_order_of_the_rows(workers: Workers) -> None:
    chunks = shares([(x,) for x in range(10_000)], 2)
    futures = [workers.submit(library.double, chunk) for chunk in chunks]
    assert [value for future in futures for value in future.result()] == [2 * x for x in range(10_000)]


def test_function_of_a_module_is_imported(workers: Workers) -> None:
    assert results(workers, library.loaded_in, 1) != [library.LOADED]


def test_processes_are_used_again() -> None:
    workers = Workers(1)
    first, second = results(workers, library.process, 1), results(workers, library.process, 2)
    workers.close()
    assert first == second != [os.getpid()]


def test_chunks_run_in_as_many_processes_as_are_allowed(workers: Workers, tmp_path: Path) -> None:
    @pxt.udf(parallel="processes")
    def meet(number: int) -> int:
        (tmp_path / str(number)).touch()
        while len(os.listdir(tmp_path)) < 2:  # only another process can end this
            pass
        return number

    futures = [workers.submit(meet, [(number,)]) for number in (1, 2)]
    assert [future.result(30) for future in futures] == [[1], [2]]


def test_function_with_a_closure_takes_it_along(workers: Workers) -> None:
    factor = 7

    @pxt.udf(parallel="processes")
    def times(x: int) -> int:
        return helper(x)

    def helper(x: int) -> int:
        return x * factor

    assert results(workers, times, 2) == [14]


def test_function_sees_what_it_refers_to_as_it_is_when_the_operation_starts(workers: Workers) -> None:
    factors = [1]

    @pxt.udf(parallel="processes")
    def times(x: int) -> int:
        return x * factors[0]

    assert results(workers, times, 5) == [5]
    factors[0] = 3
    assert results(workers, times, 5) == [15]


def test_function_keeps_its_state_in_a_worker() -> None:
    seen: list[int] = []

    @pxt.udf(parallel="processes")
    def count(x: int) -> int:
        seen.append(x)
        return len(seen)

    workers = Workers(1)
    try:
        assert [results(workers, count, x) for x in range(3)] == [[1], [2], [3]]
    finally:
        workers.close()


def test_function_of_a_module_that_cannot_be_imported_elsewhere_goes_by_value(workers: Workers) -> None:
    module = ModuleType("made_by_hand")
    module.__spec__ = library.__spec__
    sys.modules["made_by_hand"] = module
    source = """
import pixeltable as pxt
def helper(x): return x + 1
@pxt.udf(parallel="processes")
def f(x: int) -> int:
    return helper(x)
"""
    try:
        exec(source, vars(module))
        assert results(workers, module.f, 1) == [2]
    finally:
        del sys.modules["made_by_hand"]


def test_function_changed_on_disk_runs_as_this_program_loaded_it(tmp_path: Path, workers: Workers) -> None:
    file = tmp_path / "edited_module.py"
    source = "import pixeltable as pxt\n@pxt.udf(parallel='processes')\ndef f(x: int) -> int:\n    return x + {}\n"
    file.write_text(source.format(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        module = __import__("edited_module")
        assert module.f.spec.code
        file.write_text(source.format(1000))
        assert results(workers, module.f, 1) == [2]
    del sys.modules["edited_module"]


def test_function_that_refers_to_something_unpicklable_fails_its_rows(workers: Workers) -> None:
    held = threading.Lock()

    @pxt.udf(parallel="processes")
    def locked(x: int) -> int:
        return x if held else 0

    (problem,) = results(workers, locked, 1)
    assert problem.startswith("UnknownFunction: ")
    assert "cannot be passed to another process" in problem


def test_arguments_by_name_come_last(workers: Workers) -> None:
    assert workers.submit(library.minus, [(10, 1)], names=["c"]).result() == [8]


def test_arrays_and_images_go_there_and_back(workers: Workers) -> None:
    (array,) = results(workers, library.scaled, np.arange(300_000.0).reshape(3, -1))
    (image,) = results(workers, library.inverted, Image.new("L", (20, 10), 5))
    assert array.shape == (3, 100_000)
    assert array[2, -1] == 2 * 299_999
    assert (image.size, image.getpixel((3, 3))) == ((20, 10), 250)


def test_exception_fails_its_row_alone_and_comes_along(workers: Workers) -> None:
    values = workers.submit(library.reciprocal, [(1,), (0,), (2,)]).result()
    assert library.summary(values) == [1.0, "ZeroDivisionError: division by zero", 0.5]
    assert isinstance(values[1].exception, ZeroDivisionError)
    assert values[1].inputs == "0"


def test_exception_tells_where_in_the_worker_it_was_raised(workers: Workers) -> None:
    (failure,) = workers.submit(library.reciprocal, [(0,)]).result()
    assert "in reciprocal" in failure.exception.__notes__[0]


def test_exception_that_cannot_be_rebuilt_leaves_type_and_message(workers: Workers) -> None:
    assert not library.is_portable(library.OwnError("x", 1))
    (failure,) = workers.submit(library.picky, [(3,)]).result()
    assert (failure.error.type, failure.error.message, failure.exception) == ("OwnError", "not 3", None)


def test_argument_that_cannot_be_pickled_fails_its_row_alone(workers: Workers) -> None:
    first, second = results(workers, library.double, (x for x in "ab"), 4)
    assert first.startswith("TypeError: an argument cannot be passed to a worker process: ")
    assert second == 8


def test_argument_that_cannot_be_rebuilt_fails_its_row_alone(workers: Workers) -> None:
    first, second = results(workers, library.double, library.Treacherous(), 4)
    assert first.startswith("TypeError: an argument cannot be rebuilt in a worker process: ")
    assert second == 8


def test_result_that_cannot_be_pickled_fails_its_row_alone(workers: Workers) -> None:
    zero, one, two = results(workers, library.lock, 0, 1, 2)
    assert one.startswith("TypeError: a lock cannot be passed between processes: ")
    assert (zero, two) == (0, 2)


def test_result_that_cannot_be_rebuilt_fails_its_row_alone(workers: Workers) -> None:
    zero, one, two = results(workers, library.treacherous, 0, 1, 2)
    assert one.startswith("TypeError: the function's result cannot be rebuilt in this process: ")
    assert (zero, two) == (0, 2)


def test_batched_function_gets_a_chunk_in_one_call(workers: Workers, tmp_path: Path) -> None:
    rows = [(x, "", str(tmp_path / "calls")) for x in range(3)]
    assert results(workers, library.batch_of, *rows) == ["0 of 3", "1 of 3", "2 of 3"]


def test_batch_that_raises_is_halved(workers: Workers, tmp_path: Path) -> None:
    rows = [(x, "raise", str(tmp_path / "calls")) for x in (1, 2, 3, 4)]
    assert results(workers, library.batch_of, *rows) == ["1 of 2", "2 of 2", "ValueError: a three", "4 of 1"]
    assert (tmp_path / "calls").read_text() == "4 2 2 1 1 "


def test_batch_with_too_few_results_fails(workers: Workers, tmp_path: Path) -> None:
    rows = [(x, "short", str(tmp_path / "calls")) for x in (1, 2)]
    assert (
        results(workers, library.batch_of, *rows) == ["ValueError: batch_of() returned 1 values for a batch of 2"] * 2
    )


def test_argument_that_cannot_be_rebuilt_fails_its_row_of_a_batch(workers: Workers, tmp_path: Path) -> None:
    rows = [(x, "", str(tmp_path / "calls")) for x in (1, library.Treacherous(), 4)]
    first, second, third = results(workers, library.batch_of, *rows)
    assert (first, third) == ("1 of 1", "4 of 1")
    assert second.startswith("TypeError: an argument cannot be rebuilt")


def test_environment_folder_and_path_are_those_of_now(workers: Workers, tmp_path: Path) -> None:
    name = str(tmp_path)
    assert results(workers, library.environment, name) == [[None, os.getcwd(), False]]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv(name, "set")
        patch.syspath_prepend(name)
        assert results(workers, library.environment, name) == [["set", name, True]]
    assert results(workers, library.environment, name) == [[None, os.getcwd(), False]]


def test_cancelled_chunk_is_not_run(tmp_path: Path) -> None:
    workers, calls = Workers(1), str(tmp_path / "calls")
    busy = workers.submit(library.ends, [(3, "loop", calls)])
    waiting = workers.submit(library.ends, [(1, "", calls)])
    assert waiting.cancel()
    while not ((tmp_path / "calls").exists() and (tmp_path / "calls").read_text()):
        pass
    workers.abandon(busy)
    with pytest.raises(CancelledError):
        busy.result(30)
    assert results(workers, library.double, 1) == [2]
    workers.close()
    assert (tmp_path / "calls").read_text() == "3 "


def test_close_ends_idle_and_busy_processes(tmp_path: Path) -> None:
    workers = Workers(2)
    (process,) = results(workers, library.process, 1)
    busy = [workers.submit(library.ends, [(3, "loop", str(tmp_path / str(n)))]) for n in range(3)]
    while not ((tmp_path / "0").exists() and (tmp_path / "1").exists()):
        pass
    workers.close()
    assert len(wait(busy, 30).done) == 3
    assert [type(future.exception(30)) for future in busy if not future.cancelled()] == [CancelledError] * 2
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_closed_workers_answer_that_they_are(tmp_path: Path) -> None:
    workers = Workers(1)
    workers.close()
    with pytest.raises(CancelledError):
        workers.submit(library.ends, [(1, "", str(tmp_path / "calls"))]).result(30)


def test_failures_have_a_time(workers: Workers) -> None:
    (failure,) = workers.submit(library.reciprocal, [(0,)]).result()
    assert isinstance(failure, Failure)
    assert failure.error.at is not None
