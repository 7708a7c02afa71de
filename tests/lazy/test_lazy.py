"""Modules that are imported on first use."""

import gc
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from pixeltable.lazy import LazyModule, load, load_beside


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that nobody imported yet."""
    tmp_path.joinpath("slow_to_import.py").write_text("import gc\ncollecting = gc.isenabled()\nvalue = [1]\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_to_import", raising=False)
    return "slow_to_import"


def test_a_module_is_imported_with_the_first_attribute(module: str) -> None:
    lazy = LazyModule(module)
    assert module not in sys.modules
    assert lazy.value is sys.modules[module].value


def test_an_attribute_it_lacks_is_an_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = LazyModule(module).nothing


def test_garbage_is_not_collected_during_an_import(module: str) -> None:
    assert (load(module).collecting, gc.isenabled()) == (False, True)


def test_who_needs_a_module_that_is_loaded_beside_gets_it(module: str) -> None:
    load_beside(module)
    assert LazyModule(module).value == [1]


def test_who_needs_a_module_that_cannot_be_loaded_meets_the_error() -> None:
    load_beside("no_such_module")
    with pytest.raises(ModuleNotFoundError):
        _ = LazyModule("no_such_module").value


def test_a_fork_waits_for_imports_of_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("importing.py").write_text(
        "import logging, time\nbegun.set()\ntime.sleep(0.2)\nlogging.getLogger('x')\nvalue = 1\n"
    )
    begun = threading.Event()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("builtins.begun", begun, raising=False)
    thread = threading.Thread(target=load, args=("importing",))
    thread.start()
    assert begun.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for a lock that nobody has
        os._exit(0 if load("importing").value == 1 else 1)
    thread.join()
    monkeypatch.delitem(sys.modules, "importing")
    assert os.waitpid(child, 0)[1] == 0
