"""What a query reads: a table, or several as one; and its clauses in the terms of that."""

from dataclasses import dataclass, replace

from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exprs.expr import Expr, rebuild, rebuild_record
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.joins import Source, joined_record, resolved
from pixeltable.plan.query import QuerySpec
from pixeltable.session.session import Session


@dataclass(frozen=True, slots=True)
class Relation:
    """The sources of a query, the first being its table, and the record over which it is planned."""

    sources: tuple[Source, ...]
    record: TableRecord

    def is_current(self, catalog: Catalog) -> bool:
        """Whether all sources still have the schema they were seen with."""
        found = (catalog.tables.get(source.record.id) for source in self.sources)
        return all(
            record is not None and record.schema_version == source.record.schema_version
            for record, source in zip(found, self.sources, strict=True)
        )

    def resolve(self, expr: Expr) -> Expr:
        """An expression as users build it, over the record."""
        if len(self.sources) > 1:
            return resolved(expr, self.sources, self.record.columns)
        (source,) = self.sources
        return expr if source.alias is None else rebuild(expr, source.without_alias)

    def resolve_spec(self, spec: QuerySpec) -> QuerySpec:
        """A query as users build it, over the record."""
        if len(self.sources) > 1:
            single = replace(spec, joins=(), alias=None)
            return rebuild_record(single, lambda node: self.resolve(node) if isinstance(node, ColumnRef) else None)
        (source,) = self.sources
        return spec if source.alias is None else rebuild_record(replace(spec, alias=None), source.without_alias)


def relation_of(session: Session, spec: QuerySpec, name: str) -> Relation:
    """What a query reads, as last seen; `name` is what the caller knew its table by.

    Raises:
        UnknownTable: a table was dropped.
    """
    table = session.table(spec.table, name)
    if not spec.joins:
        return Relation((Source(table, spec.alias),), table)
    others = (Source(session.table(join.table, join.name), join.alias) for join in spec.joins)
    sources = [Source(table, spec.alias), *others]
    return Relation(tuple(sources), joined_record(sources, spec.joins))
