"""Each expression node has its rule in every consumer: evaluation, SQL, storage.

A node is a subclass of `Expr` that can stand in a tree. Bases that only carry shared behaviour are neither dataclasses
of their own nor leaves of the class tree.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator

import pytest

import pixeltable.exec
import pixeltable.exprs
from pixeltable.exec.evaluate import evaluate
from pixeltable.exprs import codec
from pixeltable.exprs.arrays import ArrayItem, ArrayOf
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal
from pixeltable.exprs.membership import IsIn, IsInList
from pixeltable.exprs.operators import And, Arithmetic, Comparison, Concat, IsNull, Negate, Not, Or, Repeat
from pixeltable.exprs.properties import BaseRow, CellProperty, InShare, RowHash, RowId, Similarity, VectorScore
from pixeltable.exprs.queries import InQuery
from pixeltable.exprs.shift import Shift
from pixeltable.plan.sql import PYTHON_ONLY, to_sql
from tests.exprs.examples import EXAMPLES


def import_all_nodes() -> None:
    for package in (pixeltable.exprs, pixeltable.exec):  # nodes, and the modules with rules for them
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def is_current(cls: type) -> bool:
    """Whether the class is the one its module shows: `@dataclass(slots=True)` leaves the class it replaced behind."""
    return getattr(sys.modules[cls.__module__], cls.__qualname__, None) is cls


def subclasses(cls: type[Expr]) -> Iterator[type[Expr]]:
    for below in cls.__subclasses__():
        if is_current(below) and below.__module__.startswith("pixeltable."):
            yield below
            yield from subclasses(below)


def is_node(cls: type[Expr]) -> bool:
    leaf = not list(subclasses(cls))
    return not inspect.isabstract(cls) and (leaf or "__dataclass_fields__" in vars(cls))


NO_KEYS = (
    "call_", "cast_", "col_type", "element_", "expr_", "is_ascending", "json_", "list_", "object_", "outer_", "ref_",
    "variable_",
)  # fmt: skip
"""How fields and methods of nodes begin that may be of type Json, of which all other names are keys."""

ALWAYS_SCALAR = {
    And, Arithmetic, ArrayItem, ArrayOf, BaseRow, CellProperty, Comparison, Concat, InQuery, InShare, IsIn, IsInList,
    IsNull, Literal, Negate, Not, Or, Repeat, RowHash, RowId, Shift, Similarity, VectorScore,
}  # fmt: skip
"""Nodes that are never objects or lists, or that nobody holds in his hand."""


import_all_nodes()
NODES = sorted(filter(is_node, set(subclasses(Expr))), key=lambda cls: cls.__name__)
each_node = pytest.mark.parametrize("node", NODES, ids=[cls.__name__ for cls in NODES])


@each_node
def test_node_has_a_rule_for_evaluation(node: type[Expr]) -> None:
    assert node in evaluate.registry


@each_node
def test_names_within_a_node_of_json_are_no_keys(node: type[Expr]) -> None:
    if node in ALWAYS_SCALAR:
        pytest.skip("it has no keys")
    names = {name for name in dir(node) if not name.startswith("_")} - {"astype", "isin"}
    assert all(name.startswith(NO_KEYS) for name in names), "what users call so is a key"


@each_node
def test_node_has_a_rule_for_sql_or_is_listed_as_python_only(node: type[Expr]) -> None:
    assert (node in to_sql.registry) != (node in PYTHON_ONLY), "one of the two, not both"


@each_node
def test_node_has_an_example_of_its_own_type(node: type[Expr]) -> None:
    assert type(EXAMPLES.get(node)) is node, "add one to tests/exprs/examples.py"


@each_node
def test_node_survives_storage(node: type[Expr]) -> None:
    example = EXAMPLES[node]
    restored = codec.decode(codec.encode(example))
    assert type(restored) is node
    assert codec.fingerprint(restored) == codec.fingerprint(example)


def test_rules_and_examples_name_no_class_that_is_gone() -> None:
    assert PYTHON_ONLY | EXAMPLES.keys() <= set(NODES)
