"""Answering queries: one statement on one snapshot, then what Python has to add, with no connection held."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pixeltable.catalog.loading import read_epoch
from pixeltable.exceptions import InvalidExpression, Unsupported
from pixeltable.exec.aggregate import group_batch, rows_by_key
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.evaluate import column_of
from pixeltable.exec.filter import filter_batch
from pixeltable.exec.order import ordered, sort_keys
from pixeltable.exprs.expr import Expr, exprs_in_record, nodes_in, rebuild, rebuild_record, structure
from pixeltable.exprs.properties import RowHash
from pixeltable.exprs.queries import InQuery
from pixeltable.lazy import psycopg
from pixeltable.plan.explain import explain
from pixeltable.plan.grouping import grouped_if_distinct, is_grouped, plan_group_count, plan_in_memory, plan_select
from pixeltable.plan.planner import QueryPlan, Scan, plan_count
from pixeltable.plan.query import QuerySpec, Sample, Union
from pixeltable.plan.sampling import chosen
from pixeltable.plan.scope import Pushdown
from pixeltable.session.relations import Relation, relation_of
from pixeltable.session.session import Session
from pixeltable.session.similarity import resolve_similarities
from pixeltable.session.transactions import read
from pixeltable.session.unions import Planned, PlannedBranch, PlannedUnion, branches_of, explain_union, united
from pixeltable.storage.cells import decoder
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.fetching import fetch_columns, has_bytes, stream_columns
from pixeltable.types.column_type import ColumnType

Result = TypeVar("Result")

NO_INDEX_SCAN = "SET LOCAL enable_indexscan = off"
"""Leaves the planner only plans that look at every vector."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query, by column."""

    columns: dict[str, list[Any]]
    types: dict[str, ColumnType]


def collect(session: Session, spec: QuerySpec, name: str) -> Answer:
    """Run a query; `name` is what the caller knew the table by.

    Raises:
        Unsupported: it has parameters, so it is the query of a function.
    """
    _check_closed(spec)

    def run(relation: Relation, pushdown: Pushdown | None) -> Answer:
        if spec.union is not None:
            return _collect_union(session, spec, relation, pushdown)
        plan = _plan(session, spec, relation, pushdown)
        return finished(session, plan, _fetch(session, relation, plan))

    return on_current_schema(session, spec, name, run)


def _plan(session: Session, spec: QuerySpec, relation: Relation, pushdown: Pushdown | None) -> QueryPlan:
    known = session.plans.plan(spec, relation.record, pushdown=pushdown)
    if known is not None:
        return known
    return plan_select(resolved_spec(session, spec, relation), relation.record, pushdown=pushdown)


def explained(session: Session, spec: QuerySpec, name: str) -> str:
    """How a query would be run now; nothing is read, but the members of `isin(query)`."""
    relation = relation_of(session, spec, name)
    pushdown = session.pushdown
    if spec.union is not None:
        return explain_union(_planned_union(session, spec, spec.union, relation, pushdown), pushdown=pushdown)
    plan = plan_select(resolved_spec(session, spec, relation), relation.record, pushdown=pushdown)
    return explain(plan, relation.record, pushdown=pushdown)


def resolved_spec(session: Session, spec: QuerySpec, relation: Relation) -> QuerySpec:
    """The query over the record of what it reads, with embedded questions."""
    found = resolve_similarities(session, relation.resolve_spec(spec), relation.record)
    if any(isinstance(node, InQuery) for expr in exprs_in_record(found) for node in nodes_in(expr)):
        found = rebuild_record(found, _member_resolver(session))
    return grouped_if_distinct(found, relation.record)


def resolve_members(session: Session, expr: Expr) -> Expr:
    """The expression with the values of a query in the place of the query, wherever something is looked for in it."""
    return rebuild(expr, _member_resolver(session))


def _member_resolver(session: Session) -> Callable[[Expr], Expr | None]:
    known: dict[Any, list[Any]] = {}

    def resolve(node: Expr) -> Expr | None:
        if not isinstance(node, InQuery):
            return None
        key = structure(node.query)
        if key not in known:
            (values,) = collect(session, node.query, node.table).columns.values()
            known[key] = list({structure(value): value for value in values}.values())
        return resolve_members(session, node.operand).isin(known[key])

    return resolve


