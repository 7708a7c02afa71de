"""Making several tables, views and indexes in one transaction, which is possible as long as none of them has rows."""

from collections.abc import Callable, Sequence

from pixeltable.catalog import loading, store
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.session.btrees import NewBtree, with_btree_on_unused
from pixeltable.session.indexes import NewIndex, with_index_on_unused
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection

Maker = Callable[[Connection, Catalog], TableRecord]
"""Makes a table, on a catalog that has those made before it. It may be asked again, if the database was lost."""


def create_together(session: Session, makers: Sequence[Maker]) -> list[TableRecord]:
    """Have all make their tables, or none."""

    def work(connection: Connection, catalog: Catalog) -> list[TableRecord]:
        made = []
        for make in makers:
            made.append(make(connection, catalog))
            catalog = loading.load_locked(connection, catalog)
        return made

    made = session.change_schema(work)
    return [session.table(table.id, table.path) for table in made]


def with_indexes(
    session: Session, connection: Connection, table: TableRecord, indexes: Sequence[NewIndex | NewBtree]
) -> TableRecord:
    """A table that was made in this transaction, with indexes from its first version on."""
    if not indexes:
        return table
    for new in sorted(indexes, key=lambda new: new.name is None):  # the others get names that are free then
        if isinstance(new, NewBtree):
            table = with_btree_on_unused(connection, table, new)
        else:
            table = with_index_on_unused(session, connection, table, new)
    saved = store.save_schema(connection, table)
    store.restate_first_version(connection, saved)
    return saved
