import datetime
import enum
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import pixeltable as pxt
from pixeltable import RequestError
from tests.api.library import twice
from tests.api.refusals import refused

UTC = datetime.UTC
Store = Callable[[Any, Any], Any]


@pytest.fixture
def stored(ns: str) -> Store:
    """What is read after a value was inserted into a column."""

    def store(form: Any, value: Any) -> Any:
        t = pxt.create_table(f"{ns}/t", {"v": form})
        t.insert([{"v": value}])
        (found,) = t.collect()["v"]
        return found

    return store


SAME = [
    pytest.param(pxt.String, "", id="empty"),
    pytest.param(pxt.String, "ä ß 漢字 \U0001f600 e\u0301 \u202e", id="unicode"),
    pytest.param(pxt.String, "a\tb\nc\r\\N\\.\"'%s%%{}\x01\x7f", id="control and escapes"),
    pytest.param(pxt.String, "\\N", id="looks like null"),
    pytest.param(pxt.String, "x" * 1_000_000, id="long"),
    pytest.param(pxt.String, " padded ", id="spaces"),
    pytest.param(pxt.Int, 0),
    pytest.param(pxt.Int, 2**63 - 1),
    pytest.param(pxt.Int, -(2**63)),
    pytest.param(pxt.Float, 0.1),
    pytest.param(pxt.Float, math.inf),
    pytest.param(pxt.Float, -math.inf),
    pytest.param(pxt.Float, 5e-324, id="smallest"),
    pytest.param(pxt.Float, 1.7976931348623157e308, id="largest"),
    pytest.param(pxt.Bool, True),
    pytest.param(pxt.Bool, False),
    pytest.param(pxt.Date, datetime.date.min),
    pytest.param(pxt.Date, datetime.date.max),
    pytest.param(pxt.UUID, uuid.UUID(int=0)),
    pytest.param(pxt.UUID, uuid.UUID(int=2**128 - 1)),
    pytest.param(pxt.Binary, b"", id="no bytes"),
    pytest.param(pxt.Binary, bytes(range(256)) * 100, id="all bytes"),
    pytest.param(pxt.Json, {}, id="empty object"),
    pytest.param(pxt.Json, [], id="empty list"),
    pytest.param(pxt.Json, "text"),
    pytest.param(pxt.Json, 3),
    pytest.param(pxt.Json, False),
    pytest.param(pxt.Json, {"": None, "ä\n": [True, 1, 1.5, "x", {"y": []}]}, id="nested"),
    pytest.param(pxt.Json, 10**40, id="large int"),
    pytest.param(pxt.Json, {"\\u0000": "\\u0000"}, id="a backslash is no NUL"),
]


@pytest.mark.parametrize(("form", "value"), SAME)
def test_a_value_is_read_as_it_was_written(stored: Store, form: Any, value: Any) -> None:
    found = stored(form, value)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "form",
    [pxt.String, pxt.Int, pxt.Float, pxt.Bool, pxt.Timestamp, pxt.Date, pxt.UUID, pxt.Json, pxt.Binary, pxt.Array],
)
def test_null_is_read_as_none(stored: Store, form: Any) -> None:
    assert stored(form | None, None) is None


def test_nan_is_read_as_nan(stored: Store) -> None:
    assert math.isnan(stored(pxt.Float, math.nan))


def test_negative_zero_keeps_its_sign(stored: Store) -> None:
    assert math.copysign(1, stored(pxt.Float, -0.0)) == -1


@pytest.mark.parametrize("value", [1.0, 1e15, 1e16, -1.5e22, 1e300, 5e-324, 123456789.125])
def test_a_float_in_json_stays_a_float(stored: Store, value: float) -> None:
    found = stored(pxt.Json, {"e+": "1e+16", "v": [value]})
    assert found == {"e+": "1e+16", "v": [value]}
    assert type(found["v"][0]) is float


class Color(enum.Enum):
    RED = "red"


