"""A query for many sets of arguments in one statement: for each of them (LATERAL), or as a join where it looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.aggregate import aggregates_in
from pixeltable.exprs.expr import Expr, exprs_in_record, nodes_in, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.operators import And, Comparison
from pixeltable.exprs.variable import Variable
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.bind import bind, bind_predicate
from pixeltable.plan.planner import (
    Pusher,
    QueryPlan,
    Scan,
    compile_scan,
    leads_with_nearest,
    order_keys,
    plan_query,
    select_outputs,
    slot_sql,
    slots_of,
    split_predicate,
)
from pixeltable.plan.query import OrderItem, QuerySpec
from pixeltable.plan.scope import Pushdown, sa_type
from pixeltable.storage.cells import vector_texts
from pixeltable.storage.heaps import sql_type
from pixeltable.types.column_type import (
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    StringType,
    TimestampType,
    UUIDType,
)

_IN_SQL = (StringType, IntType, FloatType, BoolType, TimestampType, DateType, UUIDType)


@dataclass(frozen=True, slots=True)
class Argument:
    """The values of a parameter, one for each set; `index` is the id of the embedding index that they search."""

    type: ColumnType
    values: Sequence[Any]
    index: int | None = None


@dataclass(frozen=True, slots=True)
class LateralPlan:
    """A statement whose rows start with the number of their set, and are in order within it; as QueryPlan otherwise."""

    scan: Scan
    outputs: tuple[tuple[str, Expr], ...]
    exact: Scan | None = None


def plan_lateral(
    spec: QuerySpec,
    table: TableRecord,
    arguments: Mapping[str, Argument],
    sets: Sequence[int],
    *,
    pushdown: Pushdown | None,
) -> LateralPlan | None:
    """The plan for the sets of arguments of these numbers; None if Python has to filter or order rows.

    A similarity is a VectorScore whose vector is a Variable.
    """
    if any(True for expr in exprs_in_record(spec) for _ in aggregates_in(expr)):
        return None
    others = (field for field in fields(spec) if field.name not in _CLAUSES)
    if any(structure(getattr(spec, field.name)) != structure(field.default) for field in others):
        return None
    given = _Given(table, arguments, sets)
    if _looks_up(spec) and spec.variable_limit is None and spec.variable_offset is None:
        joined = _plan_join(spec, table, given, pushdown=pushdown)
        if joined is not None:
            return joined
    plan = plan_query(spec, table, pushdown=pushdown, variables=given.variables)
    if not _is_all_sql(plan):
        return None
    exact = None if plan.exact is None else given.for_each(plan.exact)
    return LateralPlan(given.for_each(plan.scan), plan.outputs, exact)


_CLAUSES = {
    "table", "select", "where", "order_by", "limit", "offset", "row_order", "variable_limit", "variable_offset",
}  # fmt: skip
"""What of a query can be planned here; one that has more is run for each set by itself."""


def _is_all_sql(plan: QueryPlan) -> bool:
    """Whether nothing is left to Python but to evaluate the outputs."""
    rest = (field for field in fields(plan) if field.name not in ("scan", "outputs", "exact", "wanted"))
    return all(structure(getattr(plan, field.name)) == structure(field.default) for field in rest)


def _looks_up(spec: QuerySpec) -> bool:
    """Whether the filter wants something of the row to equal something of the arguments."""
    parts = spec.where.parts if isinstance(spec.where, And) else (spec.where,)
    equalities = (part for part in parts if isinstance(part, Comparison) and part.op == "==")
    return any({_kind(part.left), _kind(part.right)} == {"row", "arguments"} for part in equalities)


def _kind(side: Expr) -> str | None:
    kinds = {type(node) for node in nodes_in(side)} & {ColumnRef, Variable}
    return "row" if kinds == {ColumnRef} else "arguments" if kinds == {Variable} else None


def _plan_join(spec: QuerySpec, table: TableRecord, given: _Given, *, pushdown: Pushdown | None) -> LateralPlan | None:
    """A join of arguments and rows, which a hash of them answers in one pass, where LATERAL takes one for each set."""
    push = Pusher(table, pushdown=pushdown, variables=given.variables)
    outputs = select_outputs(spec, table)
    assert spec.where is not None
    conditions, rest = split_predicate(bind_predicate(spec.where, table), push)
    ordering = tuple(OrderItem(bind(item.expr, table, role="order_by()"), item.ascending) for item in spec.order_by)
    keys = order_keys(ordering, spec, push)
    if rest is not None or keys is None or leads_with_nearest(ordering):
        return None
    slots = tuple(slots_of([expr for _, expr in outputs], push))
    columns = [slot_sql(slot, push).label(f"s{place}") for place, slot in enumerate(slots)]
    number: Sql = sa.literal_column("given.number")
    place = sa.func.row_number().over(partition_by=number, order_by=keys)
    query = sa.select(number.label("number"), place.label("place"), *columns)
    query = query.select_from(sa.table("given").join(push.scope.from_clause(), sa.true())).where(*conditions)
    return LateralPlan(given.matched(compile_scan(query, slots), spec), outputs)


class _Given:
    """The arguments as a relation: `number` is that of the set, `p0`, `p1`, ... are those that SQL has a type for."""

    def __init__(self, table: TableRecord, arguments: Mapping[str, Argument], sets: Sequence[int]) -> None:
        self.variables: dict[str, Sql] = {}
        self._arrays = ["%(given)s::bigint[]"]
        self._parameters: dict[str, Any] = {"given": list(sets)}
        for name, argument in arguments.items():
            self._add(table, name, argument, sets)

    def _add(self, table: TableRecord, name: str, argument: Argument, sets: Sequence[int]) -> None:
        place = f"p{len(self.variables)}"
        chosen: list[Any] = [argument.values[number] for number in sets]
        if argument.index is not None:
            kind = table.heap(argument.index).column("vector").sql_type
            # Cast as a whole array, once: the text of a vector would be read again for each row it is compared to.
            self._arrays.append(f"%(given_{place})s::text[]::{kind}[]")
            self.variables[name] = sa.literal_column(f"given.{place}")
            chosen = list(vector_texts(chosen))
        elif isinstance(argument.type, _IN_SQL):
            self._arrays.append(f"%(given_{place})s::{sql_type(argument.type)}[]")
            collation = ' COLLATE "C"' if isinstance(argument.type, StringType) else ""
            self.variables[name] = sa.literal_column(f"(given.{place}{collation})", sa_type(argument.type))
        else:
            return
        self._parameters[f"given_{place}"] = chosen

    @property
    def _relation(self) -> str:
        columns = ", ".join(["number", *(f"p{place}" for place in range(len(self.variables)))])
        return f"WITH given ({columns}) AS (SELECT * FROM unnest({', '.join(self._arrays)}))"

    def for_each(self, scan: Scan) -> Scan:
        """The statement for every set, its rows numbered in their order."""
        slots = "".join(f", found.s{place}" for place in range(len(scan.slots)))
        return self._scan(
            scan,
            f"SELECT given.number{slots} FROM given "
            # A window without an order numbers rows as they come, and they come in the order of the statement within.
            f"CROSS JOIN LATERAL (SELECT one.*, row_number() OVER () AS place FROM ({scan.sql}) AS one) AS found "
            "ORDER BY given.number, found.place",
        )

    def matched(self, scan: Scan, spec: QuerySpec) -> Scan:
        """Of rows with the number of their set and their place in it those that the query asks for."""
        slots = "".join(f", s{place}" for place in range(len(scan.slots)))
        first = spec.offset or 0
        last = "" if spec.limit is None else f"AND place <= {first + spec.limit}"
        return self._scan(
            scan, f"SELECT number{slots} FROM ({scan.sql}) AS found WHERE place > {first} {last} ORDER BY number, place"
        )

    def _scan(self, scan: Scan, sql: str) -> Scan:
        return Scan(f"{self._relation} {sql}", {**scan.parameters, **self._parameters}, scan.slots)
