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
