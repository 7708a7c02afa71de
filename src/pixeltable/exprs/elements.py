"""Lists made from Json lists: of what a function makes of each element, of those that it keeps, or in its order."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidExpression, TypeMismatch
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, all_nodes_in, nodes_in, rebuild, record, structure
from pixeltable.exprs.leaves import ColumnRef, Literal, as_expr
from pixeltable.exprs.operators import Cast
from pixeltable.exprs.properties import CellProperty, Similarity
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    JsonType,
    MediaType,
)
from pixeltable.types.common import common_type
from pixeltable.types.hints import json_part
from pixeltable.types.json_structure import JsonItems, JsonTuple


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Element(Expr):
    """What stands for an element of a list in a function of it."""

    element_type: ColumnType

    @property
    def col_type(self) -> ColumnType:
        return self.element_type

    def __str__(self) -> str:
        return "element"


@record
@dataclass(frozen=True, slots=True, eq=False)
class ElementFunction:
    """What is made of an element: `body`, an expression over `element` and the Variables in `outer`.

    These stand for all that is the same for every element of a row, which is computed once: the node that has the
    function has an expression for each of them. So the body is of no row, and of no other function around it.
    """

    element: Element
    outer: tuple[Variable, ...]
    body: Expr

    @property
    def is_identity(self) -> bool:
        """Whether it gives the element itself."""
        return isinstance(self.body, Element)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonMap(Expr):
    """The list of what a function makes of each element of a list; null where there is no list."""

    list_expr: Expr
    element_function: ElementFunction
    outer_exprs: tuple[Expr, ...]

    @property
    def col_type(self) -> ColumnType:
        return JsonType(_may_be_null(self.list_expr), JsonItems(json_part(self.element_function.body.col_type)))

    def __str__(self) -> str:
        return f"map({self.list_expr}, {_lambda_text(self.element_function, self.outer_exprs)})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonFilter(Expr):
    """The elements of a list for which a function is true, in their order; null where there is no list."""

    list_expr: Expr
    element_function: ElementFunction
    outer_exprs: tuple[Expr, ...]

    @property
    def col_type(self) -> ColumnType:
        return JsonType(_may_be_null(self.list_expr), JsonItems(element_type(self.list_expr)))

    def __str__(self) -> str:
        return f"filter({self.list_expr}, {_lambda_text(self.element_function, self.outer_exprs)})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JsonSort(Expr):
    """The elements of a list in the order of a function; null where there is no list.

    Those that are equal in it keep their order; those for which it is null come last, ascending or not.
    """

    list_expr: Expr
    element_function: ElementFunction
    outer_exprs: tuple[Expr, ...]
    is_ascending: bool

    @property
    def col_type(self) -> ColumnType:
        return JsonType(_may_be_null(self.list_expr), JsonItems(element_type(self.list_expr)))

    def __str__(self) -> str:
        shown = [str(self.list_expr)]
        shown += [] if self.element_function.is_identity else [_lambda_text(self.element_function, self.outer_exprs)]
        shown += [] if self.is_ascending else ["asc=False"]
        return f"sort({', '.join(shown)})"


def element_type(source: Expr) -> ColumnType:
    """The type of the elements of a list; anything, where nothing is known of them, or they differ."""
    schema = source.col_type.schema if isinstance(source.col_type, JsonType) else None
    if isinstance(schema, JsonItems):
        return schema.item
    found = common_type(schema.items) if isinstance(schema, JsonTuple) and schema.items else None
    return JsonType(True) if found is None else found


def _may_be_null(source: Expr) -> bool:
    """Whether the result may be null: because the list may be, or because there may be something else in its place."""
    kind = source.col_type
    return kind.nullable or not isinstance(kind, JsonType) or not isinstance(kind.schema, JsonItems | JsonTuple)


def map_node(source: Any, fn: Callable[..., Any]) -> JsonMap:
    """The node for a list of what a Python function makes of each element.

    Raises:
        TypeMismatch: the source is no list, or JSON has no values of the type that the function makes.
        InvalidArgument: see `_traced`.
        InvalidExpression: see `_traced`.
    """
    source = _list(source, role="map()")
    function, outer = _traced(source, fn, role="map()")
    made = function.body.col_type
    if not JsonType().accepts(made):
        raise TypeMismatch(
            f"map(): the function makes `{made}` of an element, of which JSON has none",
            hint="Make text, numbers, Bool or Json of it.",
        )
    return JsonMap(source, function, outer)


def filter_node(source: Any, predicate: Callable[..., Any]) -> JsonFilter:
    """The node for the elements for which a Python function is true; raises as `map_node`."""
    source = _list(source, role="filter()")
    function, outer = _traced(source, predicate, role="filter()")
    made = function.body.col_type
    if isinstance(function.body, Literal):
        raise InvalidExpression(
            f"filter(): the predicate is {function.body} for every element",
            hint="A key that expressions have a name for is written x['count'], not x.count.",
        )
    if isinstance(made, JsonType) and made.schema is None:
        function = replace(function, body=Cast(function.body, BoolType()))
    elif not isinstance(made, BoolType):
        raise TypeMismatch(f"filter(): the predicate is of type `{made}`, not `Bool`")
    return JsonFilter(source, function, outer)


def sort_node(source: Any, key: Callable[..., Any] | None, *, ascending: bool) -> JsonSort:
    """The node for the elements in the order of a Python function, or in their own; raises as `map_node`."""
    source = _list(source, role="sort()")
    function, outer = _traced(source, key or _itself, role="sort()")
    if isinstance(function.body.col_type, ArrayType | BinaryType | MediaType):
        raise TypeMismatch(f"sort(): the key is of type `{function.body.col_type}`, whose values have no order")
    return JsonSort(source, function, outer, ascending)


def _itself(element: Expr) -> Expr:
    return element


def _list(source: Any, *, role: str) -> Expr:
    expr = as_expr(source)
    kind = expr.col_type
    known = kind.schema if isinstance(kind, JsonType) else None
    if not isinstance(kind, JsonType) or not (known is None or isinstance(known, JsonItems | JsonTuple)):
        raise TypeMismatch(f"{role} takes a Json list, but `{expr}` has type `{kind}`")
    return expr


def _traced(source: Expr, fn: Any, *, role: str) -> tuple[ElementFunction, tuple[Expr, ...]]:
    """A Python function as data: called once, with what stands for an element; and the expressions for `outer`.

    Raises:
        InvalidArgument: it is no function, or not of one argument.
        InvalidExpression: what it returns is no expression and no plain value, or can be had for rows alone.
    """
    element = Element(element_type(source))
    _check_callable(fn, role=role)
    returned = fn(element)
    hint = (
        "The function is run once, for what stands for an element, and must return an expression over it. Any Python "
        "code goes into a function declared with @pxt.udf, which may be called on the element."
    )
    if returned is None:
        raise InvalidExpression(f"{role}: the function returned None, not an expression", hint="Is a `return` missing?")
    if isinstance(returned, str) and str(element) in returned:
        raise InvalidExpression(
            f"{role}: the function made the text {returned!r} of what stands for an element",
            hint="str() and f-strings see no values. Use + on texts, or pxtf.string.format.",
        )
    if isinstance(returned, ColumnType):
        hint = "A key that expressions have a name for is written x['count'], not x.count."
    try:
        body = as_expr(returned)
    except InvalidExpression as error:
        raise InvalidExpression(f"{role}: {error.message}", hint=hint) from None
    return _lifted(body, element, role=role)


def _check_callable(fn: Any, *, role: str) -> None:
    if not callable(fn):
        raise InvalidArgument(f"{role} takes a function of an element, such as lambda x: x.price, got {fn!r}")
    if inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn):
        raise InvalidArgument(
            f"{role}: the function is run once, to return an expression, and cannot be async or yield",
            hint="Declare it with @pxt.udf and call that.",
        )
    try:
        parameters = inspect.signature(fn)
    except (TypeError, ValueError):
        return  # of a built-in that does not tell
    try:
        parameters.bind(None)
    except TypeError:
        raise InvalidArgument(f"{role}: the function is called with one element, but takes {parameters}") from None


def _lifted(body: Expr, element: Element, *, role: str) -> tuple[ElementFunction, tuple[Expr, ...]]:
    """The function with Variables in the place of what does not depend on the element, and what these stand for."""
    found: dict[Any, tuple[Variable, Expr]] = {}

    def change(node: Expr) -> Expr | None:
        if node is element or isinstance(node, Literal):
            return node
        if not _is_of_row(node, element):
            return None
        default = (Variable(f"outer{len(found)}", node.col_type), node)
        return found.setdefault(structure(node), default)[0]

    lifted = rebuild(body, change)
    for node in nodes_in(lifted):
        if isinstance(node, Aggregate):
            raise InvalidExpression(
                f"{role}: `{node}` is an aggregate over rows, and an element is no row",
                hint="Json lists have .sum(), .min(), .max(), .mean() and .len().",
            )
        if isinstance(node, Similarity | CellProperty):
            raise InvalidExpression(f"{role}: `{node}` is about a column, and cannot depend on an element")
    pairs = tuple(found.values())
    return ElementFunction(element, tuple(variable for variable, _ in pairs), lifted), tuple(expr for _, expr in pairs)


def _is_of_row(node: Expr, element: Element) -> bool:
    """Whether a part is the same for every element of a row: what chance decides is made for each of them."""
    if any(inner is element for inner in nodes_in(node)):
        return False
    calls = (inner for inner in all_nodes_in(node) if isinstance(inner, Call))
    return isinstance(node, Aggregate) or all(call.call_function.deterministic for call in calls)


def _lambda_text(function: ElementFunction, outer: Sequence[Expr]) -> str:
    nodes = [node for expr in outer for node in nodes_in(expr)]
    used = {node.ref_name for node in nodes if isinstance(node, ColumnRef)}
    used |= {node.variable_name for node in nodes if isinstance(node, Variable)}
    name = next(name for name in chain("xyz", (f"x{number}" for number in count(1))) if name not in used)
    given = {variable.variable_name: expr for variable, expr in zip(function.outer, outer, strict=True)}

    def shown(node: Expr) -> Expr | None:
        if isinstance(node, Element):
            return Variable(name, node.col_type)
        return given.get(node.variable_name) if isinstance(node, Variable) else None

    body = rebuild(function.body, shown)
    return f"lambda {name}: {body}"
