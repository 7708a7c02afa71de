"""The numbers that writes take, of operations and of rows; a write that is done again may take the same ones."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain, islice

from pixeltable.storage.database import Connection

ROW_BLOCK_BITS = 16
"""Row ids are taken from the sequence in blocks of this many bits; see the sequence's comment in the migration."""

_BLOCK = 1 << ROW_BLOCK_BITS


@dataclass(slots=True)
class Numbers:
    """What one write has taken, in its order."""

    ops: list[int] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class _Again:
    """A write that is being done, perhaps not for the first time.

    Where `newer` is given its operations are new ones, which `newer` knows by the old: of two writes to a table the
    later one has the greater operation.
    """

    numbers: Numbers
    newer: dict[int, int] | None
    known: "Known | None"
    ops_taken: int = 0
    rows_taken: int = 0

    def op(self, connection: Connection) -> int:
        if self.ops_taken == len(self.numbers.ops):
            self.numbers.ops.append(_taken_op(connection))
        op = self.numbers.ops[self.ops_taken]
        self.ops_taken += 1
        if self.newer is None:
            return op
        self.newer[op] = _taken_op(connection)
        return self.newer[op]

    def rows(self, connection: Connection, count: int) -> list[int]:
        if self.rows_taken == len(self.numbers.rows):
            self.numbers.rows.append(_taken_rows(connection, count))
        self.rows_taken += 1
        return self.numbers.rows[self.rows_taken - 1]


_again: ContextVar[_Again | None] = ContextVar("pixeltable_numbers", default=None)


@dataclass(frozen=True, slots=True)
class Known:
    """How things were when somebody began to decide what to write: the newest operation on each heap, by their ids, and
    which rows there were: those `below` one. What `own` operations wrote since is known as well.
    """

    ops: Mapping[int, int]
    below: int
    own: frozenset[int]

    def has(self, heap: int, rows: Sequence[int], ops: Sequence[int]) -> bool:
        """Whether these entries of rows are no others' that came since; of rows that came since, they may be."""
        limit = self.ops.get(heap)
        pairs = zip(rows, ops, strict=True)
        return limit is None or all(op <= limit or op in self.own or row >= self.below for row, op in pairs)


class ChangedSince(Exception):
    """Internal signal: others changed what is to be written, since it was looked at."""


@contextmanager
def repeatable(
    numbers: Numbers, *, newer: dict[int, int] | None = None, known: "Known | None" = None
) -> Iterator[None]:
    """Have what is written in the block take these numbers, and note those that it takes beyond them.

    With `newer` its operations are new ones, and what was read of the older ones stands for them. Entries that are
    younger than what is `known` are refused: others wrote them since.
    """
    token = _again.set(_Again(numbers, newer, known))
    try:
        yield
    finally:
        _again.reset(token)


def is_repeatable() -> bool:
    """Whether the numbers of what is written now are kept, so that no statement may take them by itself."""
    return _again.get() is not None


def next_op(connection: Connection) -> int:
    """A new operation id."""
    again = _again.get()
    return _taken_op(connection) if again is None else again.op(connection)


def new_rows(connection: Connection, count: int) -> list[int]:
    """Ids for so many rows, ascending."""
    again = _again.get()
    return _taken_rows(connection, count) if again is None else again.rows(connection, count)


def ops_now(ops: Sequence[int]) -> list[int]:
    """The operations that stand for these, which were read before."""
    again = _again.get()
    newer = {} if again is None or again.newer is None else again.newer
    return [newer.get(op, op) for op in ops]


def check_known(heap: int, rows: Sequence[int], ops: Sequence[int]) -> None:
    """Check that entries of a heap, which these operations wrote, are not others' that came since.

    Raises:
        ChangedSince: one is.
    """
    again = _again.get()
    if again is not None and again.known is not None and not again.known.has(heap, rows, ops):
        raise ChangedSince


def _taken_op(connection: Connection) -> int:
    found = connection.execute("SELECT nextval('pixeltable.op_seq')").fetchone()
    assert found is not None
    return int(found[0])


def _taken_rows(connection: Connection, count: int) -> list[int]:
    blocks = -(-count // _BLOCK)
    found = connection.execute("SELECT nextval('pixeltable.row_seq') FROM generate_series(1, %s)", (blocks,)).fetchall()
    rows = (range(block << ROW_BLOCK_BITS, (block + 1) << ROW_BLOCK_BITS) for (block,) in sorted(found))
    return list(islice(chain.from_iterable(rows), count))
