"""What a table tells of itself: how it is made up, its versions, the cells that failed."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pixeltable.api.arguments import name_of
from pixeltable.api.describe import Known, describe_html, describe_text, table_metadata
from pixeltable.api.extension import extension
from pixeltable.api.query_start import QueryStart
from pixeltable.api.results import ResultSet
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session import versions
from pixeltable.session.conditions import problems, shares_computed
from pixeltable.session.errors import failed_cells
from pixeltable.session.stale import Stale, stale_targets
from pixeltable.types.column_type import ColumnType, IntType, JsonType, StringType

if TYPE_CHECKING:
    import pandas as pd

_STALE: dict[str, ColumnType] = {
    "column": StringType(), "index": StringType(nullable=True), "functions": JsonType(),
    "cells": IntType(nullable=True), "total": IntType(nullable=True), "problem": StringType(nullable=True),
}  # fmt: skip


class TableReports(QueryStart):
    """Something that can describe itself, and has versions and failed cells: a table, known by its id."""

    def get_metadata(self) -> dict[str, Any]:
        """Name, columns, indexes, version and the like, as a dict."""
        record = self._newest_record
        catalog = self._session.catalog
        return table_metadata(
            record, catalog.base_path(record), catalog.branch_path(record), self._versions(limit=1)[0]
        )

    def describe(self) -> None:
        """Print the columns and indexes; of those that cannot be computed any more, why."""
        print(repr(self))  # noqa: T201  # printing is what it is for

    def __repr__(self) -> str:
        record = self._newest_record
        return describe_text(record, self._known_of(record))

    def _repr_html_(self) -> str:
        record = self._newest_record
        return describe_html(record, self._known_of(record))

    def _known_of(self, record: TableRecord) -> Known:
        session = self._session
        base = session.catalog.base_path(record) or session.catalog.branch_path(record)
        return Known(base, problems(session, record), shares_computed(session, record))

    @extension
    def errors(self, column: str | ColumnRef | None = None) -> ResultSet:
        """The failed cells of a stored computed column, or of all of them, a row each, in order of the table's rows.

        Columns: the primary key (`_rowid` if there is none), `column`, `errortype`, `errormsg`, `attempts` and `at`. A
        view with an iterator has the rows of its base that this failed for, too: under `pos`, by their numbers there.

        Raises:
            NotFoundError: there is no such column.
            RequestError: it is not computed, or not stored.
        """
        chosen = None if column is None else name_of(column, self._newest_record)
        found = failed_cells(self._session, self._id, self._path, column=chosen, moment=self._moment)
        return ResultSet(found.columns, found.types)

    @extension
    def stale(self) -> ResultSet:
        """Columns and indexes with cells that other code computed than would now, a row each; none if all is new.

        Columns: `column`, `index` (null for the column itself), `functions` that changed, `cells` that are stale,
        `total` cells, and `problem`: why they cannot be computed again, else null. Where a function is gone, or does
        not fit any more, `cells` is null. Code is the source of a function and of what it uses of its module. Nothing
        stale is computed again by itself: see `recompute_columns(stale_only=True)`.
        """
        found = stale_targets(self._session, self._id, self._path)
        names = [field.name for field in fields(Stale)]
        columns = {name: [getattr(stale, name) for stale in found] for name in names}
        columns["functions"] = [list(functions) for functions in columns["functions"]]
        return ResultSet(columns, _STALE)

    def get_versions(self, n: int | None = None) -> list[dict[str, Any]]:
        """What each operation did, newest first, at most `n` of them; `note` is what `annotate()` left."""
        if n is not None and (type(n) is not int or n < 1):
            raise InvalidArgument(f"get_versions(): n must be a positive int, got {n!r}")
        return [
            {
                "version": version.version,
                "created_at": version.created_at,
                "user": None,
                "change_type": version.kind,
                "inserts": version.inserts,
                "updates": version.updates,
                "deletes": version.deletes,
                "errors": version.errors,
                "schema_change": version.schema_change,
                "note": version.note,
            }
            for version in self._versions(limit=n)
        ]

    def _versions(self, *, limit: int | None) -> list[versions.Version]:
        """Those there are, or were at the moment."""
        upto = None if self._moment is None else self._moment.version
        return versions.list_versions(self._session, self._id, self._path, limit=limit, upto=upto)

    def history(self, n: int | None = None) -> "pd.DataFrame":
        """As `get_versions`, as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.get_versions(n))