def count(session: Session, spec: QuerySpec, name: str) -> int:
    """How many rows a query yields."""
    _check_closed(spec)

    def run(relation: Relation, pushdown: Pushdown | None) -> int:
        if spec.union is not None:
            return len(next(iter(_collect_union(session, spec, relation, pushdown).columns.values())))
        resolved, table = resolved_spec(session, spec, relation), relation.record
        grouped = is_grouped(resolved)
        if resolved.group_by or not grouped:
            resolved = replace(resolved, select=(), order_by=())
        scan = (plan_group_count if grouped else plan_count)(resolved, table, pushdown=pushdown)
        if scan is not None:
            ((found,),) = validated(session, relation, lambda connection: execute(connection, scan))
            return int(found)
        plan = plan_select(resolved, table, pushdown=pushdown)
        return len(_surviving(session, plan, _fetch(session, relation, plan))[1])

    return on_current_schema(session, spec, name, run)


def _check_closed(spec: QuerySpec) -> None:
    if spec.variables:
        raise Unsupported(
            f"a query over the parameters {', '.join(spec.variables)} cannot be run by itself",
            hint="Return it from a function declared with @pxt.query, and call that in an expression.",
        )


class _Stale(Exception):
    """The schema a statement was planned against is not the one it ran on."""


def on_current_schema(
    session: Session, spec: QuerySpec, name: str, run: Callable[[Relation, Pushdown | None], Result]
) -> Result:
    """`run` on what the query reads as last seen; on the newest schema if that turns out to be another.

    Its second argument says what to give to SQL; it is None where SQL met a number out of its range.
    """
    pushdown = session.pushdown
    for _ in range(session.settings.write_attempts):
        relation = relation_of(session, spec, name)
        try:
            return run(relation, pushdown)
        except (_Stale, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            session.refresh().table(spec.table, name=name)
        except psycopg.DataError:
            if not pushdown:
                raise
            pushdown = None  # a number out of SQL's range, say: Python has the wider one, or the clearer error
        except psycopg.errors.FeatureNotSupported as error:
            raise refused(error) from None
    raise InvalidExpression(f"the schema of table {name!r} kept changing while the query ran", hint="Try again.")


def refused(error: "psycopg.errors.FeatureNotSupported") -> Unsupported:
    """What users meet where the database has no way to run a statement."""
    return Unsupported(
        f"the database cannot run this query: {error.diag.message_primary}",
        hint="The condition of a full_outer join has to be of the form t.a == u.b.",
    )


def _collect_union(session: Session, spec: QuerySpec, relation: Relation, pushdown: Pushdown | None) -> Answer:
    assert spec.union is not None
    planned = _planned_union(session, spec, spec.union, relation, pushdown)
    plans = [branch.plan for branch in branches_of(planned)]

    def run(connection: Connection) -> list[list[list[Any]]]:
        with snapshot(connection):
            return [_rows(connection, plan) for plan in plans]

    found = zip(plans, validated(session, relation, run), strict=True)
    return _finished_union(session, planned, (scanned(plan.scan, cells, len(cells[0])) for plan, cells in found))


def _planned_union(
    session: Session, spec: QuerySpec, union: Union, relation: Relation, pushdown: Pushdown | None
) -> PlannedUnion:
    branches: list[Planned] = []
    for branch in union.branches:
        inner = relation_of(session, branch.query, branch.name)
        if branch.query.union is not None:
            branches.append(_planned_union(session, branch.query, branch.query.union, inner, pushdown))
        else:
            resolved = resolved_spec(session, branch.query, inner)
            branches.append(PlannedBranch(plan_select(resolved, inner.record, pushdown=pushdown), inner.record))
    after = plan_in_memory(resolved_spec(session, spec, relation), relation.record)
    return PlannedUnion(tuple(branches), union.distinct, after, relation.record)


def _finished_union(session: Session, union: PlannedUnion, batches: Iterator[Batch]) -> Answer:
    answers = [
        _finished_union(session, branch, batches)
        if isinstance(branch, PlannedUnion)
        else finished(session, branch.plan, next(batches))
        for branch in union.branches
    ]
    return finished(session, union.plan, united(session, union, [list(a.columns.values()) for a in answers]))


def _fetch(session: Session, relation: Relation, plan: QueryPlan) -> Batch:
    columns = validated(session, relation, lambda connection: _rows(connection, plan))
    return scanned(plan.scan, columns, len(columns[0]))


def _rows(connection: Connection, plan: QueryPlan) -> list[list[Any]]:
    """The rows of a plan's statement by column: of the exact one, where the other finds too few."""
    columns = _columns(connection, plan.scan)
    if plan.exact is None or plan.wanted is None or len(columns[0]) >= plan.wanted:
        return columns
    with connection.transaction():
        connection.execute(NO_INDEX_SCAN)
        return _columns(connection, plan.exact)


def _columns(connection: Connection, scan: Scan) -> list[list[Any]]:
    """The result of a statement by column; one without slots has a column that says how many rows there are."""
    fetch = stream_columns if scan.all_rows else fetch_columns
    types = [slot.col_type for slot in scan.slots]
    return fetch(connection, scan.sql, scan.parameters, width=max(1, len(scan.slots)), types=types)


def validated(session: Session, relation: Relation, work: Callable[[Connection], Result]) -> Result:
    """The rows of a statement, and in the same visit the proof that the schema it relied on was still in force."""

    def run(connection: Connection) -> tuple[Result, int]:
        return work(connection), read_epoch(connection)  # the epoch last: it can only be newer than the rows

    over = [record for source in relation.sources for record in source.record.lineage]
    rows, epoch = read(session, run, over)
    if epoch != session.catalog.epoch and not relation.is_current(session.refresh()):
        raise _Stale
    return rows


def execute(connection: Connection, scan: Scan) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    return connection.execute(
        scan.sql, scan.parameters, binary=has_bytes(slot.col_type for slot in scan.slots)
    ).fetchall()


def scanned(scan: Scan, columns: Sequence[list[Any]], count: int) -> Batch:
    """The `count` rows of a statement as a batch in which its slots are known."""
    batch = Batch(count)
    for slot, values in zip(scan.slots, columns, strict=False):
        decode = decoder(slot.col_type)
        cells = values if decode is None else [None if value is None else decode(value) for value in values]
        batch.put(slot, Column(cells))
    return batch


def _surviving(session: Session, plan: QueryPlan, batch: Batch) -> tuple[Batch, Sequence[int]]:
    """The rows as a batch, and the numbers of those that pass the filter that runs in Python, in their final order."""
    evaluated = partial(values_of, session)
    if plan.where is not None:
        batch, _ = filter_batch(plan.where, batch, evaluated)
    if plan.sample is not None:
        batch = _sampled(plan.sample, batch, evaluated)
    if plan.grouping is not None:
        batch = group_batch(plan.grouping, batch, session.context, evaluated)
    if plan.having is not None:
        batch, _ = filter_batch(plan.having, batch, evaluated)
    for window in plan.windows:
        evaluated(window, batch)  # known to the batch from now on, whichever rows are taken out of it
    kept: Sequence[int] = range(batch.count)[:: -1 if plan.newest_first else 1]
    if plan.order_by:
        kept = ordered(kept, [(sort_keys(evaluated(item.expr, batch)), item.ascending) for item in plan.order_by])
    start = plan.offset or 0
    stop = None if plan.limit is None else start + plan.limit
    return batch, kept[start:stop]


def _sampled(sample: Sample, batch: Batch, values: Callable[[Expr, Batch], list[Any]]) -> Batch:
    strata = rows_by_key([values(key, batch) for key in sample.stratify_by], batch.count)
    return batch.take(chosen(sample, values(RowHash(sample.seed), batch), strata))


def finished(session: Session, plan: QueryPlan, fetched: Batch) -> Answer:
    """The result of a plan, of all rows of its statement."""
    batch, kept = _surviving(session, plan, fetched)
    if len(kept) < batch.count or plan.order_by or plan.newest_first:
        batch = batch.take(kept)
    return Answer(
        {name: values_of(session, expr, batch) for name, expr in plan.outputs},
        {name: expr.col_type for name, expr in plan.outputs},
    )


def values_of(session: Session, expr: Expr, batch: Batch) -> list[Any]:
    """The values of an expression; a failed cell fails the query."""
    column = column_of(expr, batch, session.context)
    if column.failures:
        row = min(column.failures)
        raise failed_query(expr, row, column.failures[row])
    return column.values


def failed_query(expr: Expr, row: int, failure: Failure) -> InvalidExpression:
    """The error for a cell that failed in a query, caused by the user's exception."""
    error = InvalidExpression(
        f"`{expr}` failed in row {row}: {failure.error.type}: {failure.error.message}. Inputs: {failure.inputs}"
    )
    error.__cause__ = failure.exception
    return error
