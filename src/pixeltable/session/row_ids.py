"""Ids that rows are given before they are written: which of them views of samples have depends on these."""

from collections.abc import Callable, Sequence
from functools import partial

from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exec.batch import Batch, Column
from pixeltable.exprs.properties import RowId
from pixeltable.session.session import Session
from pixeltable.storage.numbers import new_rows


def decide_views(catalog: Catalog, table: TableRecord) -> bool:
    """Whether which rows views over a table have may depend on the ids of its rows."""
    return any(view.view is not None and view.view.share is not None for view in catalog.views_of(table.id))


def take_ids(session: Session, count: int) -> list[int]:
    """Ids for so many rows, ascending; whether they are used or not."""
    return session.database.read(lambda connection: new_rows(connection, count)) if count else []


def taker_of_ids(session: Session, catalog: Catalog, view: TableRecord) -> Callable[[int], Sequence[int]] | None:
    """What takes ids for rows of a view before they are written, if these are its own and have to be known then."""
    return partial(take_ids, session) if view.is_exploded and decide_views(catalog, view) else None


def put_ids(batch: Batch, table: TableRecord, rows: Sequence[int]) -> None:
    """Make the ids of rows of a table known."""
    batch.put(RowId(table.row_owner.id), Column(list(rows)))
