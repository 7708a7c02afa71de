"""What a table has of a query: the clauses with which one starts, and the ways to run it whole."""

from typing import Any

from pixeltable.api.query import Query
from pixeltable.api.results import ResultSet
from pixeltable.plan.query import QuerySpec
from pixeltable.session.session import Session


class QueryStart:
    """Something a query can be started from: a table, known by its id."""

    def __init__(self, session: Session, table_id: int, path: str) -> None:
        self._session = session
        self._id = table_id
        self._path = path

    def _query(self) -> Query:
        return Query(self._session, QuerySpec(self._id), self._path)

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

    def collect(self) -> ResultSet:
        """All rows."""
        return self._query().collect()

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
