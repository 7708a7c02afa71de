"""What a table has of a query: the clauses with which one starts, and the ways to run it whole."""

from typing import Any

from pixeltable.api.cursor import ResultCursor
from pixeltable.api.extension import extension
from pixeltable.api.query import Query
from pixeltable.api.results import ResultSet
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import UnknownColumn
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.joins import Source
from pixeltable.plan.query import How, Moment, QuerySpec
from pixeltable.session.past import record_at
from pixeltable.session.session import Session


class QueryStart:
    """Something a query can be started from: a table, known by its id; with a moment, as it was then."""

    def __init__(
        self, session: Session, table_id: int, path: str, alias: str | None = None, moment: Moment | None = None
    ) -> None:
        self._session = session
        self._id = table_id
        self._path = path
        self._alias = alias
        self._moment = moment

    def _query(self) -> Query:
        return Query(self._session, QuerySpec(self._id, alias=self._alias, moment=self._moment), self._path)

    @property
    def _record(self) -> TableRecord:
        return record_at(self._session, self._id, self._path, self._moment)

    @property
    def _newest_record(self) -> TableRecord:
        """As `_record`, but not as last seen."""
        present = self._session.refresh().table(self._id, name=self._path)
        return present if self._moment is None else self._record

    @property
    def _source(self) -> Source:
        return Source(self._record, self._alias, self._moment)

    def _ref(self, name: str) -> ColumnRef:
        """The column of that name, as an expression."""
        try:
            found = self._record.column(name)
        except UnknownColumn:  # it may be newer than what this process saw
            found = self._newest_record.column_or_pending(name)
        return ColumnRef(found.id, self._id, found.name, found.type, self._alias)

    def select(self, *items: Any, **named: Any) -> Query:
        """A query that yields expressions; see `Query.select`."""
        return self._query().select(*items, **named)

    def where(self, predicate: Any) -> Query:
        """A query for the rows in which a Bool expression is true; see `Query.where`."""
        return self._query().where(predicate)

    def order_by(self, *exprs: Any, asc: bool = True) -> Query:
        """A query in an order; see `Query.order_by`."""
        return self._query().order_by(*exprs, asc=asc)

    def group_by(self, *exprs: Any) -> Query:
        """A query that yields a row for each group of rows; see `Query.group_by`."""
        return self._query().group_by(*exprs)

    def limit(self, n: Any, offset: Any = None) -> Query:
        """A query for at most `n` rows; see `Query.limit`."""
        return self._query().limit(n, offset)

    def distinct(self) -> Query:
        """A query for distinct rows; see `Query.distinct`."""
        return self._query().distinct()

    def join(self, other: "QueryStart", on: Any = None, how: How = "inner") -> Query:
        """A query over several tables; see `Query.join`."""
        return self._query().join(other, on, how)

    @extension
    def union(self, *others: Any, distinct: bool = False) -> Query:
        """A query over the rows of this table and of others; see `Query.union`."""
        return self._query().union(*others, distinct=distinct)

    def sample(
        self,
        n: int | None = None,
        n_per_stratum: int | None = None,
        fraction: float | None = None,
        seed: int | None = None,
        stratify_by: Any = None,
    ) -> Query:
        """A query for rows chosen by chance; see `Query.sample`."""
        return self._query().sample(n, n_per_stratum, fraction, seed, stratify_by)

    def collect(self) -> ResultSet:
        """All rows."""
        return self._query().collect()

    @extension
    def explain(self) -> str:
        """How all rows are read; see `Query.explain`."""
        return self._query().explain()

    def cursor(self) -> ResultCursor:
        """A cursor over all rows; see `Query.cursor`."""
        return self._query().cursor()

    def head(self, n: int = 10) -> ResultSet:
        """The first `n` rows in the order of insertion."""
        return self._query().head(n)

    def tail(self, n: int = 10) -> ResultSet:
        """The last `n` rows in the order of insertion."""
        return self._query().tail(n)

    def show(self, n: int = 20) -> ResultSet:
        """At most `n` rows."""
        return self._query().show(n)

    def count(self) -> int:
        """The number of rows."""
        return self._query().count()


class TableAlias(QueryStart):
    """A table under another name, so that a query can read it more than once; `a.column` is a column of these rows."""

    def __getattr__(self, name: str) -> ColumnRef:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ref(name)

    def __getitem__(self, name: str) -> ColumnRef:
        return self._ref(name)

    def __repr__(self) -> str:
        return f"table {self._path!r} as {self._alias!r}"
