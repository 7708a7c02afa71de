"""Rows from frames, Arrow tables, tables and queries: inserted, and made tables of."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import pytest

import pixeltable as pxt

DAY = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


class Person(pydantic.BaseModel):
    name: str
    age: int | None = None


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"name": pxt.String, "age": pxt.Int | None})
    t.add_computed_column(loud=t.name.upper())
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


SOURCES: dict[str, Callable[[], Any]] = {
    "dicts": lambda: [{"name": "Ann", "age": 3}, {"name": "Bob"}],
    "iterator": lambda: iter([{"name": "Ann", "age": 3}, {"name": "Bob", "age": None}]),
    "models": lambda: [Person(name="Ann", age=3), Person(name="Bob")],
    "pandas": lambda: pd.DataFrame({"name": ["Ann", "Bob"], "age": [3, None]}).astype({"age": "Int64"}),
    "arrow": lambda: pa.table({"name": ["Ann", "Bob"], "age": [3, None]}),
    "polars": lambda: pytest.importorskip("polars").DataFrame({"name": ["Ann", "Bob"], "age": [3, None]}),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_rows_are_inserted_from_any_source(t: pxt.Table, source) -> None:
    assert t.insert(source()).num_rows == 2
    assert rows(t) == [("Ann", 3, "ANN"), ("Bob", None, "BOB")]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_tables_are_made_of_any_source(ns: str, source) -> None:
    made = pxt.create_table(f"{ns}/made", source=source(), primary_key="name")
    assert rows(made) == [("Ann", 3), ("Bob", None)]
    assert {name: str(kind) for name, kind in made.select().schema.items()} == {"name": "String", "age": "Int | None"}
    assert made.get_metadata()["primary_key"] == ["name"]


def test_rows_of_a_query_a_table_and_a_result(ns: str, t: pxt.Table) -> None:
    t.insert([{"name": "Ann", "age": 3}, {"name": "Bob", "age": 4}])
    u = pxt.create_table(f"{ns}/u", {"name": pxt.String, "age": pxt.Int | None})
    u.insert(t.where(t.age > 3).select(t.name, t.age))
    u.insert(t.select(t.name).collect())
    u.insert(u)
    assert [name for name, _ in rows(u)] == ["Bob", "Ann", "Bob", "Bob", "Ann", "Bob"]
    with pytest.raises(pxt.RequestError, match="computed"):
        t.insert(t)
    copy = pxt.create_table(f"{ns}/copy", source=t)
    assert copy.columns() == ["name", "age", "loud"]
    assert rows(copy) == rows(t)
    assert str(copy.select().schema["name"]) == "String"


def test_types_of_everything(ns: str) -> None:
    everything = {
        "i": 1, "f": 0.5, "b": True, "s": "x", "j": {"k": [1]}, "at": DAY, "day": DAY.date(), "u": uuid.UUID(int=7),
        "raw": b"x", "a": np.zeros((2, 3), dtype="float32"), "mixed": 1,
    }  # fmt: skip
    made = pxt.create_table(f"{ns}/made", source=[everything, {"mixed": 0.5, "i": None}])
    assert {name: str(kind).removesuffix(" | None") for name, kind in made.select().schema.items()} == {
        "i": "Int", "f": "Float", "b": "Bool", "s": "String", "j": "Json", "at": "Timestamp", "day": "Date",
        "u": "UUID", "raw": "Binary", "a": "Array[(2, 3), float32]", "mixed": "Float",
    }  # fmt: skip
    again = pxt.create_table(f"{ns}/again", source=made.select(made.i, made.s, made.j, made.at, made.u).to_arrow())
    assert rows(again) == rows(made.select(made.i, made.s, made.j, made.at, made.u))


def test_what_is_missing_in_a_frame_is_null(ns: str) -> None:
    frame = pd.DataFrame({"x": [1.5, float("nan")], "at": [pd.Timestamp(DAY), pd.NaT], "s": ["a", None]})
    made = pxt.create_table(f"{ns}/made", source=frame)
    assert rows(made) == [(1.5, DAY, "a"), (None, None, None)]


def test_names_are_made_possible(ns: str) -> None:
    made = pxt.create_table(f"{ns}/made", source=pd.DataFrame({"first name": ["Ann"], "1st": [1], "First Name": ["x"]}))
    assert made.columns() == ["first_name", "c1st", "First_Name_1"]


def test_types_can_be_said(ns: str) -> None:
    data = [{"a b": 1, "empty": None}]
    types = {"a b": pxt.Float, "empty": pxt.String | None}
    made = pxt.create_table(f"{ns}/made", source=data, schema_overrides=types)
    found = {name: str(kind) for name, kind in made.select().schema.items()}
    assert found == {"a_b": "Float", "empty": "String | None"}


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ({"source": [{"a": None}]}, "all values are null"),
        ({"source": [{"a": 1}, {"a": "x"}], "schema_overrides": {"a": pxt.Int}}, "row 1, column 'a'"),
        ({"source": [{"a": 1}, {"a": b"x"}]}, "has values of types Binary, Int"),
        ({"source": [{"a": object()}]}, "no column can hold a object"),
        ({"source": [{"a": 1}], "schema_overrides": {"b": pxt.Int}}, "has no column 'b'"),
        ({"source": [{"a": 1}, {"a": 1}], "primary_key": "a"}, "a=1"),
        ({"source": []}, "empty"),
        ({"source": "rows.csv"}, "Files are not read yet"),
        ({"source": 3}, "cannot read rows from a int"),
        ({"source": pd.DataFrame()}, "has no columns"),
        ({"source": [{"a": 1}], "schema_overrides": [1]}, "is a dict from names to types"),
        ({"schema_overrides": {"a": pxt.Int}, "schema": {"a": pxt.Int}}, "goes with a source"),
        ({}, "either `schema` or `source`"),
        ({"schema": {"a": pxt.Int}, "source": [{"a": 1}]}, "either `schema` or `source`"),
    ],
)
def test_what_is_no_table_makes_none_and_takes_none_away(ns: str, arguments: dict, fact: str) -> None:
    pxt.create_table(f"{ns}/made", {"old": pxt.Int}).insert(old=1)
    with pytest.raises(pxt.Error) as caught:
        pxt.create_table(f"{ns}/made", if_exists="replace", **arguments)
    assert fact in str(caught.value)
    assert pxt.get_table(f"{ns}/made").collect()["old"] == [1]


def test_a_table_that_is_there_is_left_alone(ns: str) -> None:
    pxt.create_table(f"{ns}/made", source=[{"a": 1}])
    again = pxt.create_table(f"{ns}/made", source=[{"a": 2}], if_exists="ignore")
    assert rows(again) == [(1,)]
    assert rows(pxt.create_table(f"{ns}/made", source=[{"a": None}], if_exists="ignore")) == [(1,)]
    assert rows(pxt.create_table(f"{ns}/made", source=[{"a": 2}], if_exists="replace")) == [(2,)]


TWICE: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame([["Ann", "Bob"]], columns=["name", "name"]),
    "numbers and texts": lambda: pd.DataFrame([["Ann", "Bob"]], columns=[1, "1"]),
    "arrow": lambda: pa.Table.from_arrays([pa.array(["Ann"]), pa.array(["Bob"])], names=["name", "name"]),
}


@pytest.mark.parametrize("source", TWICE.values(), ids=TWICE)
def test_two_columns_of_one_name_are_refused(ns: str, t: pxt.Table, source) -> None:
    with pytest.raises(pxt.RequestError, match="two columns called"):
        t.insert(source())
    with pytest.raises(pxt.RequestError, match="two columns called"):
        pxt.create_table(f"{ns}/made", source=source())
    assert t.count() == 0


NO_ROWS: dict[str, Callable[[], Any]] = {
    "class": lambda: Person,
    "one model": lambda: Person(name="Ann"),
    "one dict": lambda: {"name": "Ann"},
    "series": lambda: pd.Series(["Ann"], name="name"),
    "array": lambda: pa.array(["Ann"]),
    "chunked array": lambda: pa.chunked_array([["Ann"]]),
}


@pytest.mark.parametrize("source", NO_ROWS.values(), ids=NO_ROWS)
def test_what_has_no_rows_is_refused(ns: str, t: pxt.Table, source) -> None:
    with pytest.raises(pxt.RequestError, match=r"insert\(\) cannot read rows from"):
        t.insert(source())
    with pytest.raises(pxt.RequestError, match=r"create_table\(\) cannot read rows from"):
        pxt.create_table(f"{ns}/made", source=source())


@pytest.mark.parametrize("name", [3, None, ("a", "b")])
def test_names_are_strings(ns: str, name: object) -> None:
    with pytest.raises(pxt.RequestError, match="names are strings"):
        pxt.create_table(f"{ns}/made", source=[{name: 4}])


def test_names_of_several_levels_are_joined(ns: str) -> None:
    frame = pd.DataFrame({"shop": ["a", "a"], "price": [1, 3]}).groupby("shop").agg({"price": ["mean", "max"]})
    made = pxt.create_table(f"{ns}/made", source=frame.reset_index())
    assert rows(made) == [("a", 2.0, 3)]
    assert made.columns() == ["shop", "price_mean", "price_max"]


NANOSECONDS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"at": [pd.Timestamp(1_700_000_000_123_456_789)]}),
    "arrow": lambda: pa.table({"at": pa.array([1_700_000_000_123_456_789], type=pa.timestamp("ns"))}),
}


@pytest.mark.parametrize("source", NANOSECONDS.values(), ids=NANOSECONDS)
def test_no_nanosecond_is_lost(ns: str, source) -> None:
    at = pxt.create_table(f"{ns}/at", {"at": pxt.Timestamp})
    with pytest.raises(pxt.RequestError, match="finer than a microsecond"):
        at.insert(source())


def test_a_time_that_python_has_not_is_named(ns: str) -> None:
    with pytest.raises(pxt.RequestError, match="column 'at' holds what Python cannot"):
        pxt.create_table(f"{ns}/made", source=pa.table({"at": pa.array([10**12], type=pa.timestamp("s"))}))


SILENT: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda values: pd.DataFrame(
        {"i": pd.array(values, "Int64"), "s": pd.array(values, "string"), "at": pd.array(values, "datetime64[ns]"),
         "b": pd.array(values, "boolean"), "f": pd.array(values, "Float64"),
         "c": pd.Categorical(values, categories=["x"])}
    ),
    "arrow": lambda values: pa.table(
        {"i": pa.array(values, pa.int32()), "s": pa.array(values, pa.large_string()),
         "at": pa.array(values, pa.timestamp("s")), "b": pa.array(values, pa.bool_()),
         "f": pa.array(values, pa.float32()), "c": pa.array(values, pa.string()).dictionary_encode()}
    ),
}  # fmt: skip


@pytest.mark.parametrize("values", [[], [None, None]], ids=["no row", "nulls"])
@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_columns_without_values_have_the_type_of_their_frame(ns: str, source, values: list[None]) -> None:
    made = pxt.create_table(f"{ns}/made", source=source(values))
    types = ["Int", "String", "Timestamp", "Bool", "Float", "String"]
    assert [str(kind) for kind in made.select().schema.values()] == [f"{kind} | None" for kind in types]
    assert made.insert(source(values)).num_rows == len(values)
    assert made.count() == 2 * len(values)


def test_json_of_arrow_is_json(ns: str) -> None:
    json_type = pa.ExtensionArray.from_storage(pa.json_(pa.utf8()), pa.array(['{"a": [1]}', None]))
    made = pxt.create_table(f"{ns}/made", source=pa.table({"j": json_type}))
    made.insert(pa.table({"j": json_type}))
    assert made.collect()["j"] == [{"a": [1]}, None] * 2


def test_metadata_that_names_no_type_is_refused(ns: str) -> None:
    field = pa.field("a", pa.int64(), metadata={"pixeltable_type": "{"})
    with pytest.raises(pxt.RequestError, match="column 'a': its metadata"):
        pxt.create_table(f"{ns}/made", source=pa.table([pa.array([1])], schema=pa.schema([field])))


@pxt.udf
def reciprocal(n: int) -> float:
    return 1 / n


def test_a_column_with_failed_cells_accepts_null(ns: str) -> None:
    numbers = pxt.create_table(f"{ns}/numbers", {"n": pxt.Int})
    numbers.insert([{"n": 0}, {"n": 2}])
    numbers.add_computed_column(r=reciprocal(numbers.n), on_error="ignore")
    made = pxt.create_table(f"{ns}/made", source=numbers)
    assert rows(made) == [(0, None), (2, 0.5)]
    assert {name: str(kind) for name, kind in made.select().schema.items()} == {"n": "Int", "r": "Float | None"}


def test_a_generator_that_fails_midway_leaves_nothing(ns: str, t: pxt.Table) -> None:
    def failing():  # type: ignore[no-untyped-def]
        yield {"name": "Ann"}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        t.insert(failing())
    with pytest.raises(RuntimeError, match="no more"):
        pxt.create_table(f"{ns}/made", source=failing())
    assert t.count() == 0
    assert pxt.get_table(f"{ns}/made", if_not_exists="ignore") is None
