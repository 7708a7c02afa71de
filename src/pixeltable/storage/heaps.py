"""Heaps: where columns live. Each is a table of live entries and a table of the entries that were closed."""

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltable.storage.database import Connection
from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    MediaType,
    StringType,
    TimestampType,
    UUIDType,
)

BYTES = "bytea"

_SQL_TYPES: dict[type[ColumnType], str] = {
    StringType: "text",
    IntType: "bigint",
    FloatType: "double precision",
    BoolType: "boolean",
    TimestampType: "timestamptz",
    DateType: "date",
    UUIDType: "uuid",
    JsonType: "jsonb",
    ArrayType: BYTES,
    BinaryType: BYTES,
}


def sql_type(column_type: ColumnType) -> str:
    """The PostgreSQL type of a cell; media are stored as their URL."""
    return "text" if isinstance(column_type, MediaType) else _SQL_TYPES[type(column_type)]


def holds_vectors(sql_type: str) -> bool:
    """Whether cells of a PostgreSQL type are vectors of an index."""
    return sql_type.startswith(("halfvec", "vector"))


BASE_ROW = "base_row"
"""The column of an exploded view's heap of rows that says which row of the base a row is of."""


@dataclass(frozen=True, slots=True)
class HeapColumn:
    """A column of a heap: its name in the database and its PostgreSQL type."""

    name: str
    sql_type: str

    @property
    def definition(self) -> str:
        """The column as a table declares it; text is ordered by code point, as in Python, in any database."""
        collation = ' COLLATE "C"' if self.sql_type == "text" else ""
        return f"{self.name} {self.sql_type}{collation}"


@dataclass(frozen=True, slots=True)
class AsOf:
    """A version of a table, as of which a heap is read."""

    table_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Heap:
    """Columns that are stored together. `current` and `history` name its two tables, in the schema `pixeltable`.

    The history may not be there as long as no entry was closed.

    Both hold `row, op_in, <columns>, errors`, history also `op_out`. In a `vectors` heap `current` also has an `entry`
    number, by which it is partitioned, and an update writes a new entry instead of changing the old one.

    What reads a heap that has `as_of` reads the entries of that version; see `past`.
    """

    id: int
    columns: tuple[HeapColumn, ...]
    vectors: bool = False
    as_of: AsOf | None = None

    @property
    def current(self) -> str:
        return f"pixeltable.{'v' if self.vectors else 'h'}{self.id}"

    @property
    def alias(self) -> str | None:
        """What a statement calls `current`, if not by its name."""
        return None

    @property
    def history(self) -> str:
        return f"{self.current}_history"

    @property
    def base_key(self) -> str:
        """Of a view's heap of rows, the column that says which rows of its base they are of."""
        return BASE_ROW if any(column.name == BASE_ROW for column in self.columns) else "row"

    def column(self, name: str) -> HeapColumn:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def column_name(column_id: int) -> str:
    """How a column is called in its heap; users' names never reach the database."""
    return f"c{column_id}"


def create_heap(connection: Connection, heap: Heap, *, key: tuple[str, ...] = ()) -> None:
    """Create both tables of a heap; `key` names the columns of the primary key, if it has one."""
    unique = f"CREATE UNIQUE INDEX h{heap.id}_key ON {heap.current} ({', '.join(key)})" if key else ""
    by_base = f"CREATE INDEX h{heap.id}_base ON {heap.current} ({BASE_ROW})" if heap.base_key == BASE_ROW else ""
    connection.execute(f"{_current_table(heap, 'PRIMARY KEY')}; {_history_table(heap)}; {unique}; {by_base}")


def create_current_without_index(connection: Connection, heap: Heap) -> None:
    """Create the current table alone, to be filled in the same transaction, and then to get its index by `index_rows`.

    The first write that closes an entry creates the history; see `without_history`.
    """
    connection.execute(_current_table(heap, "NOT NULL"))


def index_rows(connection: Connection, heap: Heap) -> None:
    """Make `row` the primary key of the current table; quicker at the end than with each row."""
    connection.execute(f"ALTER TABLE {heap.current} ADD PRIMARY KEY (row)")


def without_history(connection: Connection, heaps: Sequence[Heap]) -> list[Heap]:
    """Those of the heaps of which no entry was ever closed, so that they have no table for it yet."""
    if not heaps:
        return []
    row = connection.execute(f"SELECT {no_history_sql(heaps)}").fetchone()
    assert row is not None
    return [heap for heap, missing in zip(heaps, row[0], strict=True) if missing]


def no_history_sql(heaps: Sequence[Heap]) -> str:
    """An SQL array that says for each heap whether it has no table of closed entries."""
    missing = (f"to_regclass('{heap.history}') IS NULL" for heap in heaps)
    return f"ARRAY[{', '.join(missing)}]::boolean[]"


def create_history(connection: Connection, heap: Heap) -> None:
    """Create the table of closed entries."""
    connection.execute(_history_table(heap))


def _current_table(heap: Heap, constraint: str) -> str:
    columns = "".join(f", {column.definition}" for column in heap.columns)
    return f"CREATE TABLE {heap.current} (row bigint {constraint}, op_in bigint NOT NULL{columns}, errors jsonb)"


def _history_table(heap: Heap) -> str:
    """Its statements, which go to the server in one message with others; entries are looked for by what closed them."""
    columns = "".join(f", {column.definition}" for column in heap.columns)
    return (
        f"CREATE TABLE {heap.history} "
        f"(row bigint NOT NULL, op_in bigint NOT NULL, op_out bigint NOT NULL{columns}, errors jsonb); "
        f"CREATE INDEX ON {heap.history} (op_out)"
    )


def drop_heap(connection: Connection, heap: Heap) -> None:
    """Drop both tables of a heap, and all they hold."""
    connection.execute(f"DROP TABLE IF EXISTS {heap.current}, {heap.history}")
    if heap.vectors:
        connection.execute(f"DROP SEQUENCE IF EXISTS {heap.current}_entry")
