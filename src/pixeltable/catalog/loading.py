"""Reading the catalog: what changed since the epoch a process last saw, so that its size does not matter."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pixeltable.catalog.codec import decode_table
from pixeltable.catalog.records import DirRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.storage.database import Connection, snapshot

_DIRS = "SELECT id, parent, name FROM pixeltable.dirs WHERE changed > %s"
_TABLES = (
    "SELECT t.id, t.dir, t.name, h.schema_version, t.created_at, t.record "
    "FROM pixeltable.tables t JOIN pixeltable.heads h ON h.table_id = t.id WHERE t.changed > %s ORDER BY t.id"
)


def read_epoch(connection: Connection) -> int:
    """The epoch of the newest schema change."""
    row = connection.execute("SELECT epoch FROM pixeltable.state").fetchone()
    assert row is not None
    return int(row[0])


def refresh(connection: Connection, known: Catalog) -> Catalog:
    """The catalog as it is now; what did not change since `known` is taken from it."""
    with snapshot(connection):
        epoch = read_epoch(connection)
        return known if epoch == known.epoch else _advance(connection, known, epoch)


def load_locked(connection: Connection, known: Catalog) -> Catalog:
    """The catalog as it is now, and stays until the caller's transaction ends: no other schema change gets in."""
    row = connection.execute("SELECT epoch FROM pixeltable.state FOR UPDATE").fetchone()
    assert row is not None
    return known if row[0] == known.epoch else _advance(connection, known, row[0])


def _advance(connection: Connection, known: Catalog, epoch: int) -> Catalog:
    removed = _removed(connection, known.epoch) if known.epoch else set()
    changed = [DirRecord(*row) for row in connection.execute(_DIRS, (known.epoch,)).fetchall()]
    rows = connection.execute(_TABLES, (known.epoch,)).fetchall()
    dirs = {dir_id: record for dir_id, record in known.dirs.items() if dir_id not in removed}
    dirs |= {record.id: record for record in changed}
    dir_ids = known.dir_ids
    if removed or changed:
        dir_ids = {_dir_path(dir_id, dirs): dir_id for dir_id in dirs}
    paths = {dir_id: path for path, dir_id in dir_ids.items()}
    tables = {table_id: table for table_id, table in known.tables.items() if table_id not in removed}
    if any(record.id in known.dirs for record in changed):  # a directory moved, and what is in it with it
        tables = {table_id: _placed(table, paths) for table_id, table in tables.items()}
    tables |= {table.id: table for table in _decoded(rows, paths)}
    return Catalog(
        epoch=epoch,
        dirs=dirs,
        tables=tables,
        dir_ids=dir_ids,
        table_ids={table.path: table.id for table in tables.values()},
    )


def _removed(connection: Connection, epoch: int) -> set[int]:
    return {row[0] for row in connection.execute("SELECT id FROM pixeltable.removed WHERE epoch > %s", (epoch,))}


def _decoded(rows: Iterable[tuple[Any, ...]], paths: dict[int, str]) -> Iterable[TableRecord]:
    for table_id, dir_id, name, schema_version, created_at, record in rows:
        yield decode_table(
            record, table_id=table_id, dir_id=dir_id, name=name, path=_path(dir_id, name, paths),
            schema_version=schema_version, created_at=created_at,
        )  # fmt: skip


def _placed(table: TableRecord, paths: dict[int, str]) -> TableRecord:
    path = _path(table.dir, table.name, paths)
    return table if table.path == path else replace(table, path=path)


def _path(dir_id: int | None, name: str, paths: dict[int, str]) -> str:
    return name if dir_id is None else f"{paths[dir_id]}/{name}"


def _dir_path(dir_id: int, dirs: dict[int, DirRecord]) -> str:
    found = dirs[dir_id]
    return found.name if found.parent is None else f"{_dir_path(found.parent, dirs)}/{found.name}"
