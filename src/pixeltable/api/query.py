"""`Query`: what users build clause by clause and then run. Immutable: every clause makes a new one."""

from dataclasses import replace
from typing import Any, Self

from pixeltable.api.clauses import sample_of
from pixeltable.api.cursor import ResultCursor
from pixeltable.api.query_changes import QueryChanges
from pixeltable.api.query_results import QueryResults
from pixeltable.api.query_sources import QuerySources
from pixeltable.api.results import ResultSet
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument, InvalidState, TypeMismatch, Unsupported
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, exprs_in_record
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.leaves import ColumnRef, Literal, as_expr, as_key, shown
from pixeltable.exprs.properties import BaseRow, CellProperty, Similarity
from pixeltable.exprs.queries import InQuery, QueryCall
from pixeltable.exprs.variable import Variable
from pixeltable.plan.bind import bind_item, bind_predicate, refuse_pending
from pixeltable.plan.grouping import bind_having, bind_key, check_groups, is_grouped
from pixeltable.plan.joins import Source
from pixeltable.plan.planner import select_outputs
from pixeltable.plan.query import OrderItem, QuerySpec, distinct_names
from pixeltable.session.query import collect, count, explained
from pixeltable.session.relations import Relation, relation_of
from pixeltable.session.session import Session
from pixeltable.session.streams import RowStream
from pixeltable.types.column_type import WILDCARD, ArrayType, ColumnType, IntType, MediaType


