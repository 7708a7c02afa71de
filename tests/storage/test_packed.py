"""Numbers in COPY's binary format are the same as in its text format."""

import math

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session
from pixeltable.storage.packed import copy_packed, pack
from pixeltable.types.column_type import FloatType, IntType, StringType

INTS = [0, 1, -1, 2**63 - 1, -(2**63), 256, 65_535]
FLOATS = [0.0, -0.0, 1.5, math.inf, -math.inf, 1e-308, math.nan]


@pytest.mark.parametrize(("kind", "values"), [(pxt.Int, INTS), (pxt.Float, FLOATS)], ids=["ints", "floats"])
def test_what_is_packed_is_read_again(ns: str, kind: object, values: list[float]) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": kind})
    record = table._record  # noqa: SLF001  # the heap has no other name
    (column,) = record.columns
    rows = [2**40 + 3 * n for n in range(len(values))]
    packed = pack(column.type, rows, 77, values)
    assert packed is not None
    with current_session().database.connection() as connection:
        copy_packed(connection, record.row_heap, column.db_name, packed)
        found = connection.execute(
            f"SELECT row, op_in, {column.db_name}, errors FROM {record.row_heap.current} ORDER BY row"
        ).fetchall()
    assert repr(found) == repr([(row, 77, value, None) for row, value in zip(rows, values, strict=True)])


def test_what_is_no_number_is_not_packed() -> None:
    assert pack(StringType(), [1], 1, ["a"]) is None
    assert pack(IntType(True), [1, 2], 1, [1, None]) is None
    assert pack(FloatType(), [], 1, []) is not None
