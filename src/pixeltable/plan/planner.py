"""From a query to a plan: one statement that does all SQL can do, and what is left for Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import Unsupported
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import Expr, children_of, nodes_in, structure
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.operators import And
from pixeltable.exprs.properties import BaseRow, CellProperty, RowHash, RowId, VectorScore
from pixeltable.exprs.variable import Variable
from pixeltable.plan import bounds, btrees, json_sql
from pixeltable.plan.alchemy import Sql, postgresql, sa
from pixeltable.plan.bind import bind, bind_item, bind_predicate
from pixeltable.plan.joins import JoinedRecord, JoinScope
from pixeltable.plan.query import Grouping, How, OrderItem, QuerySpec, Sample
from pixeltable.plan.scope import Pushdown, Scope
from pixeltable.plan.sql import IN_SQL, is_in_share, to_sql, vector_distance
from pixeltable.storage.cells import numbers_text
from pixeltable.storage.heaps import BASE_ROW, Heap
from pixeltable.types.column_type import ArrayType, BinaryType, JsonType


@cache
def _dialect() -> Any:
    return postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it without types


_READ_AS_THEY_ARE = BaseRow | ColumnRef | CellProperty | RowHash | RowId | VectorScore
"""Nodes that are known in the database alone."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement; its result has a column for every expression in `slots`, in that order.

    With `all_rows` it yields every row of what it reads.
    """

    sql: str
    parameters: dict[str, Any]
    slots: tuple[Expr, ...]
    all_rows: bool = False


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A statement and what Python does with its rows: filter, group, order, cut, then evaluate `outputs`.

    `sample` is there if Python chooses among the rows, `grouping` if it groups them, `having` if it chooses among
    groups; `windows` have to see all rows before any is cut off; rows that are left in no other order are then taken in
    reverse if `newest_first` is set.

    `exact` answers the same without vector indexes and with rows that have no vector; it is used when `scan` yields
    fewer rows than `wanted`.
    """

    scan: Scan
    outputs: tuple[tuple[str, Expr], ...]
    where: Expr | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    exact: Scan | None = None
    wanted: int | None = None
    grouping: Grouping | None = None
    having: Expr | None = None
    windows: tuple[Aggregate, ...] = ()
    newest_first: bool = False
    sample: Sample | None = None


class Pusher:
    """Decides what runs in the statement: everything that has SQL, or, with push-down off, stored cells alone."""

    def __init__(
        self, table: TableRecord, *, pushdown: Pushdown | None, variables: Mapping[str, Sql] | None = None
    ) -> None:
        self._pushdown = pushdown
        clocks_agree = (pushdown or Pushdown()).clocks_agree
        self.texts_agree = pushdown.texts_agree if pushdown else lambda: False
        self.left_over: list[Expr] = []
        """Conditions of joins for Python to filter by."""

        if isinstance(table, JoinedRecord):
            self.scope: Scope = JoinScope(
                table, variables or {}, clocks_agree=clocks_agree, texts_agree=self.texts_agree
            )
            self.scope.conditions += [self._join_condition(how, on, table) for how, on in table.joins]
        else:
            self.scope = Scope(table, variables or {}, clocks_agree=clocks_agree, texts_agree=self.texts_agree)

    def _join_condition(self, how: How, on: Expr | None, table: TableRecord) -> Sql:
        if on is None:
            return sa.true()
        bound = bind_predicate(on, table, role="join()")
        found = to_sql(bound, self.scope)
        if found is not None:
            return found
        if how != "inner":
            raise Unsupported(
                f"the condition of a {how} join has to run in SQL, and `{on}` cannot",
                hint="Add it as a computed column first, and join by that.",
            )
        self.left_over.append(bound)
        return sa.true()

    def sql(self, node: Expr) -> Sql | None:
        """The node as SQL, its heaps joined; None, and nothing joined, if it runs in Python."""
        if not self._pushdown and not isinstance(node, _READ_AS_THEY_ARE):
            return None
        before = dict(self.scope.used)
        found = to_sql(node, self.scope)
        if found is None:
            self.scope.used = before
        return found


