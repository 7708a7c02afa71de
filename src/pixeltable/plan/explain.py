"""A plan as text: the statement, what Python does with its rows, and why SQL does not."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call, FunctionSpec
from pixeltable.exprs.expr import Expr, children_of, structure
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.membership import IsIn, IsInList
from pixeltable.exprs.operators import Arithmetic, Cast, Comparison
from pixeltable.plan.group_sql import sql_function
from pixeltable.plan.planner import Pusher, QueryPlan
from pixeltable.plan.scope import Pushdown
from pixeltable.plan.sql import PYTHON_ONLY, by_clock
from pixeltable.types.column_type import ArrayType, BinaryType, JsonType


def explain(plan: QueryPlan, table: TableRecord, *, pushdown: Pushdown | None) -> str:
    """The plan of a query over `table`, for people to read; not a format to parse."""
    lines = ["In SQL:", *_indented(plan.scan.sql)]
    if plan.scan.parameters:
        lines.append(f"  with {', '.join(f'{name} = {value!r}' for name, value in plan.scan.parameters.items())}")
    if plan.exact is not None:
        lines.append("  and again without vector indexes, if they find fewer rows than wanted")
    work = [*_work(plan)]
    if work:
        lines += ["In Python:", *(f"  {line}" for line in work)]
    reasons = [*_reasons(plan, Pusher(table, pushdown=pushdown))] if pushdown else ["SQL push-down is switched off"]
    if work and reasons:
        lines += ["Not in SQL:", *(f"  {line}" for line in reasons)]
    return "\n".join(lines)


def _indented(sql: str) -> Iterator[str]:
    return (f"  {line.strip()}" for line in sql.splitlines())


def _work(plan: QueryPlan) -> Iterator[str]:
    """What is left for Python, in the order in which it is done."""
    if plan.where is not None:
        yield f"filter: {plan.where}"
    if plan.sample is not None:
        yield "sample"
    if plan.grouping is not None:
        keys = ", ".join(map(str, plan.grouping.keys)) or "all rows"
        yield f"group by {keys}: {', '.join(map(str, plan.grouping.aggregates))}"
    if plan.having is not None:
        yield f"having: {plan.having}"
    for window in plan.windows:
        yield f"window: {window}"
    if plan.order_by:
        yield f"order by {', '.join(f'{item.expr}' + ('' if item.ascending else ' desc') for item in plan.order_by)}"
    if plan.limit is not None or plan.offset:
        yield f"limit {plan.limit}, offset {plan.offset or 0}"
    read = {structure(slot) for slot in plan.scan.slots}
    read |= {structure(node) for node in (*plan.windows, *(plan.grouping.aggregates if plan.grouping else ()))}
    for name, expr in plan.outputs:
        if structure(expr) not in read and not isinstance(expr, Literal):
            yield f"compute {name} = {expr}"


def _reasons(plan: QueryPlan, push: Pusher) -> Iterator[str]:
    """For each smallest part that runs in Python, why it does; each once."""
    exprs = [expr for _, expr in plan.outputs] + [item.expr for item in plan.order_by]
    exprs += [expr for expr in (plan.where, plan.having) if expr is not None]
    if plan.grouping is not None:
        exprs += [*plan.grouping.keys, *plan.grouping.aggregates]
    told: dict[str, None] = {}
    for expr in exprs:
        for node in _smallest(expr, push):
            told.setdefault(f"{node}: {_why(node, push)}")
    for item in plan.order_by:
        if push.sql(item.expr) is not None:
            told.setdefault(f"the order of {item.expr}: {_why_order(item.expr, push)}")
    yield from told


def _smallest(node: Expr, push: Pusher) -> Iterator[Expr]:
    if push.sql(node) is not None or isinstance(node, Literal):
        return
    blocked = [child for child in children_of(node) if push.sql(child) is None and not isinstance(child, Literal)]
    if blocked:
        for child in blocked:
            yield from _smallest(child, push)
    elif not isinstance(node, Aggregate) or (function := sql_function(node)) is None or not function.sql:
        yield node  # an aggregate that has SQL is there because of others, whose groups Python makes


def _why(node: Expr, push: Pusher) -> str:
    if type(node) in PYTHON_ONLY and not isinstance(node, Aggregate):
        return PYTHON_ONLY[type(node)]
    if isinstance(node, Call) and by_clock(node) and not push.scope.clocks_agree():
        return "the database has other data of the session's time zone than Python"
    if isinstance(node, Call | Aggregate):
        return _why_function(node.call_function)
    if isinstance(node, JsonPath):
        return "keys with a NUL, positions beyond 32 bits and very many steps into lists have no form in SQL"
    if isinstance(node, IsInList):
        return "Json has decimals, which only Python compares with a Float exactly"
    if isinstance(node, Comparison | IsIn) and any(isinstance(child.col_type, JsonType) for child in children_of(node)):
        return "SQL compares Json with Json, String, Int and Bool, and for order only where texts are by code point"
    if isinstance(node, Arithmetic):
        return f"{node.op} of {node.left.col_type} and {node.right.col_type} rounds or overflows differently in SQL"
    if isinstance(node, Cast):
        return "conversion follows the rules of insert, which are Python's"
    if isinstance(node.col_type, ArrayType | BinaryType) or isinstance(node, ColumnRef):
        return f"values of type {node.col_type} are only read in SQL"
    return "SQL would answer differently, or not at all, for some of its values"


def _why_order(expr: Expr, push: Pusher) -> str:
    if isinstance(expr.col_type, ArrayType | BinaryType):
        return f"values of type {expr.col_type} have another one in SQL"
    if isinstance(expr.col_type, JsonType) and not push.texts_agree():
        return "the database does not order texts by code point"
    return "Python orders by all keys where it orders by one"


def _why_function(function: FunctionSpec) -> str:
    """The reason that the function's module gives, where it gives one."""
    module, _, name = function.path.rpartition(".")
    if not module.startswith("pixeltable.functions."):
        return "it is a function of yours, which only Python can run"
    known: dict[str, str] = getattr(importlib.import_module(module), "PYTHON_ONLY", {})
    reason = known.get(name, "it has no form in SQL that means the same for these arguments")
    return known.get(reason.removeprefix("as "), reason)
