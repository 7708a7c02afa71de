"""Cells of a batch as what is written: entries of heaps, with the errors of cells that failed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord
from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.session.rows import cells_to_store
from pixeltable.storage.cells import Texts
from pixeltable.storage.heaps import Heap
from pixeltable.storage.writes import Entries
from pixeltable.types.cell_error import storable_text


def vectors_key(index: IndexRecord) -> Any:
    """The key under which a batch holds the vectors of an index."""
    return ("vectors", index.id)


def cells_of(batch: Batch, table: TableRecord, column: ColumnRecord) -> Column:
    """The cells of a column that was read or computed."""
    found = batch.get(table.ref(column))
    assert found is not None, column.name
    return found


def column_entries(table: TableRecord, columns: Sequence[ColumnRecord], batch: Batch) -> list[Entries]:
    """The cells of stored columns as entries of their heaps."""
    found = (heap_entries(table, heap, columns, batch) for heap in table.heaps)
    return [entries for entries in found if entries is not None]


def heap_entries(
    table: TableRecord,
    heap: Heap,
    columns: Sequence[ColumnRecord],
    batch: Batch,
) -> Entries | None:
    """The cells of those columns that are in a heap, None if none is."""
    members = [column for column in columns if column.heap == heap.id]
    if not members or heap.vectors:
        return None
    cells = [cells_of(batch, table, column) for column in members]
    pairs = zip(members, cells, strict=True)
    stored = [cells_to_store(column, found.values, first=batch.first) for column, found in pairs]
    names = tuple(column.db_name for column in members)
    return Entries(heap, names, tuple(stored), error_texts(names, cells, batch.count))


def vector_entries(table: TableRecord, index: IndexRecord, vectors: Column) -> Entries:
    """The vectors of an index as entries of its heap."""
    errors = error_texts(["vector"], [vectors], len(vectors.values))
    return Entries(table.heap(index.id), ("vector",), (vectors.values,), errors)


def error_texts(names: Sequence[str], columns: Sequence[Column], count: int) -> Texts | None:
    """The `errors` cells of a heap: for every row an object from column name to error, null where none failed."""
    failed = sorted({row for column in columns for row in column.failures})
    if not failed:
        return None
    texts: Texts = [None] * count
    for row in failed:
        pairs = zip(names, columns, strict=True)
        texts[row] = error_text({name: column.failures[row] for name, column in pairs if row in column.failures})
    return texts


def error_text(failures: Mapping[str, Failure]) -> str:
    """The `errors` cell of an entry, from what failed in it."""
    return json.dumps({name: _error_data(failure) for name, failure in failures.items()})


def _error_data(failure: Failure) -> dict[str, Any]:
    error = failure.error
    return {
        "type": error.type,
        "message": storable_text(error.message),
        "attempts": error.attempts,
        "at": error.at.isoformat() if error.at else None,
    }


def failure_count(columns: Iterable[Column]) -> int:
    """How many cells of these columns failed."""
    return sum(len(column.failures) for column in columns)
