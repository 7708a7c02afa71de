"""Entries in COPY's binary format are the same as in an INSERT, where they are text."""

import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.session.current import current_session
from pixeltable.storage.binary_rows import suits
from pixeltable.storage.heaps import Heap, HeapColumn
from pixeltable.storage.writes import Entries, copy_entries

MANY = 200
"""So many rows are written by COPY."""

TYPES = {
    "i": pxt.Int,
    "f": pxt.Float,
    "s": pxt.String,
    "o": pxt.Bool,
    "t": pxt.Timestamp,
    "d": pxt.Date,
    "u": pxt.UUID,
    "j": pxt.Json,
    "a": pxt.Array,
    "b": pxt.Binary,
}
FIRST, LAST = datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29)  # noqa: DTZ001  # the zone is added
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
atoms = st.none() | st.booleans() | st.integers() | texts
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(allow_nan=False),
    "s": texts,
    "o": st.booleans(),
    "t": st.datetimes(FIRST, LAST, timezones=st.timezones()),
    "d": st.dates(),
    "u": st.uuids(),
    "j": st.recursive(
        st.none() | st.booleans() | st.integers() | texts, lambda x: st.lists(x) | st.dictionaries(texts, x)
    ),
    "a": st.lists(st.floats(width=32, allow_nan=False), max_size=5).map(lambda x: np.array(x, "f4")),
    "b": st.binary(max_size=20),
}
rows_of_cells = st.fixed_dictionaries({name: st.none() | cells for name, cells in CELLS.items()})


@pytest.fixture
def tables(ns: str) -> tuple[pxt.Table, pxt.Table]:
    schema = {name: kind | None for name, kind in TYPES.items()}
    return pxt.create_table(f"{ns}/few", schema), pxt.create_table(f"{ns}/many", schema)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(row=rows_of_cells)
def test_many_rows_are_stored_as_few(tables: tuple[pxt.Table, pxt.Table], row: dict[str, Any]) -> None:
    few, many = tables
    assert suits(many._record.row_heap, [column.name for column in many._record.row_heap.columns])  # noqa: SLF001
    few.insert([row])
    many.insert([row] * MANY)
    stored = [str(found) for found in many.collect()]
    assert stored == [str(few.collect()[0])] * MANY
    few.delete()
    many.delete()


def test_errors_go_along(ns: str) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "b": pxt.Binary})
    table.add_computed_column(c=inverse(table.n, table.b))
    table.insert([{"n": n % 2, "b": bytes([n])} for n in range(MANY)], on_error="ignore")
    assert table.where(table.c.errortype == "ZeroDivisionError").count() == MANY // 2
    assert table.where(table.n == 1).select(table.c).collect()["c"] == [bytes([n]) for n in range(1, MANY, 2)]


@pxt.udf
def inverse(n: int, b: bytes) -> bytes:
    return b * (1 // n)


@pytest.mark.parametrize("sql_type", ["vector(5)", "halfvec(5)"])
@pytest.mark.usefixtures("ns")
def test_vectors_are_rounded_as_the_database_does(sql_type: str) -> None:
    heap = Heap(1, (HeapColumn("v", sql_type),))
    values = np.random.default_rng(0).normal(size=(500, 5)) * np.logspace(-9, 4, 500)[:, None]
    with current_session().database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TABLE pixeltable.h1_try (row bigint, op_in bigint, v {sql_type}, t text)")
        copy_entries(connection, Entries(_Named(heap), ("v",), (list(values),)), range(500), 7)
        found = connection.execute("SELECT v::text FROM pixeltable.h1_try ORDER BY row").fetchall()
        expected = [
            connection.execute(f"SELECT %s::{sql_type}::text", (str(row.tolist()),)).fetchone() for row in values
        ]
    assert found == expected


class _Named(Heap):
    """A heap whose table has a name of its own."""

    def __init__(self, heap: Heap) -> None:
        super().__init__(heap.id, heap.columns)

    @property
    def current(self) -> str:
        return "pixeltable.h1_try"
