"""What bulk writes leave to do: statistics, room for further vectors, HNSW indexes for partitions that are full."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from pixeltable.catalog.records import IndexRecord, TableRecord
from pixeltable.exceptions import Error
from pixeltable.index import vectors
from pixeltable.lazy import psycopg
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.telemetry import log

Result = TypeVar("Result")

BULK = 10_000
"""From this many rows room for vectors is made beforehand, and statistics are taken afterwards.

For fewer rows room is made when the database finds that there is none, and its own upkeep takes the statistics.
"""

_MANY_OF_ALL = 0.2

_PAUSE_S = 0.3
"""What a program does next after a bulk write shall not have to share the server with this."""


def space_of(index: IndexRecord) -> vectors.VectorSpace:
    """What an index measures."""
    return vectors.VectorSpace(index.metric, index.precision, index.dimensions)


def with_room(session: Session, written: Sequence[tuple[TableRecord, int]], write: Callable[[], Result]) -> Result:
    """A write of so many rows into tables, with partitions for their vectors."""
    large = [(target, rows) for target, rows in written if rows >= BULK]
    make_room_in(session, large)
    try:
        return with_room_if_needed(session, written, write)
    finally:
        for target, rows in large:
            look_after(session, target, written=rows)


def with_room_if_needed(
    session: Session, written: Sequence[tuple[TableRecord, int]], write: Callable[[], Result]
) -> Result:
    """As `with_room`, for what is small, or is undone: partitions come when the database finds that one is lacking."""
    try:
        return write()
    except psycopg.errors.CheckViolation:  # no partition for the next entry: once in PARTITION_ENTRIES rows
        make_room_in(session, written)
        return write()


def make_room_in(session: Session, written: Sequence[tuple[TableRecord, int]]) -> None:
    """Partitions for the vectors of so many more rows of tables."""
    for table, count in written:
        if table.indexes and count:
            make_room(session, table, count)


def make_room(session: Session, table: TableRecord, count: int) -> None:
    """Partitions for `count` more vectors in every index of a table; those that are full get their HNSW index."""

    def extend(connection: Connection) -> None:
        for index in table.indexes:
            with connection.transaction():
                vectors.make_room(connection, table.heap(index.id), count)

    session.database.read(extend)
    _in_background(partial(seal_full_partitions, session, table), f"table {table.path!r}")


def seal_full_partitions(session: Session, table: TableRecord) -> None:
    """Build the HNSW indexes that are missing; one process does it, the others leave it to that one."""
    connection = session.database.dedicated()
    try:
        for index in table.indexes:
            heap = table.heap(index.id)
            locked = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (vectors.LOCK_SPACE, heap.id)).fetchone()
            if locked is None or not locked[0]:
                continue
            for number in vectors.unsealed(connection, heap):
                vectors.seal(connection, heap, number, space_of(index))
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", (vectors.LOCK_SPACE, heap.id))
    finally:
        session.database.release(connection)


def look_after(session: Session, table: TableRecord, *, written: int) -> None:
    """Take statistics, if so many rows change them, and build missing HNSW indexes, while the caller goes on.

    Without statistics the first joins after a load can be a hundred times slower. What a dying process leaves undone,
    the database's own upkeep or a later write does.
    """

    def work() -> None:
        for heap in table.heaps:
            session.database.read(partial(_analyse_if_changed, heap, written))
        if table.indexes:
            seal_full_partitions(session, table)

    _in_background(work, f"table {table.path!r}")


def analyse_soon(session: Session, heap: Heap) -> None:
    """Take statistics of a heap that was filled, while the caller goes on."""
    _in_background(lambda: session.database.read(partial(_analyse, heap)), f"heap {heap.current}")


def _in_background(work: Callable[[], None], subject: str) -> None:
    def run() -> None:
        time.sleep(_PAUSE_S)
        try:
            work()
        except (psycopg.Error, Error) as error:
            # Queries are right without it, only slower.
            log.warning("%s could not be looked after: %s", subject, error)

    threading.Thread(target=run, name="pixeltable-upkeep", daemon=True).start()


def _analyse_if_changed(heap: Heap, written: int, connection: Connection) -> None:
    """Take statistics, unless these rows are few beside those of the last ones: the database counts them."""
    found = connection.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", (heap.current,)).fetchone()
    if found is not None and written > _MANY_OF_ALL * found[0]:  # -1 where there are none yet
        _analyse(heap, connection)


def _analyse(heap: Heap, connection: Connection) -> None:
    with suppress(psycopg.errors.UndefinedTable):  # dropped meanwhile
        connection.execute(f"ANALYZE {heap.current}")
