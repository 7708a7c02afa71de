"""Giving a similarity its index and its vector."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pixeltable.catalog.records import IndexRecord, TableRecord
from pixeltable.exceptions import Error, InvalidArgument, InvalidExpression, UnknownIndex, Unsupported
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.expr import Expr, nodes_in, rebuild, structure
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.properties import Similarity, VectorScore
from pixeltable.exprs.variable import Variable
from pixeltable.lazy import np
from pixeltable.plan.query import QuerySpec
from pixeltable.session.compute import is_vector
from pixeltable.session.session import Session
from pixeltable.types.column_type import ArrayType


def resolve_similarity(session: Session, expr: Expr, table: TableRecord) -> Expr:
    """As `resolve_similarities`, for one expression."""
    vectors: dict[Any, Literal] = {}
    return rebuild(expr, lambda node: _score(session, table, node, vectors) if isinstance(node, Similarity) else None)


def resolve_similarities(session: Session, spec: QuerySpec, table: TableRecord) -> QuerySpec:
    """The query with every similarity replaced by a score against an embedded vector; each query is embedded once."""
    exprs = [*(expr for _, expr in spec.select or ()), *(item.expr for item in spec.order_by), *spec.group_by]
    exprs += [clause for clause in (spec.where, spec.having) if isinstance(clause, Expr)]
    if not any(isinstance(node, Similarity) for expr in exprs for node in nodes_in(expr)):
        return spec
    vectors: dict[Any, Literal] = {}

    def resolve(expr: Expr) -> Expr:
        return rebuild(
            expr, lambda node: _score(session, table, node, vectors) if isinstance(node, Similarity) else None
        )

    return replace(
        spec,
        select=spec.select and tuple((name, resolve(expr)) for name, expr in spec.select),
        where=None if spec.where is None else resolve(spec.where),
        order_by=tuple(replace(item, expr=resolve(item.expr)) for item in spec.order_by),
        group_by=tuple(resolve(key) for key in spec.group_by),
        having=None if spec.having is None else resolve(spec.having),
    )


def _score(session: Session, table: TableRecord, node: Similarity, vectors: dict[Any, Literal]) -> VectorScore:
    index = searched_index(table, node)
    key = (index.id, node.modality, structure(node.query))
    if key not in vectors:
        vectors[key] = _vector(session, index, node)
    return VectorScore(node.source, index.id, index.metric, vectors[key])


def searched_index(table: TableRecord, node: Similarity) -> IndexRecord:
    """The index that a similarity is about.

    Raises:
        UnknownIndex: there is none.
        InvalidArgument: there are several, and none is named.
    """
    found = [
        index for index in table.known_indexes if index.column == node.source.ref_column and index.status == "ready"
    ]
    if node.index is not None:
        found = [index for index in found if index.name == node.index]
    if not found:
        known = [index.name for index in table.known_indexes]
        subject = f"column {node.source.ref_name!r} of table {table.path!r}"
        raise UnknownIndex(f"{subject}: similarity() needs an embedding index; it", known=known)
    if len(found) > 1:
        names = ", ".join(index.name for index in found)
        raise InvalidArgument(
            f"column {node.source.ref_name!r} has several embedding indexes: {names}", hint="Choose one with idx='...'."
        )
    return found[0]


def _vector(session: Session, index: IndexRecord, node: Similarity) -> Literal:
    assert isinstance(node.query, Literal)
    (value,) = query_vectors(session, index, node, [node.query.value])
    if isinstance(value, Error):
        raise value
    return Literal(value, ArrayType(shape=value.shape, dtype=value.dtype.name))


def query_vectors(session: Session, index: IndexRecord, node: Similarity, queries: Sequence[Any]) -> list[Any]:
    """The vectors to search an index by, embedded together; an Error in the place of one that is none.

    Raises:
        Unsupported: the index embeds nothing of that modality.
    """
    if node.modality == "vector":
        found = [_as_array(query) for query in queries]
    else:
        template = dict(index.embeddings).get(node.modality)
        if template is None:
            known = ", ".join([*dict(index.embeddings), "vector"])
            raise Unsupported(
                f"index {index.name!r} cannot be searched with {node.modality}=...", hint=f"It supports {known}."
            )
        found = _embedded(session, template, node, queries)
    return [_checked(index, value) for value in found]


def _checked(index: IndexRecord, value: Any) -> Any:
    if isinstance(value, Error) or is_vector(value, index.dimensions):
        return value
    return InvalidArgument(
        f"index {index.name!r} has vectors of {index.dimensions} finite numbers, which the query is not: {value}"
    )


def _as_array(value: Any) -> Any:
    try:
        return np.asarray(value)
    except ValueError:  # nested lists of different lengths: no vector, which the caller reports
        return value


def _embedded(session: Session, template: Expr, node: Similarity, queries: Sequence[Any]) -> list[Any]:
    source = Variable("query", node.query.col_type)
    call = rebuild(template, lambda inner: source if isinstance(inner, ColumnRef) else None)
    batch = Batch(len(queries))
    batch.put(source, Column(list(queries)))
    column = column_of(call, batch, session.context)
    return [
        _not_embedded(query, column.failures.get(row)) if value is None else value
        for row, (query, value) in enumerate(zip(queries, column.values, strict=True))
    ]


def _not_embedded(query: Any, failure: Failure | None) -> Error:
    if failure is None:
        return InvalidArgument(f"the query {query!r} has no embedding")
    error = InvalidExpression(
        f"the query {query!r} could not be embedded: {failure.error.type}: {failure.error.message}"
    )
    error.__cause__ = failure.exception
    return error