def select_outputs(spec: QuerySpec, table: TableRecord) -> tuple[tuple[str, Expr], ...]:
    """The names and expressions a query yields, bound."""
    if spec.select is None:
        chosen: Iterable[tuple[str, Expr]] = ((column.name, table.ref(column)) for column in table.ready_columns)
    else:
        chosen = spec.select
    return tuple((name, bind_item(expr, table, role="select()")) for name, expr in chosen)


def plan_query(
    spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None, variables: Mapping[str, Sql] | None = None
) -> QueryPlan:
    """The plan of a query over single rows, whose similarities are resolved; see `grouping.plan_select` for any.

    `variables` are what the parameters of the query are in SQL.
    """
    push = Pusher(table, pushdown=pushdown, variables=variables)
    outputs = select_outputs(spec, table)
    predicate = None if spec.where is None else bind_predicate(spec.where, table)
    conditions, where = split_predicate(predicate, push)
    sample = spec.sample and bound_sample(spec.sample, table)
    if sample is not None and pushdown and (chosen := _chosen_rows(sample, predicate, table, pushdown)) is not None:
        conditions, where, sample = [push.scope.rows.c.row.in_(chosen)], None, None
    ordering = tuple(OrderItem(bind(item.expr, table, role="order_by()"), item.ascending) for item in spec.order_by)
    keys = order_keys(ordering, spec, push)
    in_sql = where is None and keys is not None and sample is None
    if in_sql and keys and _has_few_first(spec, ordering, push.scope):
        conditions += bounds.bound_of_first(
            ordering, keys, conditions, (spec.limit or 0) + (spec.offset or 0), push.scope
        )
    rest = [expr for _, expr in outputs] + ([where] if where is not None else [])
    if keys is None:
        rest += [item.expr for item in ordering]
    if sample is not None:
        rest += [RowHash(sample.seed), *sample.stratify_by]
    slots = tuple(slots_of(rest, push))
    columns = [slot_sql(slot, push) for slot in slots]

    limited = spec.limit is not None or spec.variable_limit is not None

    def statement(*, nearest_only: bool) -> Scan:
        source = _nearest_first(push.scope, ordering) if nearest_only else push.scope.from_clause()
        labelled: list[Sql] = [column.label(f"s{i}") for i, column in enumerate(columns)]
        query: sa.Select[Any] = sa.select(*(labelled or [sa.true()]))  # rows have to be counted even if none is read
        query = query.select_from(source).where(*conditions).order_by(*(keys or _row_order(spec, push.scope)))
        if in_sql:
            query = query.limit(_number(spec.limit, spec.variable_limit, push.scope))
            query = query.offset(_number(spec.offset, spec.variable_offset, push.scope))
        scan = compile_scan(query, slots)
        return replace(scan, all_rows=not conditions and not limited)

    by_vector = in_sql and limited and leads_with_nearest(ordering)
    return QueryPlan(
        scan=statement(nearest_only=by_vector and not isinstance(table, JoinedRecord)),
        outputs=outputs,
        where=where,
        order_by=() if keys is not None else ordering,
        limit=None if in_sql else spec.limit,
        offset=None if in_sql else spec.offset,
        exact=statement(nearest_only=False) if by_vector else None,
        wanted=spec.limit if by_vector else None,
        sample=sample,
    )


def _has_few_first(spec: QuerySpec, ordering: Sequence[OrderItem], scope: Scope) -> bool:
    """Whether the query is for the first few rows of one table, in an order that this table alone decides."""
    count = 0 if spec.limit is None or spec.variable_offset is not None else spec.limit + (spec.offset or 0)
    alone = list(scope.used) == [scope.table.row_heap] and scope.table.row_heap.as_of is None
    apart = any(not isinstance(value, sa.BindParameter) for value in scope.variables.values())  # for sets of arguments
    return bool(ordering) and 0 < count <= bounds.MOST_ROWS and alone and not apart


