"""Stamps: what the operations on a table computed, and by which code; and which cells some code did not compute."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap

Codes = Mapping[str, str]
"""The functions that compute a cell: path to the hash of the code."""


def intern_stamp(connection: Connection, table_id: int, codes: Mapping[int, Codes]) -> int:
    """The id of the stamp of operations that compute these columns and indexes, by id, with this code."""
    text = json.dumps({str(target): dict(found) for target, found in codes.items()}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    while True:  # another process may be quicker: its row is seen the next time
        row = connection.execute(
            "WITH known AS (SELECT id FROM pixeltable.stamps WHERE table_id = %(table)s AND digest = %(digest)s), "
            "added AS (INSERT INTO pixeltable.stamps (table_id, digest, codes) SELECT %(table)s, %(digest)s, %(codes)s "
            "WHERE NOT EXISTS (SELECT 1 FROM known) ON CONFLICT DO NOTHING RETURNING id) "
            "SELECT id FROM known UNION ALL SELECT id FROM added",
            {"table": table_id, "digest": digest, "codes": text},
        ).fetchone()
        if row is not None:
            return int(row[0])


def read_stamps(connection: Connection, table_id: int) -> dict[int, dict[int, Codes]]:
    """The stamps of a table: for each, what it computed by which code."""
    rows = connection.execute("SELECT id, codes FROM pixeltable.stamps WHERE table_id = %s", (table_id,)).fetchall()
    return {stamp: {int(target): found for target, found in codes.items()} for stamp, codes in rows}


def stamp_job(connection: Connection, table_id: int, op: int, stamp: int) -> None:
    """Say what an operation computed that will have no version of its own."""
    connection.execute(
        "INSERT INTO pixeltable.job_stamps (table_id, op, stamp) VALUES (%s, %s, %s)", (table_id, op, stamp)
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """The cells of one stored target: its heap, and the stamps of operations that wrote there without computing it.

    Those carried its cell over from the entry before, and the history knows who had computed that.
    """

    table_id: int
    heap: Heap
    carrying: Collection[int] = ()


def count_by_stamp(connection: Connection, origin: Origin) -> dict[int | None, int]:
    """How many cells the operations of each stamp computed; None: operations without, 0: nobody knows any more."""
    rows = connection.execute(
        f"{_computed_by(origin)} SELECT stamp, count(*) FROM computed GROUP BY stamp", _parameters(origin)
    ).fetchall()
    return dict(rows)


def rows_by_stamp(connection: Connection, origin: Origin, stamps: Collection[int | None]) -> list[int]:
    """The rows whose cell the operations of one of these stamps computed, in order; stamps as in `count_by_stamp`."""
    rows = connection.execute(
        f"{_computed_by(origin)} SELECT row FROM computed "
        "WHERE stamp = ANY(%(wanted)s) OR (stamp IS NULL AND %(null)s) ORDER BY row",
        {**_parameters(origin), "wanted": [stamp for stamp in stamps if stamp is not None], "null": None in stamps},
    ).fetchall()
    return [row for (row,) in rows]


def _parameters(origin: Origin) -> dict[str, object]:
    return {"table": origin.table_id, "carrying": list(origin.carrying)}


_OPS = (
    "ops AS MATERIALIZED (SELECT op, stamp FROM pixeltable.versions WHERE table_id = %(table)s "
    "UNION ALL SELECT op, stamp FROM pixeltable.job_stamps WHERE table_id = %(table)s)"
)


def _computed_by(origin: Origin) -> str:
    """`WITH ... computed AS (row, stamp)`. By joins over all operations: `versions` has no index by operation."""
    now = f"SELECT e.row, o.stamp FROM {origin.heap.current} e LEFT JOIN ops o ON o.op = e.op_in"
    if not origin.carrying:
        return f"WITH {_OPS}, computed AS ({now})"
    return (
        f"WITH {_OPS}, now AS MATERIALIZED ({now}), "
        f"before AS (SELECT DISTINCT ON (h.row) h.row, o.stamp FROM {origin.heap.history} h "
        "JOIN now n ON n.row = h.row AND n.stamp = ANY(%(carrying)s) LEFT JOIN ops o ON o.op = h.op_in "
        "WHERE o.stamp IS NULL OR o.stamp <> ALL(%(carrying)s) ORDER BY h.row, h.op_in DESC), "
        "computed AS (SELECT n.row, CASE WHEN n.stamp IS NULL OR n.stamp <> ALL(%(carrying)s) THEN n.stamp "
        "WHEN b.row IS NULL THEN 0 ELSE b.stamp END AS stamp FROM now n LEFT JOIN before b USING (row))"
    )
