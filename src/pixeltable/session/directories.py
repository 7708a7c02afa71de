"""Directories: making, dropping, listing and moving."""

from pixeltable.catalog import store
from pixeltable.catalog.records import DirRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidPath, PathTaken, UnknownPath, Unsupported
from pixeltable.ids import Path
from pixeltable.session.session import Session
from pixeltable.session.tables import drop_record
from pixeltable.storage.database import Connection


def create_dir(session: Session, path: Path, *, if_exists: str, parents: bool) -> bool:
    """Create a directory; with `parents` those above it too. False if it was there and was left as it is.

    Raises:
        PathTaken, UnknownDirectory, Unsupported: see `pxt.create_dir`.
    """

    def work(connection: Connection, catalog: Catalog) -> bool:
        kind = catalog.kind_at(path)
        if kind is not None:
            if kind != "directory" or if_exists == "error":
                raise PathTaken(str(path), kind=kind)
            if if_exists == "ignore":
                return False
            if if_exists == "replace" and any(catalog.below(path, recursive=True)):
                raise PathTaken(str(path), kind="directory that is not empty")
            _drop(connection, catalog, path, force=True)
        parent: int | None = None
        for above in path.ancestors():
            found = catalog.find_dir(above)
            if found is None and parents:
                if catalog.kind_at(above) is not None:
                    raise PathTaken(str(above), kind="table")
                parent = _add(connection, parent, above.name)
            else:
                parent = catalog.dir_id(above) if found is None else found.id
        _add(connection, parent, path.name)
        return True

    return session.change_schema(work)


def _add(connection: Connection, parent: int | None, name: str) -> int:
    (dir_id,) = store.new_ids(connection, 1)
    store.insert_dir(connection, DirRecord(dir_id, parent, name))
    return dir_id


def drop_dir(session: Session, path: Path, *, force: bool, if_not_exists: str) -> None:
    """Drop a directory; with `force` all that is in it too.

    Raises:
        UnknownPath, Unsupported: see `pxt.drop_dir`.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        if catalog.find_dir(path) is not None:
            _drop(connection, catalog, path, force=force)
        elif catalog.find_table(path) is not None:
            raise InvalidPath(f"path {str(path)!r} is a table", hint="Use pxt.drop_table().")
        elif if_not_exists == "error":
            raise UnknownPath(str(path), known=catalog.dir_ids)

    session.change_schema(work)


def _drop(connection: Connection, catalog: Catalog, path: Path, *, force: bool) -> None:
    dirs, tables = catalog.below(path, recursive=True)
    if (dirs or tables) and not force:
        raise Unsupported(
            f"directory {str(path)!r} is not empty: it has {', '.join([*dirs, *tables][:10])}",
            hint="Pass force=True (or if_exists='replace_force') to drop all of it.",
        )
    dropped: set[int] = set()
    for table_id in sorted(catalog.table_ids[name] for name in tables):
        if table_id not in dropped:  # as a view over another
            drop_record(connection, catalog, catalog.table(table_id, name=str(path)), force=True)
            dropped |= {view.id for view in catalog.dependents_of(table_id)}
    for name in sorted(dirs, key=len, reverse=True):  # the deepest first
        store.delete_dir(connection, catalog.dir_ids[name])
    found = catalog.find_dir(path)
    assert found is not None
    store.delete_dir(connection, found.id)


def move(session: Session, path: Path, new_path: Path, *, if_exists: str, if_not_exists: str) -> None:
    """Give a table or a directory another path.

    Raises:
        UnknownPath, PathTaken, UnknownDirectory, InvalidPath: see `pxt.move`.
    """
    if path == new_path:
        raise Unsupported("move(): source and destination cannot be identical")

    def work(connection: Connection, catalog: Catalog) -> None:
        kind = catalog.kind_at(path)
        if kind is None:
            if if_not_exists == "error":
                raise UnknownPath(str(path), known=[*catalog.table_ids, *catalog.dir_ids])
            return
        taken = catalog.kind_at(new_path)
        if taken is not None:
            if if_exists == "error":
                raise PathTaken(str(new_path), kind=taken)
            return
        if new_path.parts[: len(path.parts)] == path.parts:
            raise InvalidPath(f"cannot move {str(path)!r} into its own subtree {str(new_path)!r}")
        parent = catalog.dir_id(new_path.parent)
        table, directory = catalog.find_table(path), catalog.find_dir(path)
        if table is not None:
            store.move_table(connection, table.id, dir_id=parent, name=new_path.name)
        elif directory is not None:
            store.move_dir(connection, directory.id, parent=parent, name=new_path.name)

    session.change_schema(work)
