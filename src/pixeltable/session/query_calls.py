"""Running the queries of functions: one statement for all rows where SQL can, else one for each set of arguments."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import Error, InvalidArgument, InvalidState, NotFoundError, RequestError
from pixeltable.exec.batch import Column, failure_of
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.expr import Expr, rebuild_record, structure
from pixeltable.exprs.leaves import Literal
from pixeltable.exprs.properties import Similarity, VectorScore
from pixeltable.exprs.queries import QueryCall
from pixeltable.exprs.variable import Variable
from pixeltable.plan.lateral import Argument, LateralPlan, plan_lateral
from pixeltable.plan.query import QuerySpec, with_arguments
from pixeltable.plan.scope import Pushdown
from pixeltable.session.query import (
    NO_INDEX_SCAN,
    collect,
    execute,
    failed_query,
    on_current_schema,
    scanned,
    validated,
)
from pixeltable.session.relations import Relation
from pixeltable.session.session import Session
from pixeltable.session.similarity import query_vectors, resolve_similarities, searched_index
from pixeltable.storage.database import Connection
from pixeltable.types.column_type import ArrayType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.json_form import json_form

Arguments = tuple[Any, ...]
Answer = list[Any] | Error
"""The rows for a set of arguments, or why there are none."""


def run_query_call(session: Session, node: QueryCall, columns: Sequence[Sequence[Any]], count: int) -> list[Any]:
    """The results of a query for columns of arguments; equal arguments are queried once.

    A row with a null for a parameter that accepts none yields null. Where the query fails for the arguments of a row,
    they are not of their types, or its table is gone, a Failure stands.
    """
    values: list[Any] = [None] * count
    rows_of: dict[Any, list[int]] = {}
    sets: list[Arguments] = []
    for row in range(count):
        try:
            arguments = _arguments(session, node, [column[row] for column in columns])
        except RequestError as error:
            values[row] = failure_of(error)
            continue
        if arguments is None:
            continue
        key = structure(arguments)
        if key not in rows_of:
            sets.append(arguments)
        rows_of.setdefault(key, []).append(row)
    for rows, answer in zip(rows_of.values(), _answers(session, node, sets), strict=True):
        values[rows[0]] = failure_of(answer) if isinstance(answer, Error) else answer
        for row in rows[1:]:  # with a copy of its own, since a function may change what it is given
            values[row] = copy.deepcopy(values[rows[0]]) if isinstance(answer, list) else values[rows[0]]
    return values


def _arguments(session: Session, node: QueryCall, given: Sequence[Any]) -> Arguments | None:
    """The arguments of a row in the form of their types; None if one is null that must not be.

    Raises:
        RequestError: one is not of its type, or no number of rows.
    """
    checked = []
    for parameter, value in zip(node.call_parameters, given, strict=True):
        assert parameter.type is not None
        if value is None and not parameter.type.nullable:
            return None
        try:
            checked += conform(parameter.type, [value], zone=session.context.zone)
        except CellRejected as error:
            raise InvalidArgument(f"query {node.call_name!r}, argument {parameter.name!r}: {error.reason}") from None
    for variable in (node.call_query.variable_limit, node.call_query.variable_offset):
        if variable is not None:
            _check_number(node, variable, checked[_place(node, variable)])
    return tuple(checked)


def _check_number(node: QueryCall, variable: Variable, value: int | None) -> None:
    if value is None or value < 0:
        raise InvalidArgument(
            f"query {node.call_name!r}, argument {variable.variable_name!r}: "
            f"limit() takes a non-negative int, got {value!r}"
        )


def _place(node: QueryCall, variable: Variable) -> int:
    return [parameter.name for parameter in node.call_parameters].index(variable.variable_name)


def _answers(session: Session, node: QueryCall, sets: Sequence[Arguments]) -> Sequence[Answer]:
    """The rows for every set of arguments."""

    def together(relation: Relation, pushdown: Pushdown | None) -> Sequence[Answer] | None:
        if len(relation.sources) > 1 or node.call_query.alias is not None:
            return None
        return _in_one_statement(session, node, relation, sets, pushdown=pushdown)

    try:
        found = None
        if len(sets) > 1:  # one alone is better planned with its values
            found = on_current_schema(session, node.call_query, node.call_table, together)
        return [_one_by_one(session, node, arguments) for arguments in sets] if found is None else found
    except NotFoundError as error:
        gone = InvalidState(
            f"query {node.call_name!r} over table {node.call_table!r} cannot be run any more: {error.message}"
        )
        gone.__cause__ = error
        return [gone] * len(sets)


def _one_by_one(session: Session, node: QueryCall, arguments: Arguments) -> Answer:
    literals = {
        parameter.name: Literal(value, parameter.type.with_nullable(value is None))
        for parameter, value in zip(node.call_parameters, arguments, strict=True)
        if parameter.type is not None
    }
    try:
        answer = collect(session, with_arguments(node.call_query, literals), node.call_table)
    except RequestError as error:  # becomes the error of the cells that have these arguments
        return error
    return _rows(node, list(answer.columns), list(answer.columns.values()))


def _rows(node: QueryCall, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The result as Json: an object for each row, or the only value of it."""
    cells = [[json_form(value) for value in column] for column in columns]
    if node.call_scalar:
        return cells[0]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A query whose similarities are scores against Variables, with the values of all Variables, one for each set.

    `failed` has the sets for which there is no vector.
    """

    spec: QuerySpec
    arguments: Mapping[str, Argument]
    failed: Mapping[int, Error]


def _in_one_statement(
    session: Session, node: QueryCall, relation: Relation, sets: Sequence[Arguments], *, pushdown: Pushdown | None
) -> Sequence[Answer] | None:
    """The rows for every set of arguments; None if that takes more than a statement."""
    table = relation.record
    resolved = _resolve(session, node, table, sets)
    numbers = [number for number in range(len(sets)) if number not in resolved.failed]
    answers: dict[int, Answer] = dict(resolved.failed)

    def plan_for(chosen: Sequence[int]) -> LateralPlan | None:
        return plan_lateral(resolved.spec, table, resolved.arguments, chosen, pushdown=pushdown)

    if numbers:
        plan = plan_for(numbers)
        if plan is None:
            return None
        rows = validated(session, relation, lambda connection: _fetch(connection, resolved, plan, numbers, plan_for))
        answers |= _split(session, node, resolved, plan, rows, numbers)
    return [answers[number] for number in range(len(sets))]


def _resolve(session: Session, node: QueryCall, table: TableRecord, sets: Sequence[Arguments]) -> _Resolved:
    arguments = {
        parameter.name: Argument(parameter.type, column)
        for parameter, column in zip(node.call_parameters, zip(*sets, strict=True), strict=True)
        if parameter.type is not None
    }
    failed: dict[int, Error] = {}
    vectors: dict[str, Argument] = {}

    def resolve(inner: Expr) -> Expr | None:
        if not isinstance(inner, Similarity) or not isinstance(inner.query, Variable):
            return None
        index = searched_index(table, inner)
        name = f"{inner.query.variable_name} in index {index.id} as {inner.modality}"  # no parameter can be called that
        if name not in vectors:
            found = _vectors(session, table, inner, arguments[inner.query.variable_name].values)
            failed.update({number: value for number, value in enumerate(found) if isinstance(value, Error)})
            vectors[name] = Argument(ArrayType(shape=(index.dimensions,)), found, index.id)
        return VectorScore(inner.source, index.id, index.metric, Variable(name, vectors[name].type))

    spec = resolve_similarities(session, rebuild_record(node.call_query, resolve), table)
    return _Resolved(spec, arguments | vectors, failed)


def _vectors(session: Session, table: TableRecord, node: Similarity, queries: Sequence[Any]) -> list[Any]:
    """The vector of every query; equal ones are embedded once, all of them together."""
    distinct = {structure(query): query for query in queries if query is not None}
    found = query_vectors(session, searched_index(table, node), node, list(distinct.values()))
    vector_of = dict(zip(distinct, found, strict=True))
    vector_of[structure(None)] = InvalidArgument(f"similarity({node.modality}=...) takes a value, got None")
    return [vector_of[structure(query)] for query in queries]


def _fetch(
    connection: Connection,
    resolved: _Resolved,
    plan: LateralPlan,
    numbers: Sequence[int],
    plan_for: Callable[[Sequence[int]], LateralPlan | None],
) -> list[tuple[Any, ...]]:
    """The rows of all sets; those of a set for which a vector index found too few are looked for without it."""
    rows = execute(connection, plan.scan)
    if plan.exact is None:
        return rows
    counts = Counter(row[0] for row in rows)
    short = [number for number in numbers if counts[number] < _wanted(resolved, number)]
    if not short:
        return rows
    again = plan_for(short)
    assert again is not None
    assert again.exact is not None
    with connection.transaction():
        connection.execute(NO_INDEX_SCAN)
        found = execute(connection, again.exact)
    replaced = set(short)
    return [row for row in rows if row[0] not in replaced] + found


def _wanted(resolved: _Resolved, number: int) -> int:
    variable = resolved.spec.variable_limit
    if variable is not None:
        return int(resolved.arguments[variable.variable_name].values[number])
    assert resolved.spec.limit is not None
    return resolved.spec.limit


def _split(
    session: Session,
    node: QueryCall,
    resolved: _Resolved,
    plan: LateralPlan,
    rows: Sequence[tuple[Any, ...]],
    numbers: Sequence[int],
) -> dict[int, Answer]:
    """The answer for each set, with what Python computes of the rows: for all of them together."""
    owners = [row[0] for row in rows]
    columns_of_rows = [list(column) for column in zip(*rows, strict=True)]
    batch = scanned(plan.scan, columns_of_rows[1:] or [[] for _ in plan.scan.slots], len(rows))
    for name, argument in resolved.arguments.items():
        batch.put(Variable(name, argument.type), Column([argument.values[owner] for owner in owners]))
    columns = [column_of(expr, batch, session.context) for _, expr in plan.outputs]
    rows_of: dict[int, list[int]] = {number: [] for number in numbers}
    for row, owner in enumerate(owners):
        rows_of[owner].append(row)
    names = [name for name, _ in plan.outputs]
    answers: dict[int, Answer] = {}
    for number, mine in rows_of.items():
        error = _first_failure(plan, columns, mine)
        answers[number] = error or _rows(node, names, [[column.values[row] for row in mine] for column in columns])
    return answers


def _first_failure(plan: LateralPlan, columns: Sequence[Column], rows: Sequence[int]) -> Error | None:
    for (_, expr), column in zip(plan.outputs, columns, strict=True):
        for place, row in enumerate(rows):
            if row in column.failures:
                return failed_query(expr, place, column.failures[row])
    return None
