"""Tables as text, HTML and metadata."""

import html
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pixeltable.api.table_text import Align, html_table, text_table
from pixeltable.catalog.records import BtreeRecord, ColumnRecord, IndexRecord, TableRecord, kind_of, referred_columns
from pixeltable.session.versions import Version

_COLUMN_HEADERS = ["Column Name", "Type", "Computed With", "Comment"]
_INDEX_HEADERS = ["Index Name", "Column", "Metric", "Embedding"]
_BTREE_HEADERS = ["B-tree Index", "Key", "Unique"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is shown of a table beside its record.

    Where its base is, or what it is a branch of; by ids of columns and indexes which cannot be computed and why, and
    which share of their rows is computed of those that are not ready.
    """

    base_path: str | None
    problems: Mapping[int, str]
    shares: Mapping[int, float]


_ALIGN: list[Align] = ["right", "right", "left", "left"]


def _title(table: TableRecord, known: Known) -> str:
    """What it is, and of a view what it is made of."""
    if table.view is None:
        return f"table {table.path!r}" + ("" if known.base_path is None else f", a branch of {known.base_path!r}")
    where = "" if table.view.where is None else f" where {table.view.where}"
    where += "" if table.view.sample is None else f", {table.view.sample},"
    made = "" if table.view.explode is None else f" through {table.view.explode}"
    return f"{kind_of(table)} {table.path!r} of {known.base_path!r}{where}{made}"


def _column_rows(table: TableRecord, known: Known) -> list[list[str]]:
    rows = [
        [column.name, str(column.type), _computed_with(column, known), column.comment or ""]
        for column in table.ready_columns
    ]
    pending = [column for column in table.columns if column.status == "backfilling"]
    return rows + [
        [column.name, str(column.type), f"{column.expr} ({known.shares.get(column.id, 0):.0%} computed)", ""]
        for column in pending
    ]


def _computed_with(column: ColumnRecord, known: Known) -> str:
    return "" if column.expr is None else f"{column.expr}{_problem(known.problems.get(column.id))}"


def _problem(problem: str | None) -> str:
    return "" if problem is None else f" (cannot be computed: {problem})"


def _index_rows(table: TableRecord, known: Known) -> list[list[str]]:
    return [
        [
            index.name,
            _column_name(table, index),
            index.metric,
            _embedding(index) + _problem(known.problems.get(index.id)),
        ]
        for index in table.indexes
    ]


def _btree_rows(table: TableRecord) -> list[list[str]]:
    return [[i.name, ", ".join(map(str, i.keys)), "yes" if i.unique else ""] for i in _ready_btrees(table)]


def _ready_btrees(table: TableRecord) -> list[BtreeRecord]:
    return [index for index in table.btrees if index.status == "ready"]


def _column_name(table: TableRecord, index: IndexRecord) -> str:
    column = table.column_by_id(index.column)
    assert column is not None
    return column.name


def _embedding(index: IndexRecord) -> str:
    return ", ".join(str(expr) for _, expr in index.embeddings)


def describe_text(table: TableRecord, known: Known) -> str:
    """The columns and indexes of a table, for a terminal."""
    parts = [_title(table, known), text_table(_COLUMN_HEADERS, _column_rows(table, known), align=_ALIGN)]
    if table.indexes:
        parts.append(text_table(_INDEX_HEADERS, _index_rows(table, known), align=_ALIGN))
    if _ready_btrees(table):
        parts.append(text_table(_BTREE_HEADERS, _btree_rows(table), align=_ALIGN[1:]))
    if table.comment:
        parts.insert(1, table.comment)
    return "\n\n".join(parts)


def describe_html(table: TableRecord, known: Known) -> str:
    """As `describe_text`, for a notebook."""
    parts = [html_table([_title(table, known)], [], align=["left"])]
    if table.comment:
        parts.append(f"<p>{html.escape(table.comment)}</p>")
    parts.append(html_table(_COLUMN_HEADERS, _column_rows(table, known), align=_ALIGN))
    if table.indexes:
        parts.append(html_table(_INDEX_HEADERS, _index_rows(table, known), align=_ALIGN))
    if _ready_btrees(table):
        parts.append(html_table(_BTREE_HEADERS, _btree_rows(table), align=_ALIGN[1:]))
    return "\n".join(parts)


def table_metadata(
    table: TableRecord, base_path: str | None, branch_path: str | None, newest: Version
) -> dict[str, Any]:
    """What `Table.get_metadata()` answers."""
    return {
        "id": uuid.UUID(int=table.id),
        "name": table.name,
        "path": table.path,
        "kind": kind_of(table),
        "columns": {column.name: _column_metadata(table, column) for column in table.ready_columns},
        "indexes": {index.name: _index_metadata(table, index) for index in table.indexes if index.status == "ready"}
        | {index.name: _btree_metadata(table, index) for index in _ready_btrees(table)},
        "is_data_versioned": True,
        "has_default_idxs": table.default_indexes,
        "is_view": table.view is not None,
        "is_snapshot": table.is_snapshot,
        "version": newest.version,
        "version_created": newest.created_at,
        "schema_version": table.schema_version,
        "comment": table.comment,
        "custom_metadata": table.custom_metadata,
        "media_validation": table.media_validation,
        "primary_key": [column.name for column in table.primary_key] or None,
        "base": base_path,
        "branch_of": branch_path,
        "view_filter": None if table.view is None or table.view.where is None else str(table.view.where),
        "view_sample": None if table.view is None else table.view.sample,
        "iterator_call": None if table.view is None or table.view.explode is None else str(table.view.explode),
    }


def _column_metadata(table: TableRecord, column: ColumnRecord) -> dict[str, Any]:
    inputs = referred_columns(column.expr) if column.expr is not None else set()
    depends_on = [[owner.path, other.name] for owner in table.lineage for other in owner.columns if other.id in inputs]
    return {
        "name": column.name,
        "type_": str(column.type),
        "version_added": column.version_added,
        "is_stored": column.heap is not None,
        "is_primary_key": column.primary_key,
        "media_validation": None,
        "is_computed": column.is_computed,
        "computed_with": None if column.expr is None else str(column.expr),
        "is_builtin": None,
        "depends_on": depends_on or None,
        "defined_in": next(t.path for t in table.lineage if column in t.columns),
        "comment": column.comment,
        "custom_metadata": column.custom_metadata,
        "is_iterator_col": any(t.view is not None and t.view.makes(column.id) for t in table.lineage),
        "destination": None,
    }


def _index_metadata(table: TableRecord, index: IndexRecord) -> dict[str, Any]:
    return {
        "name": index.name,
        "columns": [_column_name(table, index)],
        "index_type": "embedding",
        "parameters": {
            "metric": index.metric,
            "precision": index.precision,
            "embedding": _embedding(index),
            "embedding_functions": [str(expr) for _, expr in index.embeddings],
        },
    }


def _btree_metadata(table: TableRecord, index: BtreeRecord) -> dict[str, Any]:
    found = {column: None for key in index.keys for column in sorted(referred_columns(key))}
    names = [column.name for column_id in found if (column := table.column_by_id(column_id)) is not None]
    return {
        "name": index.name,
        "columns": names,
        "index_type": "btree",
        "parameters": {"keys": list(map(str, index.keys)), "unique": index.unique},
    }
