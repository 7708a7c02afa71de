"""Giving a similarity its index and its vector."""

from dataclasses import replace
from typing import Any

from pixeltable.catalog.records import IndexRecord, TableRecord
from pixeltable.exceptions import InvalidArgument, InvalidExpression, UnknownIndex, Unsupported
from pixeltable.exec.batch import Batch
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.properties import Similarity, VectorScore
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
    exprs += [spec.where] if isinstance(spec.where, Expr) else []
    if not any(isinstance(node, Similarity) for expr in exprs for node in expr.walk()):
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
    )


def _score(session: Session, table: TableRecord, node: Similarity, vectors: dict[Any, Literal]) -> VectorScore:
    index = _index(table, node)
    key = (index.id, node.modality, repr(node.query.value))
    if key not in vectors:
        vectors[key] = _vector(session, index, node)
    return VectorScore(node.source, index.id, index.metric, vectors[key])


def _index(table: TableRecord, node: Similarity) -> IndexRecord:
    found = [index for index in table.indexes if index.column == node.source.column and index.status == "ready"]
    if node.index is not None:
        found = [index for index in found if index.name == node.index]
    if not found:
        known = [index.name for index in table.indexes]
        subject = f"column {node.source.name!r} of table {table.path!r}"
        raise UnknownIndex(f"{subject}: similarity() needs an embedding index; it", known=known)
    if len(found) > 1:
        names = ", ".join(index.name for index in found)
        raise InvalidArgument(
            f"column {node.source.name!r} has several embedding indexes: {names}", hint="Choose one with idx='...'."
        )
    return found[0]


def _vector(session: Session, index: IndexRecord, node: Similarity) -> Literal:
    if node.modality == "vector":
        value = _as_array(node.query.value)
    else:
        template = dict(index.embeddings).get(node.modality)
        if template is None:
            known = ", ".join([*dict(index.embeddings), "vector"])
            raise Unsupported(
                f"index {index.name!r} cannot be searched with {node.modality}=...", hint=f"It supports {known}."
            )
        value = _embedded(session, template, node)
    if not is_vector(value, index.dimensions):
        raise InvalidArgument(
            f"index {index.name!r} has vectors of {index.dimensions} finite numbers, which the query is not: {value}"
        )
    return Literal(value, ArrayType(shape=value.shape, dtype=value.dtype.name))


def _as_array(value: Any) -> Any:
    try:
        return np.asarray(value)
    except ValueError:  # nested lists of different lengths: no vector, which the caller reports
        return value


def _embedded(session: Session, template: Expr, node: Similarity) -> Any:
    call = rebuild(template, lambda inner: node.query if isinstance(inner, ColumnRef) else None)
    column = column_of(call, Batch(1), session.context)
    if column.failures:
        failure = column.failures[0]
        raise InvalidExpression(
            f"the query {node.query} could not be embedded: {failure.error.type}: {failure.error.message}"
        ) from failure.exception
    if column.values[0] is None:
        raise InvalidArgument(f"the query {node.query} has no embedding")
    return column.values[0]