def bound_sample(sample: Sample, table: TableRecord) -> Sample:
    """A sample with its strata bound."""
    return replace(sample, stratify_by=tuple(bind(key, table, role="sample()") for key in sample.stratify_by))


def _chosen_rows(
    sample: Sample, predicate: Expr | None, table: TableRecord, pushdown: Pushdown | None
) -> sa.Select[Any] | None:
    """A statement for the ids of the rows that the sample chooses of those the filter keeps; None if Python has to."""
    push = Pusher(table, pushdown=pushdown)
    conditions, where = split_predicate(predicate, push)
    keys = [push.sql(key) if isinstance(key.col_type, IN_SQL) else None for key in sample.stratify_by]
    strata = [key for key in keys if key is not None]
    if where is not None or len(strata) < len(keys):
        return None
    row, hashed = push.scope.rows.c.row, slot_sql(RowHash(sample.seed), push)
    rows = sa.select(row).select_from(push.scope.from_clause()).where(*conditions)
    if sample.fraction is not None and not strata:
        return rows.where(is_in_share(hashed, sample.fraction)).correlate(None)
    if not strata:
        return rows.order_by(hashed.collate("C")).limit(sample.n).correlate(None)
    rank = sa.func.row_number().over(partition_by=strata, order_by=hashed.collate("C")).label("place")
    total = sa.func.count().over(partition_by=strata).label("total")
    ranked = rows.add_columns(rank, total, hashed.label("hash")).correlate(None).subquery("ranked")
    return _of_strata(sample, ranked)


def _of_strata(sample: Sample, ranked: sa.Subquery) -> sa.Select[Any]:
    rows, place, total = sa.select(ranked.c.row), ranked.c.place, sa.cast(ranked.c.total, sa.Double)
    if sample.n_per_stratum is not None:
        return rows.where(place <= sample.n_per_stratum)
    if sample.fraction is not None:
        return rows.where(place <= sa.func.ceil(total * sa.literal(sample.fraction, sa.Double)))
    depth = (sa.cast(place, sa.Double) - sa.literal(0.5, sa.Double)) / total
    return rows.order_by(depth, ranked.c.hash.collate("C")).limit(sample.n)


def plan_count(spec: QuerySpec, table: TableRecord, *, pushdown: Pushdown | None) -> Scan | None:
    """A statement that counts, or None where the rows have to be looked at in Python."""
    push = Pusher(table, pushdown=pushdown)
    predicate = None if spec.where is None else bind_predicate(spec.where, table)
    conditions, where = split_predicate(predicate, push)
    if where is not None or spec.sample is not None:
        return None
    rows = sa.select(push.scope.rows.c.row).select_from(push.scope.from_clause()).where(*conditions)
    if spec.limit is None and spec.offset is None:
        count = rows.with_only_columns(sa.func.count())
    else:
        count = sa.select(sa.func.count()).select_from(rows.limit(spec.limit).offset(spec.offset).subquery())
    return compile_scan(count, ())


def _number(fixed: int | None, variable: Variable | None, scope: Scope) -> Sql | int | None:
    return fixed if variable is None else scope.variables[variable.variable_name]


def split_predicate(predicate: Expr | None, push: Pusher) -> tuple[list[Sql], Expr | None]:
    """The conjuncts that run in SQL, and the conjunction of the others."""
    parts = predicate.parts if isinstance(predicate, And) else () if predicate is None else (predicate,)
    conditions: list[Sql] = []
    rest: list[Expr] = [*push.left_over]
    for part in parts:
        sql = push.sql(part)
        if sql is None:
            rest.append(part)
        else:
            conditions += [sql, *btrees.implied(part, push.scope)]
    return conditions, None if not rest else rest[0] if len(rest) == 1 else And(tuple(rest))


