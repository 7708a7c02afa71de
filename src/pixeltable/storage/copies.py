"""Copying what a heap holds at a version into another heap, in the database."""

from collections.abc import Mapping

from pixeltable.storage.database import Connection, jsonb
from pixeltable.storage.heaps import Heap
from pixeltable.storage.past import entries_sql


def copy_heap(connection: Connection, source: Heap, target: Heap, names: Mapping[str, str], *, op: int) -> int:
    """Append all entries of `source`, as written by operation `op`, to `target`; how many they are.

    `names` are the columns of `target` by those of `source` that they take.
    """
    into = "".join(f", {name}" for name in names.values())
    taken = "".join(f", {name}" for name in names)
    errors = (  # keys are the names of columns
        "CASE WHEN errors IS NOT NULL THEN "
        "(SELECT jsonb_object_agg(coalesce(%(names)s::jsonb ->> key, key), value) FROM jsonb_each(errors)) END"
    )
    return connection.execute(
        f"INSERT INTO {target.current} (row, op_in{into}, errors) "
        f"SELECT row, %(op)s{taken}, {errors} FROM {entries_sql(source)} e",
        {"op": op, "names": jsonb(dict(names))},
    ).rowcount


def count_entries(connection: Connection, heap: Heap) -> int:
    """How many entries a heap has at its version."""
    found = connection.execute(f"SELECT count(*) FROM {entries_sql(heap)} e").fetchone()
    assert found is not None
    return int(found[0])
