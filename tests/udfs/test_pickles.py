"""Functions stored by value run in another process, and foreign ones are not even read."""

import dataclasses
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from pixeltable.exceptions import ForeignPickle, UnknownFunction, Unsupported
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.pickles import StoredFunction, dump, load, new_key
from tests.udfs.library import double

KEY = new_key()

DUMP = """
import pickle, sys
from pixeltable.udfs.pickles import dump
with open(sys.argv[1], "wb") as file:
    pickle.dump(dump(f, b"key"), file)
"""

LOAD = """
import pickle, sys
from pixeltable.udfs.pickles import load
from pixeltable.udfs.registry import find, register
with open(sys.argv[1], "rb") as file:
    function = load(pickle.load(file), b"key")
register(function)
assert find(function.spec) is function
print(function.body({argument}))
"""


def run(script: Path, source: str, stored: Path) -> str:
    script.write_text(source)
    done = subprocess.run([sys.executable, script, stored], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def result_elsewhere(source: str, argument: str, folder: Path) -> str:
    """What `f` of a script gives in a process that never saw that script."""
    head = "from pixeltable.func import Batch, udf\n"
    run(folder / "declares.py", head + textwrap.dedent(source) + DUMP, folder / "stored")
    (folder / "declares.py").unlink()
    return run(folder / "loads.py", LOAD.format(argument=argument), folder / "stored")


def test_script_function_takes_imports_helpers_and_globals_along(tmp_path: Path) -> None:
    source = """
        import math
        FACTOR = 3
        @udf
        def f(x: float) -> int:
            return helper(x)
        def helper(x): return math.floor(x) * FACTOR
    """
    assert result_elsewhere(source, "2.5", tmp_path) == "6"


def test_script_function_may_refer_to_itself_and_to_other_udfs(tmp_path: Path) -> None:
    source = """
        @udf
        def g(x: int) -> int:
            return x * 10
        @udf
        def f(x: int) -> int:
            return g.body(x) if x > 2 else f.body(x + 1)
    """
    assert result_elsewhere(source, "1", tmp_path) == "30"


def test_script_function_keeps_hooks_batches_and_classes(tmp_path: Path) -> None:
    source = """
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
        @udf(batch_size=2)
        def f(xs: Batch[int]) -> Batch[int]:
            return [Point(x).x for x in xs] + [f.batch_size, f.sql(1)]
        @f.to_sql
        def rule(x): return x + 1
    """
    assert result_elsewhere(source, "[7]", tmp_path) == "[7, 2, 2]"


def test_path_is_the_same_in_every_run_of_a_script(tmp_path: Path) -> None:
    source = """
        from pixeltable.func import udf
        NAMES = {"a", "b", "c"}
        @udf
        def f(x: str) -> bool:
            return x in NAMES and x in {"d", "e", "f"}
        print(f.spec.path)
    """
    runs = {run(tmp_path / "script.py", textwrap.dedent(source), tmp_path / "unused") for _ in range(3)}
    assert len(runs) == 1


def test_closure_and_overloads_come_back() -> None:
    offset = 5

    @udf
    def f(x: int) -> int:
        return x + offset

    @f.overload
    def _(x: str) -> str:
        return x

    loaded = load(dump(f, KEY), KEY)
    assert loaded is not f
    assert loaded.body(1) == 6
    assert [o.spec for o in loaded.overloads] == [o.spec for o in f.overloads]


def test_importable_function_is_stored_by_reference() -> None:
    assert load(dump(double, KEY), KEY) is double


POISONED = b"3.11\ncposix\n_exit\n(I1\ntR."  # would end this process


@pytest.mark.parametrize("change", [{"path": "other.path"}, {"body": POISONED}])
def test_changed_pickle_is_refused_before_it_is_read(change: dict[str, Any]) -> None:
    with pytest.raises(ForeignPickle, match="signed"):
        load(dataclasses.replace(dump(double, KEY), **change), KEY)


def test_pickle_of_another_key_is_refused() -> None:
    with pytest.raises(ForeignPickle):
        load(dump(double, KEY), new_key())


def test_bytes_cannot_move_between_path_and_body() -> None:
    stored = dump(double, KEY)
    moved = StoredFunction(stored.path + chr(stored.body[0]), stored.body[1:], stored.signature)
    with pytest.raises(ForeignPickle):
        load(moved, KEY)


def test_pickle_of_another_python_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixeltable.udfs.pickles._python_version", lambda: "2.7")
    stored = dump(double, KEY)
    monkeypatch.undo()
    with pytest.raises(UnknownFunction, match=r"stored by Python 2\.7"):
        load(stored, KEY)


def test_function_that_captured_a_lock_cannot_be_stored() -> None:
    lock = threading.Lock()

    @udf
    def f(x: int) -> int:
        with lock:
            return x

    with pytest.raises(Unsupported, match="'f' cannot be stored"):
        dump(f, KEY)