def order_keys(ordering: Sequence[OrderItem], spec: QuerySpec, push: Pusher) -> list[Any] | None:
    """The ORDER BY of a statement; None if a key has to be computed in Python."""
    keys: list[Any] = []
    for item in ordering:
        sql = push.sql(item.expr)
        if sql is None or isinstance(item.expr.col_type, ArrayType | BinaryType):
            return None
        if isinstance(item.expr.col_type, JsonType):
            if not push.texts_agree():
                return None
            keys += [key.asc() if item.ascending else key.desc() for key in json_sql.order_keys(sql)]
        elif isinstance(item.expr, VectorScore) and _is_nearest_first(item):
            sql = vector_distance(item.expr, push.scope)
            keys.append(sql.asc())  # as written, since only this form can use an index; null comes last
        else:
            prefix = None if keys else btrees.order_prefix(item.expr, sql, push.scope.table)
            keys += [key.asc() if item.ascending else key.desc() for key in (prefix, sql) if key is not None]
    if ordering and leads_with_nearest(ordering):
        return keys
    return [*keys, *_row_order(spec, push.scope)]


def _row_order(spec: QuerySpec, scope: Scope) -> list[Any]:
    return [row.asc() if spec.row_order == "inserted" else row.desc() for row in scope.row_keys]


def _is_nearest_first(item: OrderItem) -> bool:
    return isinstance(item.expr, VectorScore) and item.ascending == (item.expr.metric == "l2")


def leads_with_nearest(ordering: Sequence[OrderItem]) -> bool:
    """Whether the rows nearest to a vector come first, so that a vector index can find them."""
    return bool(ordering) and _is_nearest_first(ordering[0])


def _nearest_first(scope: Scope, ordering: Sequence[OrderItem]) -> sa.FromClause:
    """As Scope.from_clause(), but led by the vectors, so that their index can drive the statement."""
    lead = ordering[0].expr
    assert isinstance(lead, VectorScore)
    vectors = scope.heap(scope.table.heap(lead.index))
    heap = scope.table.heap(lead.index)
    if scope.row_of(heap) is not scope.rows.c.row:
        return scope.from_clause()  # of a base whose rows are exploded
    joined: sa.FromClause = vectors.join(scope.rows, scope.rows.c.row == vectors.c.row)
    return scope.joined_to(joined, without=(scope.rows, vectors))


def slots_of(exprs: Sequence[Expr], push: Pusher) -> Iterable[Expr]:
    """The largest parts of the expressions that run in SQL, each once."""
    found: dict[Any, Expr] = {}

    def visit(node: Expr) -> None:
        if isinstance(node, Literal) or structure(node) in found:
            return
        if push.sql(node) is not None:
            found[structure(node)] = node
            return
        for child in children_of(node):
            visit(child)

    for expr in exprs:
        visit(expr)
    return found.values()


def slot_sql(slot: Expr, push: Pusher) -> Sql:
    """A part of an expression that is known to run in SQL."""
    sql = push.sql(slot)
    assert sql is not None
    return sql


