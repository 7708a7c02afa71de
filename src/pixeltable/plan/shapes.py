"""Queries that differ in constants alone: they have one plan, whose statement takes the constants as parameters.

Finding out what a query is costs a fraction of planning it, and applications run few queries, again and again.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, all_nodes_in, exprs_in_record, nodes_in, rebuild, structure
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.operators import Comparison
from pixeltable.exprs.properties import Similarity
from pixeltable.exprs.queries import InQuery
from pixeltable.exprs.variable import Variable
from pixeltable.plan.alchemy import sa
from pixeltable.plan.planner import QueryPlan, plan_query
from pixeltable.plan.query import QuerySpec
from pixeltable.plan.scope import Pushdown, sa_type
from pixeltable.plan.sql import has_sql
from pixeltable.types.column_type import IntType, StringType

_MOST_KEPT = 500
_OWN_WAYS = (Aggregate, InQuery, Similarity)
"""Nodes that are planned in other ways."""

_ALIKE = (bool, int, float, str, type(None))
"""Constants of which equal ones are the same; times, for one, are equal in two zones."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A query without the constants that its filter compares columns with."""

    key: Hashable
    spec: QuerySpec
    constants: dict[str, Any]


class KnownPlans:
    """The plans of the shapes used last. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: OrderedDict[Hashable, QueryPlan | None] = OrderedDict()

    def plan(self, spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> QueryPlan | None:
        """The plan of a query as users build it; None for a kind of query that has to be planned by itself."""
        shape = _shape_of(spec, table) if pushdown else None
        if shape is None or pushdown is None:
            return None
        with self._lock:
            is_known = shape.key in self._plans
            if is_known:
                self._plans.move_to_end(shape.key)
                plan = self._plans[shape.key]
        if not is_known:
            if not _is_plain(shape.spec):
                return None
            plan = _planned(shape, table, pushdown)
            self._keep(shape, plan)
        if plan is None:
            return None
        return replace(plan, scan=replace(plan.scan, parameters={**plan.scan.parameters, **shape.constants}))

    def _keep(self, shape: Shape, plan: QueryPlan | None) -> None:
        with self._lock:
            self._plans[shape.key] = plan
            if len(self._plans) > _MOST_KEPT:
                self._plans.popitem(last=False)


def _shape_of(spec: QuerySpec, table: TableRecord) -> Shape | None:
    if spec.joins or spec.group_by or spec.alias is not None or spec.moment is not None or spec.union is not None:
        return None
    if spec.having is not None or spec.sample is not None or spec.distinct or spec.variable_limit is not None:
        return None
    constants: dict[str, Any] = {}
    has_btrees = any(source.btrees for source in table.lineage)

    def without_constants(node: Expr) -> Expr | None:
        if not isinstance(node, Comparison) or not isinstance(node.left, ColumnRef):
            return None
        if not isinstance(node.right, Literal) or not _is_free(node.left, node.right, has_btrees):
            return None
        name = f"constant_{len(constants)}"
        constants[name] = node.right.value
        return Comparison(node.op, node.left, Variable(name, node.right.col_type))

    where = None if spec.where is None else rebuild(spec.where, without_constants)
    schemas = tuple((source.id, source.schema_version) for source in table.lineage)
    clauses = structure((spec.select, where, spec.order_by))
    return Shape((schemas, clauses, spec.limit, spec.offset, spec.row_order), replace(spec, where=where), constants)


def _is_free(column: ColumnRef, constant: Literal, has_btrees: bool) -> bool:
    """Whether the plan is the same for all constants of the type; conditions for b-trees are made of strings."""
    if isinstance(column.col_type, IntType):
        return type(constant.value) is int and has_sql(constant)
    if isinstance(column.col_type, StringType):
        return not has_btrees and type(constant.value) is str and has_sql(constant)
    return False


def _is_plain(spec: QuerySpec) -> bool:
    """Whether the key of a query says all of it; it does not where one call in two places is another than two calls."""
    return not any(
        isinstance(node, _OWN_WAYS)
        or (isinstance(node, Literal) and type(node.value) not in _ALIKE)
        or (isinstance(node, Call) and not node.call_function.deterministic)
        for expr in exprs_in_record(spec)
        for node in all_nodes_in(expr)
    )


def _planned(shape: Shape, table: TableRecord, pushdown: Pushdown) -> QueryPlan | None:
    """The plan; None if Python needs one of the constants."""
    variables = {name: sa.bindparam(name, type_=sa_type(kind)) for name, kind in shape.spec.variables.items()}
    plan = plan_query(shape.spec, table, pushdown=pushdown, variables=variables)
    in_python = [] if plan.where is None else [plan.where]
    in_python += [item.expr for item in plan.order_by]
    if plan.exact is not None or any(isinstance(node, Variable) for expr in in_python for node in nodes_in(expr)):
        return None
    return plan