class Query(QueryChanges, QueryResults, QuerySources):
    """A query over a table, or several. Nothing runs until `collect`, `head`, `tail`, `show` or `count`."""

    def __init__(self, session: Session, spec: QuerySpec, name: str) -> None:
        self._session = session
        self._spec = spec
        self._name = name

    def _of(self, spec: QuerySpec) -> Self:
        return type(self)(self._session, spec, self._name)

    def _with(self, **clauses: Any) -> "Query":
        return self._of(replace(self._spec, **clauses))

    def _clauses(self) -> tuple[str, QuerySpec]:
        return self._name, self._spec

    @property
    def _relation(self) -> Relation:
        return relation_of(self._session, self._spec, self._name)

    @property
    def _table(self) -> TableRecord:
        return self._relation.record

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
        relation = self._relation
        exprs = [relation.renewed(as_expr(item)) for item in items]
        names = distinct_names(map(_stem, exprs))
        for name in named:
            if name in names:
                raise Unsupported(f"select() has two items called {name!r}", hint="Choose another keyword.")
        chosen = (*zip(names, exprs, strict=True), *((name, as_expr(item)) for name, item in named.items()))
        for _, expr in chosen:
            bind_item(relation.resolve(expr), relation.record, role="select()")
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
        if self._spec.sample is not None:
            raise InvalidState(
                "the query has a sample() already, which chooses among the rows that where() keeps",
                hint="Write where() first: t.where(...).sample(...).",
            )
        relation = self._relation
        resolved = relation.resolve(predicate) if isinstance(predicate, Expr) else predicate
        bind_predicate(resolved, relation.record)
        return self._with(where=predicate)

    def order_by(self, *exprs: Any, asc: bool = True) -> "Query":
        """Sort by expressions; further calls add keys of lower priority. Null comes last ascending, first descending.

        Rows that are equal in all keys keep the order in which they were inserted.

        Raises:
            InvalidExpression: a key is no expression, or has no single value in the groups of the query.
            TypeMismatch: a key is an array or a medium, which has no order.
        """
        if not isinstance(asc, bool):
            raise InvalidArgument(
                f"order_by(): asc is True or False, got {asc!r}",
                hint="For keys in different directions: .order_by(a).order_by(b, asc=False).",
            )
        items = tuple(OrderItem(as_key(expr, role="order_by()"), asc) for expr in exprs)
        relation = self._relation
        for item in items:
            bind_item(relation.resolve(item.expr), relation.record, role="order_by()")
            if isinstance(item.expr.col_type, ArrayType | MediaType):
                raise TypeMismatch(
                    f"order_by(): `{item.expr}` has type `{item.expr.col_type}`, which has no order",
                    hint="Order by a part of it, or by what a function makes of it.",
                )
        return self._checked(order_by=(*self._spec.order_by, *items))

    def group_by(self, *exprs: Any) -> "Query":
        """Yield one row for each group of rows that are equal in all expressions; nulls are equal to one another.

        A base of the view that is queried, `v.group_by(t)`, stands for its row: rows of one row of it are a group, and
        all its columns are keys. What is selected and ordered by is made of keys and of aggregates. Groups come in the
        order of their first rows, unless `order_by` says otherwise.

        Raises:
            InvalidState: the query is grouped already.
            InvalidArgument: there is no expression.
            InvalidExpression: an item of the select list is neither made of the expressions nor an aggregate.
        """
        if self._spec.group_by:
            raise InvalidState("the query has a group_by() already", hint="Give all expressions in one call.")
        if not exprs:
            raise InvalidArgument("group_by() takes at least one expression", hint="Such as group_by(t.name).")
        keys = tuple(self._group_key(expr) for expr in exprs)
        relation = self._relation
        for key in keys:
            bind_key(relation.resolve(key), relation.record)
        return self._checked(group_by=keys)

    def _group_key(self, expr: Any) -> Expr:
        """An expression to group by; of a table that the query's is a view of, the row of that."""
        source = getattr(expr, "_source", None)
        if not isinstance(source, Source):
            return as_key(expr, role="group_by()")
        if source.record.id not in {table.id for table in self._table.lineage}:
            raise InvalidArgument(
                f"group_by(): {source.record.path!r} is no base of {self._name!r}", hint="Group by columns."
            )
        return BaseRow(source.record.id, source.record.path)

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
        relation = self._relation
        resolved = relation.resolve(predicate) if isinstance(predicate, Expr) else predicate
        bind_having(resolved, relation.record)
        return self._checked(having=predicate)

    def distinct(self) -> "Query":
        """Yield rows that are equal in all that is selected once, where the first of them is; nulls are equal.

        Raises:
            Unsupported: the query groups rows or aggregates.
            TypeMismatch: it selects arrays or media, which cannot be compared.
        """
        if is_grouped(self._spec):
            raise Unsupported("distinct() cannot be used on groups of rows", hint="Groups differ in their keys anyway.")
        relation = self._relation
        for _, expr in select_outputs(relation.resolve_spec(self._spec), relation.record):
            bind_key(expr, relation.record, role="distinct()")
        return self._with(distinct=True)

    def sample(
        self,
        n: int | None = None,
        n_per_stratum: int | None = None,
        fraction: float | None = None,
        seed: int | None = None,
        stratify_by: Any = None,
    ) -> "Query":
        """Choose rows by chance, of those the filter keeps: `n`, so many of each stratum, or a fraction from 0 to 1.

        With a `seed` the same rows are chosen each time, whatever else the query asks for. They stay in their order.

        Args:
            stratify_by: expressions, or one; rows that are equal in all of them are a stratum. Then `n` rows come from
                the strata in proportion, and a fraction is taken of each, at least one row.

        Raises:
            InvalidArgument: not just one of `n`, `n_per_stratum` and `fraction` is given, or it is out of range.
            Unsupported: the query joins tables, or has clauses that come after a sample.
        """
        spec = self._spec
        self._refuse_on_union("sample")
        if spec.joins or spec.order_by or spec.limit is not None or spec.group_by or spec.sample or spec.distinct:
            raise Unsupported(
                "sample() comes before order_by(), group_by(), limit() and distinct(); it takes no join()",
                hint="Write it first: t.where(...).sample(...).order_by(...).",
            )
        keys = stratify_by if isinstance(stratify_by, list | tuple) else [] if stratify_by is None else [stratify_by]
        sample = sample_of(n, n_per_stratum, fraction, seed, tuple(as_key(key, role="sample()") for key in keys))
        relation = self._relation
        for key in sample.stratify_by:
            bind_key(relation.resolve(key), relation.record, role="sample()")
        return self._with(sample=sample)

    def _checked(self, **clauses: Any) -> "Query":
        """As `_with`; what the groups of rows have no value for is refused as soon as both clauses are there."""
        spec = replace(self._spec, **clauses)
        if spec.group_by:
            chosen = (("key", spec.group_by[0]),) if spec.select is None else spec.select
            relation = self._relation
            check_groups(relation.resolve_spec(replace(spec, select=chosen)), relation.record)
        return self._of(spec)

    def _members_for(self, operand: Expr) -> Expr:
        """What `operand.isin(self)` is."""
        if self._spec.variables:
            raise Unsupported(f"`{operand}`.isin(): the query has parameters", hint="Use it without a function.")
        relation = self._relation
        outputs = select_outputs(relation.resolve_spec(self._spec), relation.record)
        if len(outputs) != 1:
            names = ", ".join(name for name, _ in outputs)
            raise InvalidArgument(
                f"`{operand}`.isin() takes a query of one column, this one has {len(outputs)}: {names}",
                hint="Choose one with select().",
            )
        _ = operand == outputs[0][1]  # refuses values that cannot be compared
        return InQuery(operand, self._name, self._spec)

    def limit(self, n: Any, offset: Any = None) -> "Query":
        """At most `n` rows, after the first `offset`: ints, or parameters of the function that a query is made for.

        Raises:
            InvalidArgument: a number is no int, or negative.
        """
        clauses: dict[str, Any] = {"limit": None, "offset": None, "variable_limit": None, "variable_offset": None}
        for clause, name, value in (("limit", "n", n), ("offset", "offset", 0 if offset is None else offset)):
            if isinstance(value, Variable) and isinstance(value.col_type, IntType):
                clauses[f"variable_{clause}"] = value
            elif type(value) is not int or value < 0:
                raise InvalidArgument(
                    f"limit(): {name} must be a non-negative int, got {shown(value)}",
                    hint="Such as limit(10, offset=20).",
                )
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

    def explain(self) -> str:
        """How the query is run: the statement, what Python does with its rows, and why SQL does not."""
        return explained(self._session, self._spec, self._name)

    def cursor(self) -> ResultCursor:
        """A cursor over the rows of the query, for results that are too large for memory; see `ResultCursor`."""
        return ResultCursor(RowStream(self._session, self._spec, self._name), self.schema)

    def head(self, n: int = 10) -> ResultSet:
        """The first `n` rows in the order of insertion."""
        self._require_row_order("head", n)
        return self.limit(n).collect()

    def tail(self, n: int = 10) -> ResultSet:
        """The last `n` rows in the order of insertion."""
        self._require_row_order("tail", n)
        return self._with(row_order="newest", limit=n).collect()[::-1]

    def _require_row_order(self, method: str, n: Any) -> None:
        _require_count(method, n)
        if self._spec.order_by or self._spec.limit is not None:
            raise Unsupported(f"{method}() cannot be used with order_by() or limit()", hint="Use limit(n).collect().")
        if is_grouped(self._spec) or self._spec.distinct:
            raise Unsupported(f"{method}() cannot be used on groups of rows", hint="Use limit(n).collect().")
        if self._spec.joins or self._spec.sample:
            raise Unsupported(f"{method}() cannot be used with join() or sample()", hint="Use limit(n).collect().")

    def show(self, n: int = 20) -> ResultSet:
        """At most `n` rows of the result."""
        _require_count("show", n)
        fewer = self.limit(n) if self._spec.limit is None else self.limit(min(n, self._spec.limit), self._spec.offset)
        return fewer.collect()

    def count(self) -> int:
        """How many rows the query yields."""
        return count(self._session, self._spec, self._name)

    @property
    def schema(self) -> dict[str, Any]:
        """The names and types of what the query yields."""
        relation = self._relation
        return {
            name: expr.col_type for name, expr in select_outputs(relation.resolve_spec(self._spec), relation.record)
        }


