"""Transactions of users: writes that become durable together, or not at all.

Each write of a block is computed, and tried on top of those before it in a database transaction that is undone at once:
so its errors show where it stands, and what is read in the block shows it. At the end one short transaction does them
all. Nothing is held while code of users runs, and what is tried is in nobody's way who writes other rows.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import DatabaseUnavailable, InvalidState, SchemaChanged, TransactionConflict
from pixeltable.lazy import psycopg
from pixeltable.session.running import as_running, running
from pixeltable.session.session import Session
from pixeltable.session.upkeep import with_room, with_room_if_needed
from pixeltable.storage.database import Connection
from pixeltable.storage.numbers import ROW_BLOCK_BITS, ChangedSince, Known, Numbers, repeatable
from pixeltable.storage.writes import Committed, RowsChanged, recall_write

Resource = TypeVar("Resource")
Result = TypeVar("Result")

_TRIES = 8
"""How often what is tried may meet somebody who creates a table that it creates too."""


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

    @property
    def tables(self) -> list[TableRecord]:
        """The tables that it may write, and those that it is checked against."""
        return [*self.table.live_lineage, *(table for table, _ in self.growth)]


def commit(session: Session, write: Write) -> Committed:
    """Make a write durable; in a transaction of the user's, try it, and leave that to its end.

    Raises:
        SchemaChanged, RowsChanged: it does not fit what is there any more.
        TransactionConflict: it changes what others changed since the transaction began, or one before it does.
    """
    block = running()
    return _commit(session, [write], write.once) if block is None else block.add(write)


def read(session: Session, work: Callable[[Connection], Result], over: Sequence[TableRecord] | None = None) -> Result:
    """As `Database.read`; in a transaction of the user's, of what is there with its writes.

    `over` are the tables that are read, if these are known.
    """
    block = running()
    return session.database.read(work) if block is None else block.read(work, over)


@contextmanager
def kept(resource: AbstractContextManager[Resource]) -> Iterator[Resource]:
    """As `with resource`, but in a transaction of the user's to the end of that."""
    block = running()
    if block is None:
        with resource as entered:
            yield entered
    else:
        yield block.resources.enter_context(resource)