CONVERTED = [
    pytest.param(pxt.Int, np.int64(4), 4, id="numpy int"),
    pytest.param(pxt.Int, np.uint8(4), 4, id="numpy uint8"),
    pytest.param(pxt.Float, 3, 3.0, id="int to float"),
    pytest.param(pxt.Float, True, 1.0, id="bool to float"),
    pytest.param(pxt.Float, np.float32(0.5), 0.5, id="numpy float32"),
    pytest.param(pxt.Bool, 1, True, id="int to bool"),
    pytest.param(pxt.Bool, np.bool_(False), False, id="numpy bool"),
    pytest.param(pxt.String, np.str_("x"), "x", id="numpy str"),
    pytest.param(pxt.String, Color.RED, "red", id="enum"),
    pytest.param(pxt.String, Path("a/b"), "a/b", id="path"),
    pytest.param(pxt.Json, {"p": Path("a/b")}, {"p": "a/b"}, id="path in Json"),
    pytest.param(pxt.Date, np.datetime64("2024-02-29"), datetime.date(2024, 2, 29), id="numpy date"),
    pytest.param(pxt.Date, "2024-02-29", datetime.date(2024, 2, 29), id="ISO date"),
    pytest.param(pxt.Date, datetime.datetime(2024, 2, 29), datetime.date(2024, 2, 29), id="midnight"),  # noqa: DTZ001
    pytest.param(pxt.UUID, "00000000-0000-0000-0000-000000000007", uuid.UUID(int=7), id="text to UUID"),
    pytest.param(pxt.Binary, bytearray(b"x"), b"x", id="bytearray"),
    pytest.param(pxt.Binary, memoryview(b"x"), b"x", id="memoryview"),
    pytest.param(pxt.Json, (1, (2,)), [1, [2]], id="tuples"),
    pytest.param(pxt.Json, {"a": np.int64(1), "b": np.array([1.5])}, {"a": 1, "b": [1.5]}, id="numpy in Json"),
    pytest.param(pxt.Json, [Color.RED], ["red"], id="enum in Json"),
]


@pytest.mark.parametrize(("form", "value", "expected"), CONVERTED)
def test_a_value_is_converted(stored: Store, form: Any, value: Any, expected: Any) -> None:
    found = stored(form, value)
    assert (type(found), found) == (type(expected), expected)


REFUSED = [
    pytest.param(pxt.String, 3, id="int"),
    pytest.param(pxt.String, b"x", id="bytes"),
    pytest.param(pxt.String, "a\0b", id="NUL"),
    pytest.param(pxt.String, "\ud800", id="lone surrogate"),
    pytest.param(pxt.Int, "3", id="text as int"),
    pytest.param(pxt.Int, 3.0, id="float as int"),
    pytest.param(pxt.Int, True, id="bool as int"),
    pytest.param(pxt.Int, 2**63, id="too large"),
    pytest.param(pxt.Int, -(2**63) - 1, id="too small"),
    pytest.param(pxt.Int, np.uint64(2**63), id="too large uint64"),
    pytest.param(pxt.Int, math.nan, id="NaN as int"),
    pytest.param(pxt.Float, "1.5", id="text as float"),
    pytest.param(pxt.Float, 10**400, id="int beyond float"),
    pytest.param(pxt.Float, 1j, id="complex"),
    pytest.param(pxt.Float, 2**53 + 1, id="int between two floats"),
    pytest.param(pxt.Int, np.float64(3), id="numpy float as int"),
    pytest.param(pxt.Int, np.True_, id="numpy bool as int"),
    pytest.param(pxt.Int, Color.RED, id="enum of text as int"),
    pytest.param(pxt.Timestamp, np.datetime64("2024-01-01T00:00:00.000000001"), id="nanoseconds"),
    pytest.param(pxt.Date, np.datetime64("2024-01-01T12"), id="numpy time of day"),
    pytest.param(pxt.Bool, "true", id="text as bool"),
    pytest.param(pxt.Bool, 1.0, id="float as bool"),
    pytest.param(pxt.Timestamp, 1700000000, id="seconds"),
    pytest.param(pxt.Timestamp, "yesterday", id="text as time"),
    pytest.param(pxt.Timestamp, datetime.date(2024, 1, 1), id="date as time"),
    pytest.param(pxt.Timestamp | None, pd.NaT, id="NaT"),
    pytest.param(pxt.Date, "2024-02-30", id="no such day"),
    pytest.param(pxt.Date, datetime.datetime(2024, 1, 1, 12), id="time of day"),  # noqa: DTZ001
    pytest.param(pxt.Date | None, pd.NaT, id="NaT as date"),
    pytest.param(pxt.UUID, "7", id="short UUID"),
    pytest.param(pxt.UUID, 7, id="int as UUID"),
    pytest.param(pxt.Binary, "x", id="text as bytes"),
    pytest.param(pxt.Json, {"x": math.nan}, id="NaN in Json"),
    pytest.param(pxt.Json, [math.inf], id="infinity in Json"),
    pytest.param(pxt.Json, {"x": {1}}, id="set in Json"),
    pytest.param(pxt.Json, {"x": datetime.datetime.now(UTC)}, id="datetime in Json"),
    pytest.param(pxt.Json, [b"x"], id="bytes in Json"),
    pytest.param(pxt.Json, {1: "x"}, id="int key in Json"),
    pytest.param(pxt.Json, [{"a": [{None: 1}]}], id="null key deep in Json"),
    pytest.param(pxt.Json, "a\0b", id="NUL in Json"),
    pytest.param(pxt.Json, {"a\0": 1}, id="NUL in a Json key"),
    pytest.param(pxt.Json, ["\ud800"], id="surrogate in Json"),
    pytest.param(pxt.Json, [np.float64(math.nan)], id="numpy NaN in Json"),
    pytest.param(pxt.Array[(2,), pxt.Float], np.zeros(2), id="float64 as float32"),
    pytest.param(pxt.Array[(2,), pxt.Float], np.zeros(3, np.float32), id="shape"),
    pytest.param(pxt.Array[(2,), pxt.Float], [1, 2, 3], id="list of another length"),
    pytest.param(pxt.Array[(2,), pxt.Float], ["x", "y"], id="list of text"),
    pytest.param(pxt.Array, np.array([object()]), id="objects"),
    pytest.param(pxt.Array[(2,)], np.zeros((2, 1)), id="dimensions"),
    pytest.param(pxt.Array[np.float16], [1e6], id="beyond float16"),
    pytest.param(pxt.Array[np.uint8], [-1], id="negative as unsigned"),
    pytest.param(pxt.Array[pxt.Int], [True], id="list of bool as int"),
    pytest.param(pxt.Array, 3, id="scalar as array"),
]