def clauses_of(query: Query) -> tuple[str, QuerySpec]:
    """The path of the table and the clauses, for those who store the query."""
    return query._clauses()  # noqa: SLF001  # a friend


def _require_count(method: str, n: Any) -> None:
    if type(n) is not int or n < 0:
        raise InvalidArgument(
            f"{method}(): n must be a non-negative int, got {shown(n)}", hint=f"Such as {method}(10)."
        )


def _stem(expr: Expr) -> str | None:
    if isinstance(expr, ColumnRef):
        return expr.ref_name
    if isinstance(expr, Literal):
        return "literal"
    if isinstance(expr, Call | Aggregate):
        return expr.call_function.name.rpartition(".")[2]
    if isinstance(expr, QueryCall):
        return expr.call_name
    if isinstance(expr, CellProperty):
        return f"{expr.source.ref_name}_{expr.name}"
    if isinstance(expr, Similarity):
        return "similarity"
    if isinstance(expr, JsonPath):
        source = _stem(expr.json_root)
        if source is None:
            return None
        return source + "".join(map(_step_name, expr.json_steps))
    return None


def _step_name(step: str | int | slice) -> str:
    if isinstance(step, slice):
        return "".join(str(abs(bound)) for bound in (step.start, step.stop, step.step) if bound is not None)
    if isinstance(step, str):
        return "_star" if step == WILDCARD else f"_{step}"
    return str(abs(step))


def refuse_pending_columns(query: Query, *, role: str) -> None:
    """Check that what is to be kept of the rows of a query is of columns that are there.

    Raises:
        InvalidState: it reads one that is still being computed.
    """
    record = query._relation.record  # noqa: SLF001  # of this module
    for expr in exprs_in_record(query._spec):  # noqa: SLF001
        refuse_pending(expr, record, role=role)
