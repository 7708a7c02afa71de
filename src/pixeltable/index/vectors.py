"""The vectors of an embedding index: partitions by entry number, of which all but the newest get an HNSW index.

A partition that is still filling has none: it is small enough to be looked at whole, and inserts into it cost the same
however large the index is. Once entries go into the next one, it is sealed: its HNSW index is built in one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.exceptions import InvalidArgument
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap, HeapColumn, create_history

PARTITION_ENTRIES = 50_000
"""Entries of a partition. Looking at that many vectors of 384 dimensions takes some 20 ms."""

LOCK_SPACE = 1_885_958_260
"""First number of the advisory locks under which an index is looked after; any constant of ours does."""

_OPERATORS = {"cosine": "cosine_ops", "ip": "ip_ops", "l2": "l2_ops"}
_PRECISIONS = {"fp16": ("halfvec", 4000), "fp32": ("vector", 2000)}

BEYOND = {"fp16": 65_520.0, "fp32": 3.4028235e38}
"""From these numbers on there is none in that precision, or none that is certain to be."""


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """What an index measures: `metric` is cosine, ip or l2, `precision` fp16 or fp32."""

    metric: str
    precision: str
    dimensions: int

    def __post_init__(self) -> None:
        if self.metric not in _OPERATORS:
            raise InvalidArgument(f"unknown metric {self.metric!r}", hint=f"Use one of {', '.join(_OPERATORS)}.")
        if self.precision not in _PRECISIONS:
            raise InvalidArgument(f"unknown precision {self.precision!r}", hint=f"Use one of {', '.join(_PRECISIONS)}.")
        _, most = _PRECISIONS[self.precision]
        if self.dimensions > most:
            raise InvalidArgument(
                f"an index with precision {self.precision} holds at most {most} dimensions, got {self.dimensions}"
            )

    @property
    def sql_type(self) -> str:
        return f"{_PRECISIONS[self.precision][0]}({self.dimensions})"

    @property
    def operator_class(self) -> str:
        return f"{_PRECISIONS[self.precision][0]}_{_OPERATORS[self.metric]}"


def vector_heap(heap_id: int, space: VectorSpace) -> Heap:
    """The heap that holds the vectors of an index."""
    return Heap(heap_id, (HeapColumn("vector", space.sql_type),), vectors=True)


def create_vector_heap(connection: Connection, heap: Heap) -> None:
    """Create the partitioned table of a heap, with its first two partitions, and its history."""
    name = heap.current
    connection.execute(f"CREATE SEQUENCE {name}_entry MINVALUE 0")
    connection.execute(
        f"CREATE TABLE {name} (entry bigint NOT NULL DEFAULT nextval('{name}_entry'), row bigint NOT NULL, "
        f"op_in bigint NOT NULL, vector {heap.column('vector').sql_type}, errors jsonb) PARTITION BY RANGE (entry)"
    )
    connection.execute(f"CREATE INDEX ON {name} (row)")
    create_history(connection, heap)
    for number in range(2):
        _add_partition(connection, heap, number)


def _partition(heap: Heap, number: int) -> str:
    return f"{heap.current}_{number}"


def _add_partition(connection: Connection, heap: Heap, number: int) -> None:
    low, high = number * PARTITION_ENTRIES, (number + 1) * PARTITION_ENTRIES
    connection.execute(
        f"CREATE TABLE {_partition(heap, number)} PARTITION OF {heap.current} FOR VALUES FROM ({low}) TO ({high})"
    )


def make_room(connection: Connection, heap: Heap, count: int) -> None:
    """See to it that `count` more entries, and some besides, have a partition to go into; in a transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, heap.id))
    last = _last_entry(connection, heap)
    partitions = _partitions(connection, heap)
    for number in range(max(partitions) + 1, (last + 2 * count) // PARTITION_ENTRIES + 3):
        _add_partition(connection, heap, number)


def unsealed(connection: Connection, heap: Heap) -> Sequence[int]:
    """The partitions that are full, and have no usable HNSW index yet."""
    full = _last_entry(connection, heap) // PARTITION_ENTRIES
    rows = connection.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indisvalid AND c.relname LIKE %s",
        (f"{heap.current.removeprefix('pixeltable.')}\\_%\\_hnsw",),
    ).fetchall()
    sealed = {row[0] for row in rows}
    return [n for n in sorted(_partitions(connection, heap)) if n < full and _hnsw_name(heap, n) not in sealed]


def seal(connection: Connection, heap: Heap, number: int, space: VectorSpace) -> None:
    """Build the HNSW index of a partition; readers and writers go on. Needs a connection outside a transaction."""
    name = _hnsw_name(heap, number)
    # One that was given up half-way stays behind, marked invalid.
    connection.execute(f"DROP INDEX IF EXISTS pixeltable.{name}")
    connection.execute(
        f"CREATE INDEX CONCURRENTLY {name} ON {_partition(heap, number)} USING hnsw (vector {space.operator_class})"
    )


def _hnsw_name(heap: Heap, number: int) -> str:
    return f"{heap.current.removeprefix('pixeltable.')}_{number}_hnsw"


def _last_entry(connection: Connection, heap: Heap) -> int:
    row = connection.execute(f"SELECT last_value FROM {heap.current}_entry").fetchone()
    assert row is not None
    return int(row[0])


def _partitions(connection: Connection, heap: Heap) -> list[int]:
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        (heap.current,),
    ).fetchall()
    return [int(row[0].rpartition("_")[2]) for row in rows]
