"""`Table`: the handle users hold. It knows an id; what the table looks like is looked up when it matters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pixeltable.api.arguments import name_of, one_of
from pixeltable.api.extension import PLANNED_METHODS, extension, reserved_names
from pixeltable.api.progress import watched
from pixeltable.api.query_start import TableAlias
from pixeltable.api.receipts import announce
from pixeltable.api.recomputation import recompute_columns
from pixeltable.api.row import RowBatch
from pixeltable.api.sources import is_tabular, rows_of
from pixeltable.api.table_branches import HANDLES, TableBranches
from pixeltable.api.table_columns import TableColumns
from pixeltable.api.table_function import table_function
from pixeltable.api.table_indexes import TableIndexes
from pixeltable.api.table_reports import TableReports
from pixeltable.api.table_versions import TableVersions
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument, Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.functions import array as array  # for their effect: columns get their methods
from pixeltable.functions import date as date
from pixeltable.functions import elements as elements
from pixeltable.functions import json as json
from pixeltable.functions import math as math
from pixeltable.functions import string as string
from pixeltable.functions import timestamp as timestamp
from pixeltable.functions import uuid as uuid
from pixeltable.ids import check_column_name
from pixeltable.session import change, versions
from pixeltable.session.batch_update import batch_update
from pixeltable.session.compute_rows import compute_rows
from pixeltable.session.insert import insert
from pixeltable.session.session import Session
from pixeltable.types.status import UpdateStatus
from pixeltable.udfs.decorator import CONVERTERS
from pixeltable.udfs.function import Function


class Table(TableColumns, TableIndexes, TableReports, TableVersions, TableBranches):
    """A table in the catalog. Handles are cheap, can be shared between threads, and survive changes of the schema.

    `t.name` and `t['name']` are the column as an expression.
    """

    def __init__(self, session: Session, record: TableRecord) -> None:
        super().__init__(session, record.id, record.path)

    def __getattr__(self, name: str) -> ColumnRef:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in PLANNED_METHODS:
            raise Unsupported(f"Table.{name}() is not supported yet")
        return self[name]

    def __getitem__(self, name: str) -> ColumnRef:
        return self._ref(name)

    @extension
    def alias(self, name: str) -> TableAlias:
        """The table under another name, for queries that read it more than once.

        `t.join(a := t.alias('a'), on=t.parent == a.id).select(t.id, a.title)`

        Raises:
            InvalidName: the name is no identifier.
        """
        check_column_name(name, reserved=frozenset(), noun="alias")
        return TableAlias(self._session, self._id, self._path, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns()]

    # What it is

    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self._newest_record.ready_columns]

    def list_views(self, *, recursive: bool = True) -> list[str]:
        """The paths of the views over this table; if `recursive`, also of those over these."""
        views = self._session.refresh().dependents_of(self._id)
        return [view.path for view in views if recursive or (view.view is not None and view.view.base == self._id)]

    def get_base_table(self) -> "Table | None":
        """The table this is a view of; None if it is no view."""
        base = self._session.refresh().table(self._id, name=self._path).base
        if base is None:
            return None
        return (Table if base.view is None else type(self))(self._session, base)

    # Rows

    def insert(
        self,
        source: Any = None,
        /,
        *,
        on_error: str = "abort",
        print_stats: bool = False,
        return_rows: bool = False,
        **kwargs: Any,
    ) -> UpdateStatus:
        """Insert rows, or one row as keywords.

        Rows are dicts or pydantic models in a list or an iterator, a pandas or polars frame, an Arrow table, another
        table, a query or its result; of a pandas frame all but its index. A row may leave out what has a default or may
        be null.

        Computed columns and indexes are computed before the call returns; what it returns is durable. With
        `on_error='ignore'` a row is kept when a computed cell fails, the cell being null with an error.
        `return_rows` fills `status.rows` with the rows as stored.

        Raises:
            RequestError: a row does not fit the table, a key exists, or a cell failed; nothing was inserted.
        """
        if (source is None) == (not kwargs):
            raise InvalidArgument("insert() takes rows, or one row as keywords", hint="insert([{...}]) or insert(a=1).")
        mode = one_of("on_error", on_error, ("abort", "ignore"))
        rows = [kwargs] if source is None else rows_of(source, call="insert()")
        if not rows and is_tabular(source):
            return UpdateStatus()
        with watched(self._session, f"Inserting into {self._path}", by_column=print_stats) as tally:
            status = insert(
                self._session, self._id, self._path, rows,
                on_error=mode, return_rows=return_rows, tally=tally,
            )  # fmt: skip
        announce(self._session, status, parts=tally.parts)
        return status

    def compute(
        self,
        source: Iterable[Mapping[str, Any] | Any],
        /,
        *,
        outputs: Sequence[str | ColumnRef] | None = None,
        on_error: str = "abort",
    ) -> RowBatch:
        """The rows as the table would hold them, computed columns included; nothing is stored.

        A view gets rows of its base, and answers with those that it would have of them: none for a row that its filter
        does not keep, one for each item of its iterator.

        Args:
            source: dicts or pydantic models, as for `insert`.
            outputs: the columns wanted, by name or as `t.name`; only what they need is computed. None: all.
            on_error: with 'ignore' a cell that fails is null, and `row.errors` says why.

        Raises:
            RequestError: a row does not fit the table, or a cell failed.
        """
        names = None if outputs is None else [name_of(column, self._record) for column in outputs]
        mode = one_of("on_error", on_error, ("abort", "ignore"))
        with watched(self._session, f"Computing rows of {self._path}") as tally:
            found = compute_rows(self._session, self._id, self._path, source, outputs=names, on_error=mode, tally=tally)
        return RowBatch(found.columns, found.types, errors=found.errors)

    def update(
        self, value_spec: dict[str, Any], where: Expr | None = None, cascade: bool = True, return_rows: bool = False
    ) -> UpdateStatus:
        """Set columns, to values or expressions over the row, in the rows where `where` is true.

        What depends on them is recomputed, unless `cascade` is off; all other cells and vectors stay where they are.

        Raises:
            RequestError: a column is unknown, computed or part of the key, or a value does not fit; nothing changed.
            ConcurrencyError: other writers kept changing the same rows; try again.
        """
        with watched(self._session, f"Updating {self._path}") as tally:
            status = change.update(
                self._session, self._id, self._path, value_spec,
                where=where, cascade=cascade, return_rows=return_rows, tally=tally,
            )  # fmt: skip
        announce(self._session, status)
        return status

    def batch_update(
        self,
        rows: Iterable[Mapping[str, Any]],
        cascade: bool = True,
        if_not_exists: str = "error",
        return_rows: bool = False,
    ) -> UpdateStatus:
        """Update rows by their primary key, each in the columns it names, all in one operation.

        `t.batch_update([{'id': 1, 'name': 'x'}, {'id': 2, 'score': 0.5}])`. Rows may be given by `_rowid` instead, as
        `t.errors()` has it, where a table has no primary key. Values are literals. As in `update`, only what depends on
        the columns that a row names is computed again; in a row that is new a computed cell that fails is null.

        Rows of a view are known by the key of its base, those of a view with an iterator by `_rowid` alone. It is the
        view's own columns that they set, and none is inserted.

        Args:
            rows: dicts or pydantic models.
            cascade: also compute what depends on the columns.
            if_not_exists: what to do with a key that no row has: 'error', 'ignore' it, or 'insert' the row.
            return_rows: fill `status.rows` with the rows as stored, in the order of `rows`.

        Raises:
            NotFoundError: no row has a key, and `if_not_exists` is 'error'; or a column is unknown.
            RequestError: a row lacks its key, two rows have the same, or a value does not fit; nothing changed.
            ConcurrencyError: other writers kept changing the same rows; try again.
        """
        choice = one_of("if_not_exists", if_not_exists, ("error", "ignore", "insert"))
        with watched(self._session, f"Updating {self._path}") as tally:
            status = batch_update(
                self._session, self._id, self._path, rows,
                cascade=cascade, if_not_exists=choice, return_rows=return_rows, tally=tally,
            )  # fmt: skip
        announce(self._session, status)
        return status

    def recompute_columns(
        self,
        *columns: str | ColumnRef,
        where: Expr | None = None,
        errors_only: bool = False,
        stale_only: bool = False,
        cascade: bool = True,
    ) -> UpdateStatus:
        """Compute stored cells again, and what depends on them, in the rows where `where` is true.

        Results that are remembered are not used for the columns named. A cell that fails becomes null with an error;
        the others are kept. What takes long is committed in parts.

        Args:
            columns: names, or `t.name`; at least one, but that `stale_only` without any means all stale columns.
            errors_only: only cells that failed; takes exactly one column. Without any, the iterator of the view is
                called again for the rows of its base that it failed for.
            stale_only: only cells that other code computed than is there now, see `stale()`.
            cascade: also compute what depends on these columns.

        Raises:
            RequestError: a column is not computed or not stored, or `where` is no Bool expression over this table.
        """
        status = recompute_columns(
            self._session, self._id, self._path, tuple(name_of(column, self._record) for column in columns), where,
            errors_only=errors_only, stale_only=stale_only, cascade=cascade,
        )  # fmt: skip
        announce(self._session, status)
        return status

    def delete(self, where: Expr | None = None) -> UpdateStatus:
        """Delete the rows where `where` is true, or all.

        Raises:
            RequestError: `where` is no Bool expression over this table; nothing changed.
        """
        status = change.delete(self._session, self._id, self._path, where=where)
        announce(self._session, status)
        return status

    # Versions

    def revert(self) -> None:
        """Take back the last operation, of data or schema. This cannot be undone.

        Raises:
            RequestError: the table is at version 0.
        """
        versions.revert(self._session, self._id, self._path)


def record_of(table: Table) -> TableRecord:
    """The table as it is now."""
    return table._newest_record  # noqa: SLF001  # a friend


def _as_function(table: Table, return_value: Any, description: str | None) -> Function:
    return table_function(record_of(table), return_value, description)


CONVERTERS[Table] = _as_function

InsertableTable = Table
"""Older name: every table that is no view."""

RESERVED_NAMES = PLANNED_METHODS | reserved_names(Table)
"""Names no column can have."""


HANDLES.append(Table)
