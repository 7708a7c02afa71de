"""UUIDs that are made for rows, and their text."""

import time
import uuid

import pytest

import pixeltable as pxt
from pixeltable.functions import uuid as uuids
from pixeltable.types.column_type import StringType, UUIDType
from pixeltable.udfs.function import Function
from tests.udfs.columns import column


@pytest.mark.parametrize("name", ["to_string", "hex"])
def test_text_is_a_method(name: str) -> None:
    call = getattr(column("u", UUIDType(True)), name)()
    assert call.call_function is getattr(uuids, name).spec
    assert call.col_type == StringType(True)


@pytest.mark.parametrize("make", [uuids.uuid4, uuids.uuid7])
def test_makers_are_not_deterministic(make: Function) -> None:
    assert make().col_type == UUIDType()
    assert not make.spec.deterministic


def test_uuid7_holds_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_645_557_742_000_500_000)
    found = uuids.uuid7.body()
    assert found.hex[:16] == "017f22e279b07800"  # the time of RFC 9562's example (A.6), and half a millisecond
    assert (found.version, found.variant) == (7, uuid.RFC_4122)


def test_uuid7_ascends_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_645_557_742_000_000_000, 1_645_557_742_100_000_000, 250))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    made = [uuids.uuid7.body() for _ in range(10_000)]
    assert made == sorted(made)


@pytest.mark.parametrize("name", ["uuid4", "uuid7"])
def test_as_a_computed_primary_key(name: str, ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": getattr(uuids, name)(), "n": pxt.Int}, primary_key="id")
    t.insert({"n": n} for n in range(100))
    rows = t.collect()
    assert len({row["id"] for row in rows}) == 100
    t.update({"n": -1}, where=t.id == rows[7]["id"])
    assert t.where(t.n == -1).select(t.id).collect()["id"] == [rows[7]["id"]]


def test_one_expression_is_one_value_in_a_row(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert({"n": n} for n in range(10))
    made = uuids.uuid4()
    assert all(row["a"] == row["b"].replace("-", "") for row in t.select(a=made.hex(), b=made.to_string()).collect())