class Block(AbstractContextManager[None]):
    """What a `with` enters: a transaction, or a part of the one that is open."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entered = ExitStack()
        self._is_used = False

    def __enter__(self) -> None:
        if self._is_used:
            raise InvalidState("a transaction is entered once", hint="Call pxt.transaction() for each block.")
        self._is_used = True
        self._entered.enter_context(_transaction(self._session))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.__exit__(kind, error, trace)


@contextmanager
def _transaction(session: Session) -> Iterator[None]:
    outer = running()
    if outer is not None:
        with outer.part():
            yield
        return
    with ExitStack() as resources:
        block = Transaction(session, resources)
        writes: list[Write] = []
        with as_running(block):
            try:
                yield
            finally:
                writes = block.end()
        if writes and block.pid == os.getpid():  # a forked child that leaves the block has none of its own
            _commit(session, writes, lambda connection: _all_for_good(connection, writes, block.known))


class _Part:
    """A block, or one within it: what it wrote is forgotten if an error leaves it."""

    def __init__(self, outer: "_Part | None") -> None:
        self.outer = outer

    def is_within(self, other: "_Part") -> bool:
        """Whether it is another one, or within that."""
        part: _Part | None = self
        while part is not None and part is not other:
            part = part.outer
        return part is other


_part: ContextVar[_Part | None] = ContextVar("pixeltable_transaction_part", default=None)


class Transaction:
    """The writes of a block so far."""

    def __init__(self, session: Session, resources: ExitStack) -> None:
        self.resources = resources
        self.pid = os.getpid()
        self._session = session
        self._lock = threading.RLock()
        self._writes: list[tuple[Write, _Part | None]] = []
        self._heads: Mapping[int, int] | None = None
        self._below = 0
        self._has_ended = False

    def add(self, write: Write) -> Committed:
        """Try a write on top of those before it, and keep it."""
        with self._lock:

            def first(connection: Connection) -> Committed:
                with repeatable(write.numbers, known=self.known(write)):
                    return write.once(connection)

            try:
                committed = self._on_top(first, write.growth)
            except ChangedSince:
                raise TransactionConflict(write.table.path) from None
            self._writes.append((write, _part.get()))
            return committed

    def read(self, work: Callable[[Connection], Result], over: Sequence[TableRecord] | None) -> Result:
        """`work` on what is there with the writes so far, the same for all of its statements."""
        self._begin()
        written = {table.id for write, _ in self._writes for table in write.tables}
        if over is not None and written.isdisjoint(table.id for table in over if not _is_past(table)):
            self._check_open()
            return self._session.database.read(work)
        return self._on_top(work, (), level="REPEATABLE READ")

    def known(self, write: Write) -> Known:
        """What of a write was known when the block began."""
        heads = self._begin()
        ops = {heap.id: heads[table.id] for table in write.tables if table.id in heads for heap in table.heaps}
        own = frozenset(op for other, _ in self._writes for op in other.numbers.ops)
        return Known(ops, self._below, own)

    def _begin(self) -> Mapping[int, int]:
        """The newest operation on each table when the block first looked at one."""
        if self._heads is None:
            heads, blocks = self._session.database.read(_heads_and_blocks)
            self._heads, self._below = heads, (blocks + 1) << ROW_BLOCK_BITS
        return self._heads

    def _check_open(self) -> None:
        if self._has_ended:
            raise InvalidState(
                "the transaction that this belongs to has ended", hint="Wait in its block for what is started there."
            )

    def _on_top(
        self,
        work: Callable[[Connection], Result],
        growth: Sequence[tuple[TableRecord, int]],
        *,
        level: str = "READ COMMITTED",
    ) -> Result:
        """`work` after the writes so far, all of which is undone."""
        self._check_open()
        writes = [write for write, _ in self._writes]

        def tried(connection: Connection) -> Result:
            with connection.transaction(force_rollback=True):
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                connection.execute("SET LOCAL pixeltable.trial = 'on'")
                for write in writes:
                    _again(connection, write, self.known)
                return work(connection)

        grown = [*growth, *(grown for write in writes for grown in write.growth)]

        def trial() -> Result:
            for _ in range(_TRIES - 1):
                try:
                    return self._session.database.read(tried)
                except psycopg.errors.DuplicateTable:
                    continue  # somebody closed the first entry of a heap, too, and that has its history now
                except psycopg.errors.UniqueViolation as error:
                    if error.diag.schema_name != "pg_catalog":
                        raise
            return self._session.database.read(tried)

        try:
            return with_room_if_needed(self._session, grown, trial)
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
                raise TransactionConflict(writes[-1].table.path if writes else "") from error
            raise

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the block, which an error undoes."""
        part = _Part(_part.get())
        token = _part.set(part)
        try:
            yield
        except BaseException:
            with self._lock:
                self._writes = [(write, of) for write, of in self._writes if of is None or not of.is_within(part)]
            raise
        finally:
            if _part.get() is part:
                _part.reset(token)

    def end(self) -> list[Write]:
        """The writes; there are no more."""
        with self._lock:
            self._has_ended = True
            return [write for write, _ in self._writes]


def _is_past(table: TableRecord) -> bool:
    """Whether it is read as of a version, which the block does not change."""
    return bool(table.heaps) and all(heap.as_of is not None for heap in table.heaps)


def _heads_and_blocks(connection: Connection) -> tuple[dict[int, int], int]:
    """The newest operation on each table, and the last block of row ids that somebody took."""
    heads = connection.execute(
        "SELECT h.table_id, v.op FROM pixeltable.heads h "
        "JOIN pixeltable.versions v ON v.table_id = h.table_id AND v.version = h.version"
    ).fetchall()
    row = connection.execute("SELECT last_value FROM pixeltable.row_seq").fetchone()
    assert row is not None
    return dict(heads), int(row[0])


_Known = Callable[[Write], Known]


def _commit(session: Session, writes: Sequence[Write], once: Callable[[Connection], Committed]) -> Committed:
    first = writes[0]

    def write() -> Committed:
        return session.database.attempt(once, recall=lambda c: recall_write(c, first.table.id, first.token))

    return with_room(session, [grown for write in writes for grown in write.growth], write)


def _all_for_good(connection: Connection, writes: Sequence[Write], known: _Known) -> Committed:
    newer: dict[int, int] = {}
    tables = {table.id for write in writes for table in write.tables}
    with connection.transaction():
        connection.execute(  # all of them, the oldest first, as others take them
            "SELECT 1 FROM pixeltable.heads WHERE table_id = ANY(%s) ORDER BY table_id FOR UPDATE", (list(tables),)
        )
        for write in writes:
            committed = _again(connection, write, known, newer=newer)
        return committed


def _again(connection: Connection, write: Write, known: _Known, *, newer: dict[int, int] | None = None) -> Committed:
    try:
        with repeatable(write.numbers, newer=newer, known=known(write)):
            return write.once(connection)
    except (
        ChangedSince,
        RowsChanged,
        SchemaChanged,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
    ) as error:
        raise TransactionConflict(write.table.path) from error
