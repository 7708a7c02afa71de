"""`QuerySources`: putting the rows of other tables and queries beside those of a query, or after them."""

from dataclasses import replace
from typing import Any, Self

from pixeltable.api.clauses import branch_of, join_of
from pixeltable.api.query_text import QueryText
from pixeltable.exceptions import InvalidArgument, TypeMismatch, Unsupported
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.bind import bind_predicate
from pixeltable.plan.query import Branch, How, QuerySpec, Union
from pixeltable.types.column_type import ArrayType, MediaType


class QuerySources(QueryText):
    """Joins and unions."""

    def _of(self, spec: QuerySpec) -> Self:
        """A query of the same session with these clauses."""
        raise NotImplementedError

    def join(self, other: Any, on: Any = None, how: How = "inner") -> Self:
        """Put the rows of another table beside those of the query; further calls join further tables.

        Columns of both that have the same name are told apart by a suffix, `id` and `id_1`, where no select list names
        them. To join a table with itself, give it another name: `t.join(a := t.alias('a'), on=t.parent == a.id)`.

        Args:
            other: a table, or what `Table.alias` gave.
            on: a Bool expression over the tables; or columns, each of which has its namesake in the other table.
            how: "inner", "left", "right", "full_outer" or "cross", which takes no `on`.

        Raises:
            InvalidArgument: `on` is missing, or given for a cross join; `how` is none of these.
            UnknownColumn: `on` names a column that the other table has not.
            Unsupported: clauses of the query belong after a join.
        """
        spec = self._spec
        self._refuse_on_union("join")
        if spec.select is not None or spec.order_by or spec.limit is not None or spec.group_by or spec.sample:
            raise Unsupported(
                "join() comes before select(), group_by(), order_by(), limit() and sample()",
                hint="Write it first: t.join(...).select(...).",
            )
        join = join_of(self._relation, other, on, how)
        joined = replace(spec, joins=(*spec.joins, join))
        query = self._of(joined)
        if join.on is not None:
            relation = query._relation  # noqa: SLF001  # of its own class
            bind_predicate(relation.resolve(join.on), relation.record, role="join()")
        return query

    def union(self, *others: Any, distinct: bool = False) -> Self:
        """The rows of this query, then those of other queries or tables, as one query over all of them.

        Columns go together by their place, are called as in this query, and have the type that all have in common. The
        result is filtered, ordered and grouped by its own columns: `u = a.union(b); u.where(u.n > 1).limit(3)`.

        Args:
            distinct: rows that are equal in all columns come once, where the first of them is.

        Raises:
            InvalidArgument: the queries yield different numbers of columns, or there is no other.
            TypeMismatch: columns at one place have no type in common.
            Unsupported: rows are to be distinct by arrays or media, which cannot be compared.
        """
        branches = (Branch(self._name, self._spec), *map(branch_of, others))
        if not others:
            raise InvalidArgument("union() takes at least one other query or table")
        united = self._of(QuerySpec(self._spec.table, union=Union(branches, distinct)))
        for column in united._relation.record.columns:  # noqa: SLF001  # of its own class
            if distinct and isinstance(column.type, ArrayType | MediaType):
                raise TypeMismatch(f"union(): column {column.name!r} has type `{column.type}`, which is not compared")
        return united

    def __getattr__(self, name: str) -> ColumnRef:
        if name.startswith("_") or self._spec.union is None:
            raise AttributeError(f"a query has no attribute {name!r}")
        return self[name]

    def __getitem__(self, name: str) -> ColumnRef:
        """A column of a union, as an expression for its further clauses."""
        if self._spec.union is None:
            raise Unsupported(
                f"a query has no columns of its own to refer to, asked for {name!r}", hint="Use those of its tables."
            )
        record = self._relation.record
        return record.ref(record.column(name))

    def _refuse_on_union(self, method: str) -> None:
        if self._spec.union is not None:
            raise Unsupported(f"{method}() cannot be used on a union", hint="Use it in the queries that are united.")
