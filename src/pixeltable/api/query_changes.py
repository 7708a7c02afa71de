"""`QueryChanges`: changing the rows that a query's filter keeps."""

from typing import Any

from pixeltable.api.arguments import name_of
from pixeltable.api.fixed import fixed_snapshot, fixed_version
from pixeltable.api.progress import watched
from pixeltable.api.query_text import QueryText
from pixeltable.api.receipts import announce
from pixeltable.api.recomputation import recompute_columns
from pixeltable.exceptions import Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.query import past_alias
from pixeltable.session import change
from pixeltable.session.session import Session
from pixeltable.types.status import UpdateStatus


class QueryChanges(QueryText):
    """Updates and deletes rows, and computes their cells again."""

    _session: Session

    def update(self, value_spec: dict[str, Any], cascade: bool = True, return_rows: bool = False) -> UpdateStatus:
        """Set columns of the rows the filter keeps; see `Table.update`."""
        self._require_filter_only("update")
        with watched(self._session, f"Updating {self._name}") as tally:
            status = change.update(
                self._session, self._spec.table, self._name, value_spec,
                where=self._filter, cascade=cascade, return_rows=return_rows, tally=tally,
            )  # fmt: skip
        announce(self._session, status)
        return status

    def delete(self) -> UpdateStatus:
        """Delete the rows the filter keeps; see `Table.delete`."""
        self._require_filter_only("delete")
        status = change.delete(self._session, self._spec.table, self._name, where=self._filter)
        announce(self._session, status)
        return status

    def recompute_columns(
        self,
        *columns: str | ColumnRef,
        errors_only: bool = False,
        stale_only: bool = False,
        cascade: bool = True,
    ) -> UpdateStatus:
        """Compute stored cells of the rows the filter keeps again; see `Table.recompute_columns`."""
        self._require_filter_only("recompute_columns")
        names = tuple(name_of(column, self._relation.record) for column in columns)
        status = recompute_columns(
            self._session, self._spec.table, self._name, names, self._filter,
            errors_only=errors_only, stale_only=stale_only, cascade=cascade,
        )  # fmt: skip
        announce(self._session, status)
        return status

    def _require_filter_only(self, method: str) -> None:
        spec = self._spec
        if spec.moment is not None:
            raise fixed_version(method, past_alias(self._name, spec.moment))
        record = self._session.table(spec.table, self._name)
        if record.is_snapshot:
            raise fixed_snapshot(method, record.path, self._session.catalog.base_path(record))
        if (
            spec.select is not None
            or spec.limit is not None
            or spec.having is not None
            or spec.union is not None
            or any((spec.order_by, spec.group_by, spec.joins, spec.sample, spec.distinct))
        ):
            raise Unsupported(f"{method}() takes the rows of one table that where() keeps", hint="Use where() alone.")

    @property
    def _filter(self) -> Expr | None:
        return None if self._spec.where is None else self._relation.resolve(self._spec.where)
