"""How long files, classes and function bodies may be.

`sizes_waived.txt` lists files that are let off: a path below `src`, then the reason, one a line. It may only shrink, so
a line there that is no longer needed fails too.
"""

import ast
import statistics
from pathlib import Path

import pytest

from tests.architecture.source_tree import MODULES, Module, each_module

MAX_FILE = 700
MAX_CLASS = 300
MAX_BODY = 50
MAX_MEDIAN_FILE = 150
MAX_NINTH_DECILE_FILE = 400

WAIVERS = Path(__file__).with_name("sizes_waived.txt")


def waived() -> dict[str, str]:
    """From path to reason."""
    lines = WAIVERS.read_text(encoding="utf-8").splitlines() if WAIVERS.exists() else []
    entries = (line.partition(" ") for line in lines if line.strip())
    return {path: reason.strip() for path, _, reason in entries}


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    statements = function.body[1:] if is_docstring(function.body[0]) else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def oversized(module: Module) -> list[str]:
    """What is too long in the module, in words."""
    found = [f"{module.lines} lines"] if module.lines > MAX_FILE else []
    for node in ast.walk(module.tree):
        match node:
            case ast.ClassDef() if (node.end_lineno or 0) - node.lineno + 1 >= MAX_CLASS:
                found.append(f"class {node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if (lines := body_lines(node)) > MAX_BODY:
                found.append(f"function {node.name}: {lines} lines of body")
            case _:
                pass
    return found


@each_module
def test_nothing_is_oversized(module: Module) -> None:
    if module.name in waived():
        pytest.skip(waived()[module.name])
    assert not oversized(module), "split it where it does two things"


def test_waivers_have_reasons_and_are_needed() -> None:
    needed = {module.name for module in MODULES if oversized(module)}
    assert all(waived().values()), "a path, then the reason"
    assert waived().keys() <= needed, "remove the lines that are not needed any more"


def test_half_of_the_files_are_short() -> None:
    assert statistics.median(module.lines for module in MODULES) <= MAX_MEDIAN_FILE


def test_nine_in_ten_files_are_of_moderate_length() -> None:
    long = [f"{module.name}: {module.lines}" for module in MODULES if module.lines > MAX_NINTH_DECILE_FILE]
    assert len(long) <= len(MODULES) / 10, long


def test_the_rule_sees_a_long_function_and_a_long_class() -> None:
    body = "        pass\n" * (MAX_BODY + 1)
    source = f"class C:\n    def f(self):\n        '''Doc.'''\n{body}" + "    x = 1\n" * MAX_CLASS
    module = Module(Path(__file__).parents[2] / "src" / "pixeltable" / "made_up.py")
    vars(module)["source"] = source
    assert [text.split(":")[0] for text in oversized(module)] == ["class C", "function f"]
