"""Both engines on the same values: an expression over columns evaluated in Python, and by the database.

Columns are `ColumnRef`s that stand in for those of a table, told apart by their names.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

import psycopg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.catalog.records import TableRecord
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.expr import Expr, nodes_in, rebuild, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.planner import plan_query
from pixeltable.plan.query import QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.session.current import current_session
from pixeltable.storage.database import Connection
from pixeltable.types.column_type import ColumnType

Rows = Sequence[Mapping[str, Any]]


class Failed(Enum):
    """What stands where an engine has no value."""

    RAISED = "the cell failed in Python"
    OUT_OF_RANGE = "the statement failed with psycopg.DataError"


RAISED: Final = Failed.RAISED
OUT_OF_RANGE: Final = Failed.OUT_OF_RANGE


def columns_in(expr: Expr) -> dict[str, ColumnType]:
    """The columns an expression refers to, with their types."""
    return {node.ref_name: node.col_type for node in nodes_in(expr) if isinstance(node, ColumnRef)}


def run_in_python(expr: Expr, rows: Rows) -> list[Any]:
    """The value in every row; RAISED where the cell failed."""
    batch = Batch(len(rows))
    for ref in {node.ref_name: node for node in nodes_in(expr) if isinstance(node, ColumnRef)}.values():
        batch.put(ref, Column([row[ref.ref_name] for row in rows]))
    column = column_of(expr, batch, current_session().context)
    return [RAISED if row in column.failures else value for row, value in enumerate(column.values)]


def run_in_sql(expr: Expr, rows: Rows, path: str) -> list[Any]:
    """The value in every row, by a statement over a new table; OUT_OF_RANGE where the database refuses it."""
    return StoredRows(path, columns_in(expr), rows).run(expr)


class StoredRows:
    """Rows in a table, for several expressions."""

    def __init__(self, path: str, types: Mapping[str, ColumnType], rows: Rows) -> None:
        schema: dict[str, Any] = {"row_number": pxt.Int, **types}
        pxt.create_table(path, schema)
        table = pxt.get_table(path)
        table.insert({"row_number": number, **{name: row[name] for name in types}} for number, row in enumerate(rows))
        self._table = table
        self._count = len(rows)

    @property
    def record(self) -> TableRecord:
        """The table as the planner sees it."""
        return self._table._record  # noqa: SLF001  # there is no public way from a handle to its record

    def bound(self, expr: Expr) -> Expr:
        """The expression over this table's columns."""
        record = self.record
        return rebuild(
            expr, lambda node: record.ref(record.column(node.ref_name)) if isinstance(node, ColumnRef) else None
        )

    def run(self, expr: Expr) -> list[Any]:
        """The value in every row, in their order."""
        statement, parameters = self._statement(expr)
        values: list[Any] = [OUT_OF_RANGE] * self._count

        def select(connection: Connection) -> None:
            parts = [range(self._count)]
            while parts:
                part = parts.pop()
                try:
                    bounds = {"start": part.start, "stop": part.stop}
                    found = connection.execute(statement, {**parameters, **bounds}).fetchall()
                    values[part.start : part.stop] = [value for (value,) in found]
                except psycopg.DataError:  # which rows are at fault, halving shows
                    middle = len(part) // 2
                    parts += [part[:middle], part[middle:]] if middle else []

        current_session().database.read(select)
        return values

    def _statement(self, expr: Expr) -> tuple[Any, dict[str, Any]]:
        """A statement that has the expression in the rows from `start` up to `stop`."""
        bound, record = self.bound(expr), self.record
        number = record.ref(record.column("row_number"))
        plan = plan_query(QuerySpec(record.id, (("value", bound), ("number", number))), record, pushdown=Pushdown())
        in_sql = len(plan.scan.slots) == 2 and structure(plan.scan.slots[0]) == structure(bound)
        assert in_sql, f"not all of `{bound}` runs in SQL"
        where = "s1 >= %(start)s AND s1 < %(stop)s"
        return f"SELECT s0 FROM ({plan.scan.sql}) AS scan WHERE {where} ORDER BY s1", plan.scan.parameters


def examples(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Values of a strategy, the same in every run: what a property is held against where one row at a time is slow."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found
