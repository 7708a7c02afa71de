"""Changes of all rows that a condition or a list of keys names, which the database finds by itself."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pixeltable.storage.cells import Texts, array_text
from pixeltable.storage.changes import lock_for_change
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.storage.numbers import next_op
from pixeltable.storage.writes import Counts, Entries, Target, columns_as_arrays, commit_change, translated


@dataclass(frozen=True, slots=True)
class SetChange:
    """Two statements over the same rows of a heap, which are given the operation as `op`, and their other parameters.

    `keep` copies the rows to the history, `change` changes them, and `counts_of` says what a version of so many did.
    """

    heap: Heap
    keep: str
    change: str
    keep_parameters: Mapping[str, object]
    change_parameters: Mapping[str, object]
    counts_of: Callable[[int], Counts]


class RowsMissing(Exception):
    """Internal signal: not all rows that are to be changed are there."""


def change_set(
    connection: Connection, target: Target, change: SetChange, *, token: uuid.UUID, wanted: int | None = None
) -> int:
    """Make a change durable; how many rows it changed. Where there are none there is no version.

    Raises:
        SchemaChanged: plan again.
        RowsMissing: there are fewer than `wanted`; nothing was done.
    """
    with translated(target), connection.transaction():
        lock_for_change(connection, target, [change.heap])  # nobody else changes the heap between the statements
        op = next_op(connection)
        count = connection.execute(change.keep, {**change.keep_parameters, "op": op}).rowcount
        if wanted is not None and count < wanted:
            raise RowsMissing
        if count:
            changed = connection.execute(change.change, {**change.change_parameters, "op": op}).rowcount
            assert changed == count, (changed, count)  # or what was there would not be in the history
            commit_change(connection, target, op, change.counts_of(count), token)
        return count


def by_keys(keys: Mapping[str, Texts], entry: Entries) -> SetChange:
    """The cells of an entry for rows that are known by the cells of other columns, or by their ids in `row`."""
    heap = entry.heap
    key_arrays = {f"k{i}": array_text(texts) for i, texts in enumerate(keys.values())}
    _, _, placeholders, values = columns_as_arrays(entry)
    value_arrays = {f"u{i}": array for i, array in enumerate(values)}
    same = " AND ".join(f"c.{name} = u.k{i}::{_type_of(heap, name)}" for i, name in enumerate(keys))
    sources = [f"%({name})s::text[]" for name in key_arrays]
    kept = "".join(f", {column.name}" for column in heap.columns)
    keep = (
        f"INSERT INTO {heap.history} (row, op_in, op_out{kept}, errors) "
        f"SELECT c.row, c.op_in, %(op)s{kept.replace(', ', ', c.')}, c.errors FROM {heap.current} c "
        f"JOIN unnest({', '.join(sources)}) AS u({', '.join(key_arrays)}) ON {same}"
    )
    sources += [f"%({name}){sort[1:]}" for name, sort in zip(value_arrays, placeholders, strict=True)]
    sets = "".join(f", {name} = u.u{i}::{_type_of(heap, name)}" for i, name in enumerate(entry.columns))
    change = (
        f"UPDATE {heap.current} c SET op_in = %(op)s{sets} "
        f"FROM unnest({', '.join(sources)}) AS u({', '.join((*key_arrays, *value_arrays))}) WHERE {same}"
    )
    return SetChange(heap, keep, change, key_arrays, key_arrays | value_arrays, lambda count: Counts(updates=count))


def _type_of(heap: Heap, name: str) -> str:
    return "bigint" if name == "row" else heap.column(name).sql_type