def compile_scan(query: sa.ClauseElement, slots: tuple[Expr, ...]) -> Scan:
    """The text and the parameters of a statement."""
    compiled = query.compile(dialect=_dialect())
    return Scan(str(compiled), compiled.params, slots)


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A statement that yields, for rows to be changed: `row`, the `op_in` of every heap, the columns, their errors.

    `heaps` are the heaps read, heap 0 first. `keys` are those of them, of the base of an exploded view, in which other
    rows belong to the table's: these rows follow the operations, and then, with `bases`, the rows of the base that the
    rows are of. `columns` are plain references. `failing` are those
    columns, computed ones, whose errors follow. `where` is what Python has to filter by, `properties` what else it
    reads of the table.
    """

    scan: Scan
    heaps: tuple[Heap, ...]
    keys: tuple[Heap, ...]
    bases: bool
    columns: tuple[ColumnRef, ...]
    failing: tuple[ColumnRef, ...]
    properties: tuple[CellProperty | RowId | VectorScore, ...]
    where: Expr | None


def plan_rows(
    table: TableRecord,
    columns: Sequence[ColumnRef],
    *,
    where: Expr | None = None,
    heaps: Sequence[Heap] = (),
    after: int | None = None,
    rows: Sequence[int] | None = None,
    base_rows: Sequence[int] | None = None,
    limit: int | None = None,
    pushdown: Pushdown | None,
) -> RowPlan:
    """A plan to read rows in the order of their ids, with what is needed to change them.

    `heaps` are read for their `op_in` alone; `after` restricts to rows beyond an id, `rows` to these, `base_rows` to
    those an exploded view has of these, `limit` to so many before Python filters.
    """
    push = Pusher(table, pushdown=pushdown)
    scope = push.scope
    conditions, rest = split_predicate(where, push)
    refs = {ref.ref_column: ref for ref in columns}
    if rest is not None:
        refs |= {node.ref_column: node for node in nodes_in(rest) if isinstance(node, ColumnRef)}
    stored = tuple(ref for ref in refs.values())
    cells = [slot_sql(ref, push) for ref in stored]
    walked = () if rest is None else nodes_in(rest)
    properties = tuple(node for node in walked if isinstance(node, CellProperty | RowId | VectorScore))
    scores = [slot_sql(node, push) for node in properties]
    failing = tuple(ref for ref in stored if scope.record(ref).is_computed)
    errors = [scope.errors(scope.record(ref)) for ref in failing]
    for heap in heaps:
        scope.heap(heap)
    if after is not None:
        conditions.append(scope.rows.c.row > after)
    for column, chosen in (("row", rows), (BASE_ROW, base_rows)):
        if chosen is not None:
            wanted = sa.cast(sa.literal(numbers_text(chosen), sa.Text), postgresql.ARRAY(sa.BigInteger))
            conditions.append(scope.rows.c[column] == sa.func.any(wanted))
    ops = [clause.c.op_in for clause in scope.used.values()]
    keys = tuple(heap for heap in scope.used if scope.row_of(heap) is not scope.rows.c.row)
    bases = [] if base_rows is None else [scope.rows.c[BASE_ROW]]
    found = [*ops, *map(scope.row_of, keys), *bases, *cells, *errors, *scores]
    read = [column.label(f"x{i}") for i, column in enumerate(found)]
    query = sa.select(scope.rows.c.row, *read)
    query = query.select_from(scope.from_clause()).where(*conditions).order_by(scope.rows.c.row).limit(limit)
    return RowPlan(compile_scan(query, ()), tuple(scope.used), keys, bool(bases), stored, failing, properties, rest)


@dataclass(frozen=True, slots=True)
class PagePlan:
    """A statement that yields `row`, the columns and the errors of those `failing`; `heaps` are those of the columns.

    It takes two more parameters: rows beyond the id `after`, and at most `limit` of them.
    """

    scan: Scan
    heaps: tuple[Heap, ...]
    columns: tuple[ColumnRef, ...]
    failing: tuple[ColumnRef, ...]


def plan_page(
    table: TableRecord, columns: Sequence[ColumnRef], *, lacking: Heap | None, pushdown: Pushdown | None
) -> PagePlan:
    """A plan to read stored columns page by page; of the rows that have no entry in the heap `lacking`, if given."""
    push = Pusher(table, pushdown=pushdown)
    scope = push.scope
    cells = [slot_sql(ref, push) for ref in columns]
    failing = tuple(ref for ref in columns if scope.record(ref).is_computed)
    errors = [scope.errors(scope.record(ref)) for ref in failing]
    heaps = tuple(heap for heap in scope.used if heap in table.heaps)
    row = scope.rows.c.row
    conditions = [row > sa.bindparam("after", type_=sa.BigInteger)]
    if lacking is not None:
        conditions.append(scope.heap(lacking).c.row.is_(None))
    read = [column.label(f"x{i}") for i, column in enumerate([*cells, *errors])]
    query = sa.select(row, *read).select_from(scope.from_clause()).where(*conditions).order_by(row)
    query = query.limit(sa.bindparam("limit", type_=sa.BigInteger))
    return PagePlan(compile_scan(query, ()), heaps, tuple(columns), failing)
