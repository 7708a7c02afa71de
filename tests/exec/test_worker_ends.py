"""A function that ends its process, or does not end, costs its own row and nothing else."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pixeltable.exec.workers import Workers
from tests.exec import worker_functions as library
from tests.exec.worker_functions import results, summary

ENDS = {
    "exit": "ended its process: exit code 4",
    "forked exit": "ended its process: exit code 4",
    "kill": "ended its process: killed by SIGKILL, as the system does when memory runs out",
}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.close()


@pytest.mark.parametrize("how", ENDS)
def test_function_that_ends_its_process_fails_its_row_alone(workers: Workers, tmp_path: Path, how: str) -> None:
    rows = [(x, how, str(tmp_path / "calls")) for x in (1, 3, 5)]
    assert results(workers, library.ends, *rows) == [1, f"ChildProcessError: ends() {ENDS[how]}", 5]


def test_no_row_is_run_twice_when_one_ends_the_process(workers: Workers, tmp_path: Path) -> None:
    results(workers, library.ends, *[(x, "exit", str(tmp_path / "calls")) for x in range(6)])
    assert (tmp_path / "calls").read_text() == "0 1 2 3 4 5 "


def test_sys_exit_fails_its_row_and_keeps_the_process(workers: Workers, tmp_path: Path) -> None:
    (before,) = results(workers, library.process, 1)
    rows = [(x, "sys.exit", str(tmp_path / "calls")) for x in (3, 4)]
    problem = "ChildProcessError: the function called sys.exit('enough')"
    assert results(workers, library.ends, *rows) == [problem, 4]
    assert results(workers, library.process, 1) == [before]


def test_endless_call_is_ended_after_its_timeout(workers: Workers, tmp_path: Path) -> None:
    rows = [(x, "loop", str(tmp_path / "calls")) for x in (2, 3, 4)]
    problem = "TimeoutError: ends() did not return within 0.5 s"
    assert results(workers, library.ends, *rows, timeout_s=0.5) == [2, problem, 4]
    assert (tmp_path / "calls").read_text() == "2 3 4 "


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("exit", "ChildProcessError: batch_of() ended its process: exit code 4"),
        ("loop", "TimeoutError: batch_of() did not return within 0.5 s"),
        ("sys.exit", "ChildProcessError: the function called sys.exit('enough')"),
    ],
)
def test_batch_that_does_not_return_is_halved(workers: Workers, tmp_path: Path, how: str, problem: str) -> None:
    rows = [(x, how, str(tmp_path / "calls")) for x in (1, 2, 3, 4)]
    found = summary(workers.submit(library.batch_of, rows, 0.5).result(60))
    assert found == ["1 of 2", "2 of 2", problem, "4 of 1"]


def test_module_that_ends_the_process_when_imported_fails_all_rows(tmp_path: Path, workers: Workers) -> None:
    lines = ["import os, pixeltable as pxt", f"if os.getpid() != {library.LOADED}: os._exit(5)"]
    lines += ["@pxt.udf(parallel='processes')", "def f(x: int) -> int:", "    return x"]
    (tmp_path / "ending_module.py").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        module = __import__("ending_module")
        problem = "ChildProcessError: loading f() ended its process: exit code 5"
        assert results(workers, module.f, 1, 2) == [problem, problem]
    assert results(workers, library.double, 4) == [8]


def test_process_killed_while_idle_is_replaced(workers: Workers) -> None:
    (process,) = results(workers, library.process, 1)
    psutil.Process(process).send_signal(signal.SIGKILL)
    psutil.Process(process).wait(30)
    assert results(workers, library.double, 4) == [8]
