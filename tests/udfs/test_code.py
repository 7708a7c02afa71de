"""When the hash of a function's code changes and when not."""

import sys
import threading
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from pixeltable.udfs.code import captured_hash, code_hash


def compiled(source: str, folder: Path) -> FunctionType:
    """The function `f` of a file of its own, so that its source can be read."""
    file = folder / f"m{len(list(folder.iterdir()))}.py"
    file.write_text(source)
    scope: dict[str, Any] = {}
    exec(compile(source, str(file), "exec"), scope)
    found = scope["f"]
    assert isinstance(found, FunctionType)
    return found


BASE = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("source", "same"),
    [
        pytest.param("def f(x):  # why\n    return (x+1)\n", True, id="layout"),
        pytest.param('def f(x):\n    """What."""\n    return x + 1\n', True, id="docstring"),
        pytest.param("d = lambda f: f\n@d\ndef f(x):\n    return x + 1\n", True, id="decorator"),
        pytest.param("if True:\n    def f(x):\n        return x + 1\n", True, id="indented"),
        pytest.param("def f(x):\n    return x + 2\n", False, id="constant"),
        pytest.param("def f(x, y=1):\n    return x + 1\n", False, id="parameter"),
    ],
)
def test_only_what_runs_counts(source: str, same: bool, tmp_path: Path) -> None:
    assert (code_hash(compiled(BASE, tmp_path)) == code_hash(compiled(source, tmp_path))) is same


HELPER = "def f(x):\n    return g(x)\ndef g(x):\n    return h(x)\ndef h(x):\n    return f(x) if x else {}\n"


@pytest.mark.parametrize(("other", "same"), [(1, True), (2, False)])
def test_helpers_of_helpers_count_even_if_they_call_back(other: int, same: bool, tmp_path: Path) -> None:
    one, two = (compiled(HELPER.format(n), tmp_path) for n in (1, other))
    assert (code_hash(one) == code_hash(two)) is same


@pytest.mark.parametrize(("other", "same"), [(BASE, True), (BASE.replace("1", "2"), False)])
def test_without_source_the_bytecode_counts(other: str, same: bool) -> None:
    scopes: list[dict[str, Any]] = [{}, {}]
    for scope, source in zip(scopes, (BASE, other), strict=True):
        exec(source, scope)
    assert (code_hash(scopes[0]["f"]) == code_hash(scopes[1]["f"])) is same


def pair_with(n: Any) -> FunctionType:
    def f(x: int) -> Any:
        return (x, n)

    assert isinstance(f, FunctionType)
    return f


@pytest.mark.parametrize(
    ("a", "b"), [(1, 2), ([1], [2]), (pair_with(1), pair_with(2)), (threading.Lock(), threading.Lock())]
)
def test_captured_values_tell_nested_functions_apart(a: Any, b: Any) -> None:
    assert captured_hash(pair_with(a)) != captured_hash(pair_with(b))
    assert captured_hash(pair_with(a)) == captured_hash(pair_with(a))


def test_captured_values_are_not_code() -> None:
    assert code_hash(pair_with(1)) == code_hash(pair_with(2))


CLASSES = """
import functools
LIMIT = 3

class Base:
    def base(self):
        return 1

class Tool(Base):
    "What."
    size = 4
    def go(self, x):
        "How."
        return helper(x)
    @property
    def wide(self):
        return 6
    @staticmethod
    def still():
        return 7

class Apart:
    def go(self):
        return 8

def helper(x):
    return x + 9

{tool}
def f(x):
    return {use}(x)
"""
IN_F = CLASSES.format(tool="", use="Tool().go")
IN_A_GLOBAL = CLASSES.format(tool="TOOL = Tool()", use="TOOL.go")


def imported(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, file: bool) -> FunctionType:
    """The function `f` of a module; without `file` its source cannot be read."""
    module = ModuleType("some_module")
    module.__file__ = str(folder / f"m{len(list(folder.iterdir()))}.py")
    Path(module.__file__).write_text(source if file else "")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    found = module.__dict__["f"]
    assert isinstance(found, FunctionType)
    return found


@pytest.mark.parametrize("file", [True, False], ids=["source", "bytecode"])
@pytest.mark.parametrize("source", [IN_F, IN_A_GLOBAL], ids=["class", "object"])
@pytest.mark.parametrize(
    ("digit", "counts"),
    [("1", True), ("4", True), ("6", True), ("7", True), ("9", True), ("8", False), ("3", False)],
    ids=["base", "attribute", "property", "static method", "helper of a method", "other class", "other data"],
)
def test_classes_that_a_function_uses_count(
    source: str, digit: str, counts: bool, file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_hash(imported(source, tmp_path, monkeypatch, file=file))
    after = code_hash(imported(source.replace(digit, "0"), tmp_path, monkeypatch, file=file))
    assert (before != after) is counts


def test_docstrings_in_classes_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [IN_F, IN_F.replace("What.", "Else.").replace("How.", "Anyhow.  ")]
    one, two = (code_hash(imported(text, tmp_path, monkeypatch, file=True)) for text in texts)
    assert one == two
