"""A module imports its own package and the rows above it in LAYERS, and it does so at the top of the file.

An import counts wherever it stands, also under TYPE_CHECKING and as `import_module("pixeltable...")`. Siblings on a
row do not see one another, and nobody sees the root package.
"""

import ast
from collections.abc import Iterator

from tests.architecture.source_tree import PACKAGE, Module, each_module

LAYERS = """\
error_codes
exceptions lazy
ids types settings telemetry
exprs
udfs storage
providers index models
functions catalog
plan
exec
session
api
io
serving testing func iterators
cli dashboard
"""
DEPTH = {name: depth for depth, row in enumerate(LAYERS.splitlines()) for name in row.split()}


def imported_names(node: ast.AST) -> Iterator[str]:
    """Dotted names that one statement or call imports; for `from a import b` that is `a.b`."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names):
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.Call(
            func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            yield name


def own_imports(tree: ast.AST) -> set[str]:
    """What is imported of this project anywhere below `tree`."""
    names = {name for node in ast.walk(tree) for name in imported_names(node)}
    return {name for name in names if name.split(".")[0] == "pixeltable"}


def fault(name: str, importer: str) -> str | None:
    """Why a module of `importer` may not import `name`, or None if it may."""
    target = name.partition(".")[2].partition(".")[0]
    if target not in DEPTH:
        return f"`{name}`: import the module that defines it, not the root package"
    if target == importer or DEPTH[target] < DEPTH[importer]:
        return None
    return f"`{name}`: {importer} is not above {target} in LAYERS"


@each_module
def test_imports_point_to_earlier_rows(module: Module) -> None:
    faults = [fault(name, module.package) for name in sorted(own_imports(module.tree))]
    assert not list(filter(None, faults))


@each_module
def test_no_function_imports_this_project(module: Module) -> None:
    functions = (n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    deferred = {function.name: imports for function in functions if (imports := own_imports(function))}
    assert not deferred, "move the import to the top; if that makes a cycle, the layering is wrong"


def test_every_package_has_a_row() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert packages | modules <= DEPTH.keys()


def test_rules_see_each_kind_of_fault() -> None:
    source = "import pixeltable\nfrom pixeltable.api import table\nfrom pixeltable.exprs.expr import Expr\n"
    source += "def f():\n    return importlib.import_module('pixeltable.session')\n"
    found = [name for name in sorted(own_imports(ast.parse(source))) if fault(name, "udfs")]
    assert found == ["pixeltable", "pixeltable.api.table", "pixeltable.session"]
