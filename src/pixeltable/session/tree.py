"""The tree of directories and tables, with what each table holds at a glance."""

from collections.abc import Sequence
from functools import partial

from pixeltable.catalog.records import TableRecord, kind_of
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import SchemaChanged
from pixeltable.ids import Path, parse_path
from pixeltable.lazy import psycopg
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.types.tree import TableNode, TreeNode


def directory_tree(session: Session, path: Path) -> list[TreeNode]:
    """What is in a directory, and in those below: directories first, each kind by name.

    Raises:
        UnknownDirectory: there is none.
    """
    for _ in range(session.settings.write_attempts):
        catalog = session.refresh()
        catalog.dir_id(path)
        _, names = catalog.below(path, recursive=True)
        tables = [catalog.table(catalog.table_ids[name], name=name) for name in names]
        try:
            nodes = session.database.read(partial(_table_nodes, catalog, tables))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            continue  # dropped since: the next look at the catalog says so
        return _entries(catalog, path, nodes)
    raise SchemaChanged(str(path))


def _entries(catalog: Catalog, path: Path, nodes: dict[str, TableNode]) -> list[TreeNode]:
    dirs, tables = catalog.below(path, recursive=False)
    found: list[TreeNode] = [
        {"name": _name(name), "path": name, "kind": "directory", "entries": _entries(catalog, parse_path(name), nodes)}
        for name in dirs
    ]
    return found + [nodes[name] for name in tables]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _table_nodes(catalog: Catalog, tables: Sequence[TableRecord], connection: Connection) -> dict[str, TableNode]:
    ids = [table.id for table in tables]
    heads = connection.execute("SELECT table_id, version FROM pixeltable.heads WHERE table_id = ANY(%s)", (ids,))
    versions: dict[int, int] = dict(heads.fetchall())
    return {
        table.path: {
            "name": table.name,
            "path": table.path,
            "kind": kind_of(table),
            "version": versions.get(table.id),
            "error_count": _error_count(connection, table),
            "base": catalog.base_path(table),
        }
        for table in tables
    }


def _error_count(connection: Connection, table: TableRecord) -> int:
    """The number of failed cells that users can see."""
    heaps = {column.heap for column in table.fallible_columns} | {table.view and table.view.failures}
    parts = [f"SELECT errors FROM {heap.current} WHERE errors IS NOT NULL" for heap in table.heaps if heap.id in heaps]
    if not parts:
        return 0
    row = connection.execute(
        f"SELECT count(*) FROM ({' UNION ALL '.join(parts)}) e CROSS JOIN LATERAL jsonb_object_keys(errors) AS key"
        " WHERE key = ANY(%s)",
        ([column.db_name for column in table.fallible_columns],),
    ).fetchone()
    return int(row[0]) if row else 0