@pytest.mark.parametrize(("form", "value"), REFUSED)
def test_a_value_of_another_type_is_refused_with_row_and_column(ns: str, form: Any, value: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "v": form | None})
    rows = [{"n": 0, "v": None}, {"n": 1, "v": value}]
    message = refused(t, lambda: t.insert(rows), RequestError, "TYPE_MISMATCH")
    assert "row 1, column 'v'" in message
    assert len(message) < 300


def test_json_that_contains_itself_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": pxt.Json})
    value: list[Any] = []
    value.append(value)
    refused(t, lambda: t.insert(v=value), RequestError, "TYPE_MISMATCH")


@pytest.mark.parametrize("value", [(1, 2), np.array([1, 2]), [np.int64(1), 2]])
def test_a_computed_column_sees_json_as_it_is_stored(ns: str, value: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": pxt.Json})
    t.add_computed_column(first=t.v[0])
    t.insert([{"v": value}])
    t.update({"v": value})
    assert list(t.collect()) == [{"v": [1, 2], "first": 1}]


@pxt.udf
def pair(n: int) -> pxt.Json:
    return {"pair": (n, n + 1)}


def test_a_computed_column_sees_computed_json_as_it_is_stored(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(p=pair(t.n))
    t.add_computed_column(second=t.p.pair[1])
    t.insert(n=1)
    assert t.collect()[0] == {"n": 1, "p": {"pair": [1, 2]}, "second": 2}
    assert t.select(x=pair(t.n).pair[1]).collect()["x"] == [2]


# Timestamps


INSTANTS = [
    datetime.datetime(2024, 1, 1, 12, 30, 15, 123456, tzinfo=UTC),
    datetime.datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
    datetime.datetime(1883, 11, 18, 12, tzinfo=ZoneInfo("America/New_York")),
    datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime.datetime(1, 1, 2, tzinfo=UTC),
    datetime.datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
    pd.Timestamp("2024-01-01T12:00:00.123456", tz="UTC"),
]


@pytest.mark.parametrize("value", INSTANTS, ids=str)
def test_an_instant_is_read_as_the_same_instant(stored: Store, value: datetime.datetime) -> None:
    found = stored(pxt.Timestamp, value)
    assert type(found) is datetime.datetime
    assert found.astimezone(UTC) == value.astimezone(UTC)  # as in UTC: what occurs twice equals nothing in another zone


def test_a_naive_timestamp_is_in_the_sessions_zone(stored: Store) -> None:
    naive = datetime.datetime(2024, 7, 1, 12)  # noqa: DTZ001  # the point
    found = stored(pxt.Timestamp, naive)
    assert found.replace(tzinfo=None) == naive
    assert found == naive.astimezone()


def test_a_timestamp_may_be_iso_text(stored: Store) -> None:
    assert stored(pxt.Timestamp, "2024-01-01T00:00:00+02:00") == datetime.datetime(2023, 12, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize("value", [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23)])  # noqa: DTZ001
@pytest.mark.parametrize("hours", [-14, 14])
def test_an_instant_at_an_end_of_the_calendar_is_refused_or_kept(ns: str, value: datetime.datetime, hours: int) -> None:
    """Near the ends of the calendar the same instant may have no date in another zone."""
    t = pxt.create_table(f"{ns}/t", {"v": pxt.Timestamp})
    aware = value.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=hours)))
    try:
        t.insert(v=aware)
    except RequestError as error:
        assert error.error_code.name == "TYPE_MISMATCH"  # noqa: PT017  # either is right
    else:
        assert t.collect()["v"] == [aware]


