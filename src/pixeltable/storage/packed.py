"""Entries of one column of numbers as COPY reads them in its binary format: made at once, and read without parsing."""

import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from pixeltable.storage.binary_rows import HEADER, TRAILER
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import Heap
from pixeltable.types.column_type import ColumnType, FloatType, IntType

_RECORD = struct.Struct(">hiqiqiq")
"""The number of fields, then each with its length: the row, the operation, the cell."""

_ROW, _CELL = 6, 30
"""Where the numbers of a record begin that differ from row to row."""

_CODES: dict[type[ColumnType], str] = {IntType: "q", FloatType: "d"}


def pack(column_type: ColumnType, rows: Sequence[int], op: int, values: Sequence[Any]) -> bytes | None:
    """The entries that operation `op` writes for these rows; None if there is a null, or the cells are no numbers."""
    code = _CODES.get(type(column_type))
    if code is None or None in values:
        return None
    records = bytearray(_RECORD.pack(3, 8, 0, 8, op, 8, 0) * len(rows))
    for start, numbers in ((_ROW, array("q", rows)), (_CELL, array(code, values))):
        if sys.byteorder == "little":
            numbers.byteswap()
        data = numbers.tobytes()
        for byte in range(8):
            records[start + byte :: _RECORD.size] = data[byte::8]
    return b"".join((HEADER, records, TRAILER))


def copy_packed(connection: Connection, heap: Heap, column: str, packed: bytes) -> None:
    """Append what `pack` made to a heap."""
    statement = f"COPY {heap.current} (row, op_in, {column}) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.write(packed)
