"""Functions on the elements of Json lists: `map`, `filter` and `sort`, methods of Json expressions too.

Each takes a Python function, often a lambda. It is run once, when the expression is written, with what stands for an
element, and must return an expression over it, as a query has them: paths into the element, operators, calls of library
functions and of those declared with `@pxt.udf`. Other columns of the row may be used too; what does not depend on the
element is computed once for each row. Elements of a list whose type is known have the type that it says. A key that
expressions have a method for is written as in `x['count']`.

The result is null where the list is, and where there is something else than a list, as with `*` in a path. Where
computing fails for an element, the cell fails.
"""

from collections.abc import Callable
from typing import Any

from pixeltable.exprs.elements import filter_node, map_node, sort_node
from pixeltable.exprs.expr import METHODS, Expr

__all__ = ["filter", "map", "sort"]


def filter(expr: Any, predicate: Callable[[Any], Any]) -> Expr:
    """The elements for which a predicate is true, in their order; null counts as false.

    Where the predicate is Json of which nothing is known, it is read as a Bool; the cell fails where it is none.

    Args:
        expr: a Json list, an expression or a plain one.
        predicate: a function of an element that returns a Bool expression.

    Raises:
        TypeMismatch: `expr` is known to be no list, or what the predicate returns is no Bool.
        InvalidArgument, InvalidExpression: the function cannot be made an expression.

    >>> filter([3, None, 5], lambda x: x > 3)
    filter([3, None, 5], lambda x: x > 3)
    """
    return filter_node(expr, predicate)


def map(expr: Any, fn: Callable[[Any], Any]) -> Expr:
    """The list of what a function makes of each element.

    Args:
        expr: a Json list, an expression or a plain one.
        fn: a function of an element that returns an expression of a type that JSON has, a dict or list of such, or a
            plain value.

    Raises:
        TypeMismatch: `expr` is known to be no list, or JSON has no values of the type that the function makes.
        InvalidArgument, InvalidExpression: the function cannot be made an expression.

    >>> doubled = map([{"price": 2}, {"price": 0.5}], lambda x: x.price * 2)
    >>> str(doubled.col_type)
    'Json[list[Json | None]] | None'
    """
    return map_node(expr, fn)


def sort(expr: Any, key: Callable[[Any], Any] | None = None, *, asc: bool = True) -> Expr:
    """The elements in order; equal ones stay in theirs, and null comes last in both directions.

    Values of different kinds are in the order in which `order_by` has them: text, numbers, Bool, lists, objects. Of
    lists the shorter one comes first, of those that are equally long the one whose first different element is less; so
    do objects, by their keys and values in turn.

    Args:
        expr: a Json list, an expression or a plain one.
        key: a function of an element that returns what it is ordered by; without it elements are ordered by themselves.
        asc: whether the least comes first.

    Raises:
        TypeMismatch: `expr` is known to be no list, or values of the key's type have no order.
        InvalidArgument, InvalidExpression: the function cannot be made an expression.

    >>> sort([3, 5], lambda x: -x)
    sort([3, 5], lambda x: -x)
    """
    return sort_node(expr, key, ascending=asc)


for _method in (filter, map, sort):
    METHODS["Json", _method.__name__] = _method