# Arrays


ARRAYS = [
    pytest.param(pxt.Array, np.array(3.5), id="no dimension"),
    pytest.param(pxt.Array, np.zeros((0, 3), np.float32), id="no element"),
    pytest.param(pxt.Array, np.arange(24).reshape(2, 3, 4), id="three dimensions"),
    pytest.param(pxt.Array, np.arange(12).reshape(3, 4).T[::2], id="not contiguous"),
    pytest.param(pxt.Array, np.asfortranarray(np.arange(12.0).reshape(3, 4)), id="column order"),
    pytest.param(pxt.Array, np.array([[True, False], [False, True]]), id="bool"),
    pytest.param(pxt.Array, np.array([np.nan, np.inf, -0.0]), id="unusual floats"),
    pytest.param(pxt.Array, np.array([2**64 - 1], np.uint64), id="uint64"),
    pytest.param(pxt.Array, np.array([-128, 127], np.int8), id="int8"),
    pytest.param(pxt.Array, np.array([1.5, 65504], np.float16), id="float16"),
    pytest.param(pxt.Array, np.array(["ä", "", "漢字", "a\0b"]), id="text"),
    pytest.param(pxt.Array[(None, 2), pxt.Int], np.arange(8).reshape(4, 2), id="open shape"),
    pytest.param(pxt.Array[(None,)], np.arange(3, dtype=np.uint16), id="shape alone"),
    pytest.param(pxt.Array[()], np.array(True), id="no dimension by type"),
    pytest.param(pxt.Array[np.float16], np.array([1.5], np.float16), id="float16 by type"),
    pytest.param(pxt.Array[(1,), pxt.String], np.array(["ä"]), id="text by type"),
    pytest.param(pxt.Array[np.int32], np.arange(2, dtype=np.int32), id="numpy dtype"),
    pytest.param(pxt.Array[(1000,), pxt.Float], np.random.default_rng(0).random(1000, np.float32), id="large"),
]


@pytest.mark.parametrize(("form", "value"), ARRAYS)
def test_an_array_is_read_as_it_was_written(stored: Store, form: Any, value: Any) -> None:
    found = stored(form, value)
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(found, value)


def test_an_array_that_was_read_can_be_written_to(stored: Store) -> None:
    found = stored(pxt.Array[(2,), pxt.Int], np.array([1, 2]))
    found[0] = 5
    assert found.tolist() == [5, 2]


def test_a_list_becomes_an_array_of_the_columns_dtype(stored: Store) -> None:
    found = stored(pxt.Array[(2,), pxt.Float], [1, 2.5])
    assert (found.dtype, found.tolist()) == (np.float32, [1.0, 2.5])


def test_big_endian_arrays_keep_their_values(stored: Store) -> None:
    assert stored(pxt.Array[(2,), pxt.Int], np.array([1, 2], dtype=">i8")).tolist() == [1, 2]


# The same through an expression


def test_values_of_every_type_pass_through_a_filter(ns: str) -> None:
    stamp = datetime.datetime(2024, 1, 1, tzinfo=UTC)
    schema = {"s": pxt.String, "i": pxt.Int, "t": pxt.Timestamp, "d": pxt.Date, "u": pxt.UUID, "b": pxt.Binary}
    t = pxt.create_table(f"{ns}/t", schema)
    row = {"s": "x", "i": 2**62, "t": stamp, "d": stamp.date(), "u": uuid.UUID(int=7), "b": b"\0"}
    t.insert([row])
    for name, value in row.items():
        assert t.where(t[name] == value).count() == 1, name
        assert t.where(t[name] != value).count() == 0, name


def test_iso_text_compares_with_times_dates_and_uuids(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"t": pxt.Timestamp, "d": pxt.Date, "u": pxt.UUID})
    t.insert([{"t": "2024-01-01T12:00:00", "d": "2024-01-01", "u": str(uuid.UUID(int=7))}])
    query = t.where((t.t > "2024-01-01") & (t.d == "2024-01-01") & (t.u == str(uuid.UUID(int=7))))
    assert query.count() == 1


def test_iso_text_is_among_the_members_of_isin(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"t": pxt.Timestamp, "d": pxt.Date, "u": pxt.UUID})
    t.insert([{"t": "2024-01-01T12:00:00", "d": "2024-01-01", "u": str(uuid.UUID(int=7))}])
    query = t.where(t.t.isin(["2024-01-01T12:00"]) & t.d.isin(["2024-01-01"]) & t.u.isin([str(uuid.UUID(int=7))]))
    assert query.count() == 1


def test_a_large_int_reaches_a_function_exactly(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert(n=2**53 + 1)
    assert t.select(x=twice(t.n)).collect()["x"] == [2**54 + 2]
