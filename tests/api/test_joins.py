"""Joins, held against pandas; names, aliases, and what is refused."""

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import (
    AmbiguousColumn,
    ForeignColumn,
    InvalidArgument,
    JoinedWithItself,
    TypeMismatch,
    UnknownColumn,
    UnknownTable,
    Unsupported,
)
from tests.engines import examples

PEOPLE = [(1, "ann", None), (2, "bob", 1), (3, "cyd", 1), (4, "dan", 3)]
PETS = [(1, "rex"), (1, "mia"), (3, "tom"), (9, "kit")]


@pxt.udf
def is_odd(n: int | None) -> bool:
    return n is not None and n % 2 == 1


@pytest.fixture
def people(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/people", {"id": pxt.Int, "name": pxt.String, "boss": pxt.Int | None})
    table.insert(dict(zip(("id", "name", "boss"), person, strict=True)) for person in PEOPLE)
    return table


@pytest.fixture
def pets(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/pets", {"id": pxt.Int, "pet": pxt.String})
    table.insert({"id": owner, "pet": pet} for owner, pet in PETS)
    table.add_computed_column(loud=table.pet + "!")
    return table


def rows(query: pxt.Query) -> list[tuple[Any, ...]]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_inner_join_by_a_condition(people: pxt.Table, pets: pxt.Table) -> None:
    query = people.join(pets, on=people.id == pets.id).select(people.name, pets.loud)
    assert rows(query) == [("ann", "rex!"), ("ann", "mia!"), ("cyd", "tom!")]


def test_inner_join_by_a_column_that_both_have(people: pxt.Table, pets: pxt.Table) -> None:
    for on in (people.id, pets.id, [people.id]):
        assert rows(people.join(pets, on=on).select(people.name, pets.pet))[0] == ("ann", "rex")


def test_without_a_select_list_there_are_all_columns_with_names_of_their_own(
    people: pxt.Table, pets: pxt.Table
) -> None:
    found = people.join(pets, on=people.id).collect()
    assert list(found.schema) == ["id", "name", "boss", "id_1", "pet", "loud"]


def test_what_a_left_join_finds_nothing_for_is_null(people: pxt.Table, pets: pxt.Table) -> None:
    query = people.join(pets, on=people.id, how="left")
    assert rows(query.where(pets.pet == None).select(people.name)) == [("bob",), ("dan",)]  # noqa: E711
    assert query.where(pets.pet == None).count() == 2  # noqa: E711
    assert str(query.select(pets.pet).collect().schema["pet"]) == "String | None"


def test_right_and_full_joins_keep_the_rows_of_the_other_table(people: pxt.Table, pets: pxt.Table) -> None:
    right = people.join(pets, on=people.id, how="right").select(people.name, pets.pet)
    full = people.join(pets, on=people.id, how="full_outer").select(people.name, pets.pet)
    matched = [("ann", "rex"), ("ann", "mia"), ("cyd", "tom")]
    assert sorted(rows(right), key=str) == sorted([*matched, (None, "kit")], key=str)
    assert sorted(rows(full), key=str) == sorted([*matched, ("bob", None), ("dan", None), (None, "kit")], key=str)


def test_cross_join_has_all_pairs(people: pxt.Table, pets: pxt.Table) -> None:
    assert people.join(pets, how="cross").count() == 16
    assert len(people.join(pets, how="cross").collect()) == 16


def test_count_counts_the_joined_rows_that_the_filter_keeps(people: pxt.Table, pets: pxt.Table) -> None:
    assert people.join(pets, on=people.id).where(pets.pet == "rex").count() == 1


def test_a_table_is_joined_with_itself_under_another_name(people: pxt.Table) -> None:
    boss = people.alias("boss")
    query = people.join(boss, on=people.boss == boss.id).select(people.name, boss["name"])
    assert rows(query) == [("bob", "ann"), ("cyd", "ann"), ("dan", "cyd")]
    above = people.alias("above")
    chain = people.join(boss, on=people.boss == boss.id).join(above, on=boss.boss == above.id)
    assert rows(chain.select(people.name, boss.name, above.name)) == [("dan", "cyd", "ann")]


def test_an_alias_starts_a_query_too(people: pxt.Table) -> None:
    a = people.alias("a")
    assert rows(a.where(is_odd(a.id)).order_by(a.id, asc=False).select(a.name)) == [("cyd",), ("ann",)]
    assert a.where(a.id == 1).update({"name": "eve"}).num_rows == 1
    assert a.where(is_odd(a.id) & (a.name == "eve")).delete().num_rows == 1


def test_several_tables(people: pxt.Table, pets: pxt.Table, ns: str) -> None:
    prices = pxt.create_table(f"{ns}/prices", {"pet": pxt.String, "price": pxt.Float})
    prices.insert([{"pet": "rex", "price": 2.5}, {"pet": "tom", "price": 1.0}])
    query = people.join(pets, on=people.id).join(prices, on=pets.pet, how="left")
    assert rows(query.select(people.name, prices.price)) == [("ann", 2.5), ("ann", None), ("cyd", 1.0)]


def test_conditions_that_run_in_python(people: pxt.Table, pets: pxt.Table) -> None:
    query = people.join(pets, on=(people.id < pets.id) & is_odd(people.id)).select(people.id, pets.id)
    assert rows(query) == [(1, 3), (1, 9), (3, 9)]
    assert query.count() == 3
    filtered = people.join(pets, on=people.id, how="left").where(is_odd(pets.id)).select(people.id, pets.pet)
    assert rows(filtered) == [(1, "rex"), (1, "mia"), (3, "tom")]


def test_groups_and_order_over_joined_rows(people: pxt.Table, pets: pxt.Table) -> None:
    joined = people.join(pets, on=people.id, how="left")
    grouped = joined.group_by(people.name).select(people.name, n=pxtf.count(pets.pet), first=pxtf.min(pets.pet))
    assert rows(grouped) == [("ann", 2, "mia"), ("bob", 0, None), ("cyd", 1, "tom"), ("dan", 0, None)]
    ordered = joined.order_by(pets.pet, asc=False).limit(2, offset=2).select(people.name, pets.pet)
    assert rows(ordered) == [("cyd", "tom"), ("ann", "rex")]
    assert rows(joined.select(people.boss).distinct()) == [(None,), (1,), (3,)]


def test_unstored_columns_and_errors_of_joined_tables(people: pxt.Table, pets: pxt.Table) -> None:
    pets.add_computed_column(twice=pets.loud + pets.pet, stored=False)
    query = people.join(pets, on=people.id).where(pets.loud.errortype == None)  # noqa: E711
    assert rows(query.limit(1).select(pets.twice)) == [("rex!rex",)]


keys = st.none() | st.integers(0, 5)
HOW = {"inner": "inner", "left": "left", "right": "right", "full_outer": "outer"}


@pytest.mark.parametrize("how", HOW)
def test_joins_are_those_of_pandas(ns: str, how: Any) -> None:
    left, right = examples(keys, 25), examples(keys, 20)
    tables = []
    for name, values in (("l", left), ("r", right)):
        table = pxt.create_table(f"{ns}/{name}", {"k": pxt.Int | None, "v": pxt.Int})
        table.insert({"k": k, "v": v} for v, k in enumerate(values))
        tables.append(table)
    a, b = tables
    found = rows(a.join(b, on=a.k == b.k, how=how).select(a.v, b.v))
    frames = [
        pd.DataFrame({"k": pd.array(v, dtype="Int64"), side: range(len(v))}) for side, v in (("a", left), ("b", right))
    ]
    # pandas joins nulls with one another, SQL does not: each gets a key of its own.
    for sign, frame in zip((-1, 1), frames, strict=True):
        own = pd.Series([sign * (100 + n) for n in range(len(frame))], dtype="Int64")
        frame["k"] = frame["k"].fillna(own)
    merged = frames[0].merge(frames[1], on="k", how=HOW[how])
    expected = [
        tuple(None if math.isnan(x) else int(x) for x in pair) for pair in zip(merged["a"], merged["b"], strict=True)
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_the_query_shows_its_joins(people: pxt.Table) -> None:
    boss = people.alias("boss")
    shown = repr(people.join(boss, on=people.boss == boss.id, how="left").select(boss.name))
    assert f"Left Join  {people._path} as boss on boss == boss.id" in shown  # noqa: SLF001


def test_what_is_refused(people: pxt.Table, pets: pxt.Table) -> None:
    boss = people.alias("boss")
    with pytest.raises(JoinedWithItself):
        people.join(people, on=people.id)
    with pytest.raises(InvalidArgument, match="needs `on`"):
        people.join(pets)
    with pytest.raises(InvalidArgument, match="takes no `on`"):
        people.join(pets, on=people.id, how="cross")
    with pytest.raises(InvalidArgument, match="how must be one of"):
        people.join(pets, on=people.id, how="outer")  # type: ignore[arg-type]
    with pytest.raises(UnknownColumn):
        people.join(pets, on=people.boss)
    with pytest.raises(TypeMismatch):
        people.join(pets, on=people.id + pets.id)
    with pytest.raises(ForeignColumn):
        people.join(pets, on=people.id == boss.id)
    with pytest.raises(ForeignColumn):
        people.join(pets, on=people.id).where(boss.id == 1)
    with pytest.raises(AmbiguousColumn):
        people.join(boss, on=people.boss == boss.id).join(pets, on=pets.id)
    with pytest.raises(Unsupported, match="before select"):
        people.select(people.id).join(pets, on=people.id)
    with pytest.raises(Unsupported):
        people.join(pets, on=people.id).head(2)
    with pytest.raises(Unsupported):
        people.join(pets, on=people.id).update({"name": "x"})
    with pytest.raises(Unsupported, match="full_outer"):
        people.join(pets, on=people.id < pets.id, how="full_outer").collect()
    with pytest.raises(Unsupported, match="computed column first"):
        people.join(pets, on=is_odd(people.id), how="left").collect()


def test_a_joined_table_that_was_dropped_is_named(people: pxt.Table, pets: pxt.Table) -> None:
    query = people.join(pets, on=people.id)
    pxt.drop_table(pets)
    with pytest.raises(UnknownTable, match="pets"):
        query.collect()


def test_a_schema_that_changed_meanwhile_is_noticed(people: pxt.Table, pets: pxt.Table) -> None:
    query = people.join(pets, on=people.id)
    pets.drop_column("loud")
    assert list(query.collect().schema) == ["id", "name", "boss", "id_1", "pet"]
