"""Worker processes of a script: it is not imported again, needs no guard, and takes its workers along when it dies."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAD = """
import os, sys
import pixeltable as pxt
from pixeltable.exec.workers import Workers
from tests.exec.worker_functions import summary
"""
ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
PROLOGUE = {**os.environ, "PYTHONPATH": PATH}


def started(
    source: str, folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(HEAD + textwrap.dedent(source), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**PROLOGUE, **(environment or {})},
    )


def output(source: str, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """What a script prints; it has to end well, and to say nothing on stderr."""
    with started(source, folder, *arguments, environment=environment) as script:
        printed, complaints = script.communicate(timeout=60)
    assert (script.returncode, complaints) == (0, "")
    return printed


def test_script_needs_no_guard_and_runs_once(tmp_path: Path) -> None:
    source = """
        print("once", sys.argv[1])
        FACTOR = 3
        @pxt.udf(parallel="processes")
        def f(x: int) -> int:
            return helper(x)
        def helper(x):
            return x * FACTOR
        workers = Workers(2)
        print(workers.submit(f, [(1,), (2,)]).result())
        workers.close()
    """
    assert output(source, tmp_path, "argument") == "once argument\n[3, 6]\n"


def test_exception_class_of_a_script_is_the_same_class_there_and_back(tmp_path: Path) -> None:
    source = """
        class Mine(Exception): pass
        @pxt.udf(parallel="processes")
        def f(x: int) -> int:
            raise Mine("no", x)
        workers = Workers(1)
        (failure,) = workers.submit(f, [(1,)]).result()
        print(failure.error.type, type(failure.exception) is Mine, failure.exception.args)
        workers.close()
    """
    assert output(source, tmp_path) == "Mine True ('no', 1)\n"


def test_arguments_of_the_script_stay_with_it(tmp_path: Path) -> None:
    source = """
        @pxt.udf(parallel="processes")
        def f(x: int) -> pxt.Json:
            return sys.argv
        workers = Workers(1)
        print(workers.submit(f, [(1,)]).result())
        workers.close()
    """
    assert output(source, tmp_path, "argument") == "[['-c']]\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii:backslashreplace"])
def test_prints_of_functions_come_out(tmp_path: Path, encoding: str) -> None:
    source = """
        @pxt.udf(parallel="processes")
        def f(text: str) -> int:
            print(text, end="")
            return len(text)
        workers = Workers(1)
        print(workers.submit(f, [("ünï 你好 🎉 ",)]).result())
        workers.close()
    """
    text = "ünï 你好 🎉 "
    shown = text if encoding == "utf-8" else text.encode("ascii", "backslashreplace").decode()
    assert output(source, tmp_path, environment={"PYTHONIOENCODING": encoding}) == f"{shown}[9]\n"


def test_script_that_does_not_close_its_workers_ends(tmp_path: Path) -> None:
    source = """
        @pxt.udf(parallel="processes")
        def f(x: int) -> int:
            return x
        workers = Workers(1)
        print(workers.submit(f, [(1,)]).result())
        busy = workers.submit(f, [(x,) for x in range(1000)])
    """
    assert output(source, tmp_path) == "[1]\n"


BUSY = {
    "idle": "return os.getpid()",
    "in Python": "print(os.getpid(), flush=True)\n    while True: pass",
    "in C": "print(os.getpid(), flush=True)\n    import re\n    return len(re.match('(a+)+$', 'a' * 60 + 'b').group())",
}


@pytest.mark.parametrize("at", BUSY if sys.platform == "linux" else ["idle", "in Python"])
def test_workers_end_when_the_script_is_killed(tmp_path: Path, at: str) -> None:
    source = f"""
@pxt.udf(parallel="processes")
def f(x: int) -> int:
    {BUSY[at]}
workers = Workers(1)
print(*workers.submit(f, [(1,)]).result(), flush=True)
import time; time.sleep(1000)
"""
    with started(source, tmp_path) as script:
        assert script.stdout is not None
        worker = int(script.stdout.readline())
        script.send_signal(signal.SIGKILL)
        script.communicate(timeout=30)  # the output ends when nobody has it any more
    assert worker != script.pid


def test_ctrl_c_ends_the_script_and_not_the_function_by_itself(tmp_path: Path) -> None:
    source = """
        @pxt.udf(parallel="processes")
        def f(x: int) -> int:
            import signal
            os.kill(os.getpid(), signal.SIGINT)
            return x
        workers = Workers(1)
        print(summary(workers.submit(f, [(1,)]).result()), flush=True)
        workers.close()
    """
    assert output(source, tmp_path) == "[1]\n"


def test_forked_process_gets_workers_of_its_own(tmp_path: Path) -> None:
    source = """
        @pxt.udf(parallel="processes")
        def f(x: int) -> int:
            return os.getppid()
        workers = Workers(1)
        assert workers.submit(f, [(1,)]).result() == [os.getpid()]
        child = os.fork()
        if child == 0:
            workers.after_fork()
            assert workers.submit(f, [(1,)]).result(30) == [os.getpid()]
            workers.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(workers.submit(f, [(1,)]).result() == [os.getpid()])
        workers.close()
    """
    # From Python 3.12 on, a fork of a process with threads is warned of.
    assert output(source, tmp_path, environment={"PYTHONWARNINGS": "ignore"}) == "True\n"
