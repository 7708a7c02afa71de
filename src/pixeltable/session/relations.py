"""What a query reads: a table, or several as one; and its clauses in the terms of that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.expr import Expr, rebuild, rebuild_record
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.bind import renewed
from pixeltable.plan.joins import Source, joined_record, resolved
from pixeltable.plan.planner import select_outputs
from pixeltable.plan.query import QuerySpec, Union
from pixeltable.session.past import record_at
from pixeltable.session.session import Session
from pixeltable.storage.heaps import Heap, HeapColumn, sql_type
from pixeltable.types.column_type import ColumnType
from pixeltable.types.common import common_type


@dataclass(frozen=True, slots=True)
class Relation:
    """The sources of a query, the first being its table, and the record over which it is planned."""

    sources: tuple[Source, ...]
    record: TableRecord

    def is_current(self, catalog: Catalog) -> bool:
        """Whether all sources still have the schema they were seen with."""
        seen = (record for source in self.sources for record in source.record.live_lineage)
        return all(
            (now := catalog.tables.get(record.id)) is not None and now.schema_version == record.schema_version
            for record in seen
        )

    def resolve(self, expr: Expr) -> Expr:
        """An expression as users build it, over the record."""
        if len(self.sources) > 1:
            return resolved(expr, self.sources, self.record.columns)
        (source,) = self.sources
        return expr if source.alias is None else rebuild(expr, source.without_alias)

    def renewed(self, expr: Expr) -> Expr:
        """An expression with the names that the columns of the sources have now."""
        for source in self.sources:
            expr = renewed(expr, source.record)
        return expr

    def resolve_spec(self, spec: QuerySpec) -> QuerySpec:
        """A query as users build it, over the record."""
        if len(self.sources) > 1:
            single = replace(spec, joins=(), alias=None, moment=None)
            return rebuild_record(single, lambda node: self.resolve(node) if isinstance(node, ColumnRef) else None)
        (source,) = self.sources
        if source.alias is None:
            return spec
        return rebuild_record(replace(spec, alias=None, moment=None), source.without_alias)


@dataclass(frozen=True, slots=True)
class UnionRelation(Relation):
    """The sources of all branches of a union, and a record that has the columns of the first."""

    def resolve(self, expr: Expr) -> Expr:
        """Expressions are over the record from the beginning."""
        return expr

    def resolve_spec(self, spec: QuerySpec) -> QuerySpec:
        """The clauses after the union."""
        return replace(spec, union=None)


_UNION = -2


def _union_relation(session: Session, union: Union) -> UnionRelation:
    relations = [relation_of(session, branch.query, branch.name) for branch in union.branches]
    outputs = [
        select_outputs(relation.resolve_spec(branch.query), relation.record)
        for relation, branch in zip(relations, union.branches, strict=True)
    ]
    names = [name for name, _ in outputs[0]]
    for other in outputs[1:]:
        if len(other) != len(names):
            raise InvalidArgument(
                f"union(): the first query yields {len(names)} columns ({', '.join(names)}), another {len(other)} "
                f"({', '.join(name for name, _ in other)})",
                hint="Choose as many in each with select().",
            )
    places = zip(*([expr.col_type for _, expr in branch] for branch in outputs), strict=True)
    columns = tuple(
        ColumnRecord(place, name, _type_of(name, types), heap=0)
        for place, (name, types) in enumerate(zip(names, places, strict=True))
    )
    heap = Heap(0, tuple(HeapColumn(column.db_name, sql_type(column.type)) for column in columns))
    path = " union ".join(branch.name for branch in union.branches)
    sources = tuple(source for relation in relations for source in relation.sources)
    return UnionRelation(sources, TableRecord(_UNION, None, path, path, columns, (heap,)))


def _type_of(name: str, types: Sequence[ColumnType]) -> ColumnType:
    found = common_type(types)
    if found is None:
        listed = " and ".join(f"`{column_type}`" for column_type in types)
        raise TypeMismatch(f"union(): column {name!r} has types {listed}, which have none in common")
    return found


def relation_of(session: Session, spec: QuerySpec, name: str) -> Relation:
    """What a query reads, as last seen; `name` is what the caller knew its table by.

    Raises:
        UnknownTable: a table was dropped.
    """
    if spec.union is not None:
        return _union_relation(session, spec.union)
    table = record_at(session, spec.table, name, spec.moment)
    if not spec.joins:
        return Relation((Source(table, spec.alias, spec.moment),), table)
    others = (
        Source(record_at(session, join.table, join.name, join.moment), join.alias, join.moment) for join in spec.joins
    )
    sources = [Source(table, spec.alias, spec.moment), *others]
    return Relation(tuple(sources), joined_record(sources, spec.joins))
