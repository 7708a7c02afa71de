"""`Query`: what users build clause by clause and then run. Immutable: every clause makes a new one."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pixeltable.api.arguments import name_of
from pixeltable.api.progress import watched
from pixeltable.api.receipts import announce
from pixeltable.api.recomputation import recompute_columns
from pixeltable.api.results import ResultSet
from pixeltable.api.table_text import html_table, text_table
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument, InvalidState, TypeMismatch, Unsupported
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.leaves import ColumnRef, Literal, as_expr
from pixeltable.exprs.properties import CellProperty, Similarity
from pixeltable.exprs.queries import QueryCall
from pixeltable.exprs.variable import Variable
from pixeltable.plan.bind import bind_item, bind_predicate
from pixeltable.plan.grouping import bind_having, bind_key, check_groups, is_grouped
from pixeltable.plan.planner import select_outputs
from pixeltable.plan.query import OrderItem, QuerySpec
from pixeltable.session import change
from pixeltable.session.query import collect, count
from pixeltable.session.session import Session
from pixeltable.types.column_type import ArrayType, ColumnType, IntType, MediaType
from pixeltable.types.status import UpdateStatus


class Query:
    """A query over one table. Nothing runs until `collect`, `head`, `tail`, `show` or `count`."""

    def __init__(self, session: Session, spec: QuerySpec, name: str) -> None:
        self._session = session
        self._spec = spec
        self._name = name

    def _with(self, **clauses: Any) -> "Query":
        return Query(self._session, replace(self._spec, **clauses), self._name)

    @property
    def _table(self) -> TableRecord:
        return self._session.table(self._spec.table, self._name)

    def select(self, *items: Any, **named: Any) -> "Query":
        """Choose what the query yields: expressions, literals, lists and dicts; keywords name them.

        Without a keyword an item is called by its column, its method or its Json path, else `col_<place>`; a name that
        occurs again gets a suffix. Without any item all columns are chosen.

        Raises:
            InvalidState: the query has a select list already.
            Unsupported: a keyword names something twice.
            InvalidExpression: an item cannot be an expression, or is over another table.
        """
        if self._spec.select is not None:
            raise InvalidState("the query has a select list already", hint="Call select() once.")
        if not items and not named:
            return self
        exprs = [as_expr(item) for item in items]
        names = _default_names(exprs)
        for name in named:
            if name in names:
                raise Unsupported(f"select() has two items called {name!r}", hint="Choose another keyword.")
        chosen = (*zip(names, exprs, strict=True), *((name, as_expr(item)) for name, item in named.items()))
        for _, expr in chosen:
            bind_item(expr, self._table, role="select()")
        return self._checked(select=tuple(chosen))

    def where(self, predicate: Any) -> "Query":
        """Keep the rows for which a Bool expression is true; null counts as false.

        Raises:
            InvalidState: the query has a filter already.
            TypeMismatch: the predicate is no Bool.
            ForeignColumn: it refers to another table.
        """
        if self._spec.where is not None:
            raise InvalidState("the query has a where() already", hint="Combine conditions with & and |.")
        bind_predicate(predicate, self._table)
        return self._with(where=predicate)

    def order_by(self, *exprs: Any, asc: bool = True) -> "Query":
        """Sort by expressions; further calls add keys of lower priority. Null comes last ascending, first descending.

        Rows that are equal in all keys keep the order in which they were inserted.
        """
        items = tuple(OrderItem(as_expr(expr), asc) for expr in exprs)
        for item in items:
            bind_item(item.expr, self._table, role="order_by()")
            if isinstance(item.expr.type, ArrayType | MediaType):
                raise TypeMismatch(f"order_by(): `{item.expr}` has type `{item.expr.type}`, which has no order")
        return self._with(order_by=(*self._spec.order_by, *items))

    def group_by(self, *exprs: Any) -> "Query":
        """Yield one row for each group of rows that are equal in all expressions; nulls are equal to one another.

        What is selected and ordered by is made of these expressions and of aggregates. Groups come in the order of
        their first rows, unless `order_by` says otherwise.

        Raises:
            InvalidState: the query is grouped already.
            InvalidArgument: there is no expression.
            InvalidExpression: an item of the select list is neither made of the expressions nor an aggregate.
        """
        if self._spec.group_by:
            raise InvalidState("the query has a group_by() already", hint="Give all expressions in one call.")
        if not exprs:
            raise InvalidArgument("group_by() takes at least one expression")
        keys = tuple(as_expr(expr) for expr in exprs)
        for key in keys:
            bind_key(key, self._table)
        return self._checked(group_by=keys)

    def having(self, predicate: Any) -> "Query":
        """Keep the groups for which a Bool expression over keys and aggregates is true; null counts as false.

        Without `group_by` all rows are one group, which is kept or not.

        Raises:
            InvalidState: the query has a having() already.
            TypeMismatch: the predicate is no Bool.
            InvalidExpression: it is neither made of the expressions of `group_by` nor of aggregates.
        """
        if self._spec.having is not None:
            raise InvalidState("the query has a having() already", hint="Combine conditions with & and |.")
        bind_having(predicate, self._table)
        return self._checked(having=predicate)

    def _checked(self, **clauses: Any) -> "Query":
        """As `_with`; what the groups of rows have no value for is refused as soon as both clauses are there."""
        spec = replace(self._spec, **clauses)
        if spec.select is not None and spec.group_by:
            check_groups(spec, self._table)
        return Query(self._session, spec, self._name)

    def limit(self, n: Any, offset: Any = None) -> "Query":
        """At most `n` rows, after the first `offset`: ints, or parameters of the function that a query is made for.

        Raises:
            InvalidArgument: a number is no int, or negative.
        """
        clauses: dict[str, Any] = {"limit": None, "offset": None, "variable_limit": None, "variable_offset": None}
        for clause, name, value in (("limit", "n", n), ("offset", "offset", 0 if offset is None else offset)):
            if isinstance(value, Variable) and isinstance(value.type, IntType):
                clauses[f"variable_{clause}"] = value
            elif type(value) is not int or value < 0:
                raise InvalidArgument(f"limit(): {name} must be a non-negative int, got {value!r}")
            elif offset is not None or clause == "limit":
                clauses[clause] = value
        return self._with(**clauses)

    def parameters(self) -> dict[str, ColumnType]:
        """The names and types of the function's parameters that the query depends on; empty for other queries."""
        return self._spec.variables

    def collect(self) -> ResultSet:
        """Run the query; the result is in memory."""
        answer = collect(self._session, self._spec, self._name)
        return ResultSet(answer.columns, answer.types)

    def head(self, n: int = 10) -> ResultSet:
        """The first `n` rows in the order of insertion."""
        self._require_row_order("head")
        return self.limit(n).collect()

    def tail(self, n: int = 10) -> ResultSet:
        """The last `n` rows in the order of insertion."""
        self._require_row_order("tail")
        return self._with(row_order="newest", limit=n).collect()[::-1]

    def _require_row_order(self, method: str) -> None:
        if self._spec.order_by or self._spec.limit is not None:
            raise Unsupported(f"{method}() cannot be used with order_by() or limit()", hint="Use limit(n).collect().")
        if is_grouped(self._spec):
            raise Unsupported(f"{method}() cannot be used on groups of rows", hint="Use limit(n).collect().")

    def show(self, n: int = 20) -> ResultSet:
        """At most `n` rows of the result."""
        fewer = self.limit(n) if self._spec.limit is None else self.limit(min(n, self._spec.limit), self._spec.offset)
        return fewer.collect()

    def count(self) -> int:
        """How many rows the query yields."""
        return count(self._session, self._spec, self._name)

    def update(self, value_spec: dict[str, Any], cascade: bool = True, return_rows: bool = False) -> UpdateStatus:
        """Set columns of the rows the filter keeps; see `Table.update`."""
        self._require_filter_only("update")
        with watched(self._session, f"Updating {self._name}") as tally:
            status = change.update(
                self._session, self._spec.table, self._name, value_spec,
                where=self._spec.where, cascade=cascade, return_rows=return_rows, tally=tally,
            )  # fmt: skip
        announce(self._session, status)
        return status

    def delete(self) -> UpdateStatus:
        """Delete the rows the filter keeps; see `Table.delete`."""
        self._require_filter_only("delete")
        status = change.delete(self._session, self._spec.table, self._name, where=self._spec.where)
        announce(self._session, status)
        return status

    def recompute_columns(
        self,
        *columns: str | ColumnRef,
        errors_only: bool = False,
        stale_only: bool = False,
        cascade: bool = True,
    ) -> UpdateStatus:
        """Compute stored cells of the rows the filter keeps again; see `Table.recompute_columns`."""
        self._require_filter_only("recompute_columns")
        names = tuple(name_of(column, self._table) for column in columns)
        status = recompute_columns(
            self._session, self._spec.table, self._name, names, self._spec.where,
            errors_only=errors_only, stale_only=stale_only, cascade=cascade,
        )  # fmt: skip
        announce(self._session, status)
        return status

    def _require_filter_only(self, method: str) -> None:
        spec = self._spec
        grouped = spec.group_by or spec.having is not None
        if spec.select is not None or spec.order_by or spec.limit is not None or grouped:
            raise Unsupported(
                f"{method}() cannot be used with select(), group_by(), having(), order_by() or limit()",
                hint="Use where() alone.",
            )

    @property
    def schema(self) -> dict[str, Any]:
        """The names and types of what the query yields."""
        return {name: expr.type for name, expr in select_outputs(self._spec, self._table)}

    def describe(self) -> None:
        """Print the query."""
        print(repr(self))  # noqa: T201  # printing is what it is for

    def _parts(self) -> tuple[list[list[str]], list[tuple[str, str]]]:
        chosen = self._spec.select or select_outputs(self._spec, self._table)
        rows = [[name, str(expr.type), str(expr)] for name, expr in chosen]
        clauses = [("From", self._name)]
        if self._spec.where is not None:
            clauses.append(("Where", str(self._spec.where)))
        if self._spec.group_by:
            clauses.append(("Group By", ", ".join(map(str, self._spec.group_by))))
        if self._spec.having is not None:
            clauses.append(("Having", str(self._spec.having)))
        if self._spec.order_by:
            keys = (f"{item.expr} {'asc' if item.ascending else 'desc'}" for item in self._spec.order_by)
            clauses.append(("Order By", ", ".join(keys)))
        if self._spec.limit is not None:
            clauses.append(("Limit", str(self._spec.limit)))
        if self._spec.offset:
            clauses.append(("Offset", str(self._spec.offset)))
        return rows, clauses

    def __repr__(self) -> str:
        rows, clauses = self._parts()
        width = max(len(name) for name, _ in clauses)
        listed = "\n".join(f"{name:<{width}}  {text}" for name, text in clauses)
        items = text_table(["Name", "Type", "Expression"], rows, align=["right"] * 3)
        return f"{items}\n\n{listed}"

    def _repr_html_(self) -> str:
        rows, clauses = self._parts()
        listed = html_table(["Clause", ""], [list(clause) for clause in clauses], align=["left"] * 2)
        return html_table(["Name", "Type", "Expression"], rows, align=["left"] * 3) + listed


def clauses_of(query: Query) -> tuple[str, QuerySpec]:
    """The path of the table and the clauses, for those who store the query."""
    return query._name, query._spec  # noqa: SLF001  # a friend


def _default_names(exprs: Iterable[Expr]) -> list[str]:
    """The names of items that were given none; the first of equal names keeps it, the others get a suffix."""
    names: list[str] = []
    for place, expr in enumerate(exprs):
        stem = _stem(expr) or f"col_{place}"
        name, number = stem, 0
        while name in names:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def _stem(expr: Expr) -> str | None:
    if isinstance(expr, ColumnRef):
        return expr.name
    if isinstance(expr, Literal):
        return "literal"
    if isinstance(expr, Call | Aggregate):
        return expr.function.name.rpartition(".")[2]
    if isinstance(expr, QueryCall):
        return expr.name
    if isinstance(expr, CellProperty):
        return f"{expr.source.name}_{expr.name}"
    if isinstance(expr, Similarity):
        return "similarity"
    if isinstance(expr, JsonPath):
        source = _stem(expr.source)
        if source is None:
            return None
        return source + "".join(f"_{step}" if isinstance(step, str) else str(abs(step)) for step in expr.steps)
    return None
