"""A query for many sets of arguments in one statement: LATERAL over the arrays of the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exprs.expr import Expr, structure
from pixeltable.plan.alchemy import Sql, sa
from pixeltable.plan.planner import QueryPlan, Scan, plan_query
from pixeltable.plan.query import QuerySpec
from pixeltable.plan.scope import sa_type
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
    exact: Scan | None


def plan_lateral(
    spec: QuerySpec, table: TableRecord, arguments: Mapping[str, Argument], sets: Sequence[int], *, pushdown: bool
) -> LateralPlan | None:
    """The plan for the sets of arguments of these numbers; None if Python has to filter or order rows.

    A similarity is a VectorScore whose vector is a Variable.
    """
    given = _Given(table, arguments, sets)
    plan = plan_query(spec, table, pushdown=pushdown, variables=given.variables)
    if not _is_all_sql(plan):
        return None
    exact = None if plan.exact is None else given.joined(plan.exact)
    return LateralPlan(given.joined(plan.scan), plan.outputs, exact)


def _is_all_sql(plan: QueryPlan) -> bool:
    """Whether nothing is left to Python but to evaluate the outputs."""
    rest = (field for field in fields(plan) if field.name not in ("scan", "outputs", "exact", "wanted"))
    return all(structure(getattr(plan, field.name)) == structure(field.default) for field in rest)


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

    def joined(self, scan: Scan) -> Scan:
        """The statement for every set, its rows numbered in their order."""
        columns = ", ".join(["number", *(f"p{place}" for place in range(len(self.variables)))])
        slots = "".join(f", found.s{place}" for place in range(len(scan.slots)))
        sql = (
            f"SELECT given.number{slots} FROM unnest({', '.join(self._arrays)}) AS given({columns}) "
            # A window without an order numbers rows as they come, and they come in the order of the statement within.
            f"CROSS JOIN LATERAL (SELECT one.*, row_number() OVER () AS place FROM ({scan.sql}) AS one) AS found "
            "ORDER BY given.number, found.place"
        )
        return Scan(sql, {**scan.parameters, **self._parameters}, scan.slots)
