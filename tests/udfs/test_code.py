"""When the hash of a function's code changes and when not."""

import threading
from pathlib import Path
from types import FunctionType
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
