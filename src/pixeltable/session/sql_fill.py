"""New heaps that one SQL statement fills, in the transaction that puts them in service."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import TableRecord
from pixeltable.session.heads import lock_head, read_head
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, create_current_without_index, index_rows


@dataclass(frozen=True, slots=True)
class SqlFill:
    """A heap to make, and the INSERT that fills it; None: it begins empty, and its columns are null in all rows."""

    heap: Heap
    statement: str | None = None
    parameters: tuple[Any, ...] = ()


def create_filled(connection: Connection, table: TableRecord, fills: Sequence[SqlFill]) -> int:
    """Make heaps; nobody can write to the table from then on, until the caller's transaction ends.

    Writers go on while the statements run. If one of them commits meanwhile, the statements run again, while the
    others wait. How many entries the fullest heap has is returned.
    """
    head = read_head(connection, table)
    counts = [0]
    for fill in fills:
        create_current_without_index(connection, fill.heap)
        counts.append(_run(connection, fill))
        index_rows(connection, fill.heap)
    if lock_head(connection, table) == head:
        return max(counts)
    for fill in fills:
        connection.execute(f"TRUNCATE {fill.heap.current}")
    return max([0, *(_run(connection, fill) for fill in fills)])


def _run(connection: Connection, fill: SqlFill) -> int:
    return 0 if fill.statement is None else connection.execute(fill.statement, fill.parameters).rowcount
