"""Transactions of users: writes that become durable together, or not at all.

Each write of a block is computed, and tried on top of those before it in a database transaction that is undone at once:
so its errors show where it stands, and what is read in the block shows it. At the end one short transaction does them
all. Nothing is held while code of users runs.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidState, SchemaChanged, TransactionConflict
from pixeltable.lazy import psycopg
from pixeltable.session.running import running
from pixeltable.session.session import Session
from pixeltable.session.upkeep import with_room
from pixeltable.storage.database import Connection
from pixeltable.storage.numbers import Numbers, repeatable
from pixeltable.storage.writes import Committed, RowsChanged, recall_write

Resource = TypeVar("Resource")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Write:
    """One write: how it is done on a connection, and `token`, by which its version in the table is known.

    `growth` says which tables get how many rows at most.
    """

    table: TableRecord
    once: Callable[[Connection], Committed]
    token: uuid.UUID
    growth: Sequence[tuple[TableRecord, int]]
    numbers: Numbers = field(default_factory=Numbers)


def commit(session: Session, write: Write) -> Committed:
    """Make a write durable; in a transaction of the user's, try it, and leave that to its end.

    Raises:
        SchemaChanged, RowsChanged: it does not fit what is there any more.
        TransactionConflict: one before it in the transaction does not.
    """
    block = running.get()
    return _commit(session, [write], write.once) if block is None else block.add(write)


def read(session: Session, work: Callable[[Connection], Result]) -> Result:
    """As `Database.read`; in a transaction of the user's, of what is there with its writes."""
    block = running.get()
    return session.database.read(work) if block is None else block.read(work)


@contextmanager
def kept(resource: AbstractContextManager[Resource]) -> Iterator[Resource]:
    """As `with resource`, but in a transaction of the user's to the end of that."""
    block = running.get()
    if block is None:
        with resource as entered:
            yield entered
    else:
        yield block.resources.enter_context(resource)


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """Make the writes of the block durable at its end; where it is left by an error, none of them.

    One within another is a part of it, which an error undoes alone.

    Raises:
        TransactionConflict: other writers changed what the block has read.
    """
    outer = running.get()
    if outer is not None:
        with outer.part():
            yield
        return
    with ExitStack() as resources:
        block = Transaction(session, resources)
        token = running.set(block)
        try:
            yield
        finally:
            running.reset(token)
            writes = block.end()
        if writes:
            _commit(session, writes, lambda connection: _all_for_good(connection, writes))


class Transaction:
    """The writes of a block so far."""

    def __init__(self, session: Session, resources: ExitStack) -> None:
        self.resources = resources
        self._session = session
        self._lock = threading.Lock()
        self._writes: list[Write] = []
        self._has_ended = False

    def add(self, write: Write) -> Committed:
        """Try a write on top of those before it, and keep it."""
        with self._lock:

            def first(connection: Connection) -> Committed:
                with repeatable(write.numbers):
                    return write.once(connection)

            committed = self._on_top(first, write.growth)
            self._writes.append(write)
            return committed

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """`work` on what is there with the writes so far, the same for all of its statements."""
        return self._on_top(work, (), level="REPEATABLE READ")

    def _on_top(
        self,
        work: Callable[[Connection], Result],
        growth: Sequence[tuple[TableRecord, int]],
        *,
        level: str = "READ COMMITTED",
    ) -> Result:
        """`work` after the writes so far, all of which is undone."""
        if self._has_ended:
            raise InvalidState(
                "the transaction that this belongs to has ended", hint="Wait in its block for what is started there."
            )
        writes = [*self._writes]

        def tried(connection: Connection) -> Result:
            with connection.transaction(force_rollback=True):
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                for write in writes:
                    _again(connection, write)
                return work(connection)

        grown = [*growth, *(grown for write in writes for grown in write.growth)]
        return with_room(self._session, grown, lambda: self._session.database.read(tried), is_last=False)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the block, which an error undoes."""
        count = len(self._writes)
        try:
            yield
        except BaseException:
            del self._writes[count:]
            raise

    def end(self) -> list[Write]:
        """The writes; there are no more."""
        with self._lock:
            self._has_ended = True
            return self._writes


def _commit(session: Session, writes: Sequence[Write], once: Callable[[Connection], Committed]) -> Committed:
    first = writes[0]

    def write() -> Committed:
        return session.database.attempt(once, recall=lambda c: recall_write(c, first.table.id, first.token))

    return with_room(session, [grown for write in writes for grown in write.growth], write)


def _all_for_good(connection: Connection, writes: Sequence[Write]) -> Committed:
    newer: dict[int, int] = {}
    tables = {table.id for write in writes for table in (*write.table.live_lineage, *(t for t, _ in write.growth))}
    with connection.transaction():
        connection.execute(  # all of them, the oldest first, as others take them
            "SELECT 1 FROM pixeltable.heads WHERE table_id = ANY(%s) ORDER BY table_id FOR UPDATE", (list(tables),)
        )
        for write in writes:
            committed = _again(connection, write, newer=newer)
        return committed


def _again(connection: Connection, write: Write, *, newer: dict[int, int] | None = None) -> Committed:
    try:
        with repeatable(write.numbers, newer=newer):
            return write.once(connection)
    except (RowsChanged, SchemaChanged, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise TransactionConflict(write.table.path) from error
