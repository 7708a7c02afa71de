"""`isin(query)`: a value is looked for among those that another query yields."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pytest.fixture
def people(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/people", {"name": pxt.String, "city": pxt.String | None, "age": pxt.Int})
    t.insert([
        {"name": "Ada", "city": "Rome", "age": 3}, {"name": "Bob", "city": "Oslo", "age": 4},
        {"name": "Cy", "age": 5}, {"name": "Di", "city": "Bonn", "age": 6},
    ])  # fmt: skip
    return t


@pytest.fixture
def cities(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/cities", {"city": pxt.String | None, "size": pxt.Int, "tags": pxt.Json | None})
    t.insert([
        {"city": "Rome", "size": 5, "tags": [1, "x"]}, {"city": "Bonn", "size": 2}, {"size": 7},
        {"city": "Rome", "size": 1, "tags": "Oslo"},
    ])  # fmt: skip
    return t


def test_rows_whose_value_is_among_those_of_a_query(people: pxt.Table, cities: pxt.Table) -> None:
    found = people.where(people.city.isin(cities.select(cities.city))).select(people.name).collect()
    assert found["name"] == ["Ada", "Di"]


def test_rows_whose_value_is_not_among_them_and_null_is_neither(people: pxt.Table, cities: pxt.Table) -> None:
    found = people.where(~people.city.isin(cities.select(cities.city))).select(people.name).collect()
    assert found["name"] == ["Bob"]


def test_the_query_may_filter_group_order_and_limit(people: pxt.Table, cities: pxt.Table) -> None:
    largest = cities.where(cities.city != None).group_by(cities.city).order_by(pxtf.sum(cities.size), asc=False)  # noqa: E711
    assert people.where(people.city.isin(largest.limit(1).select(cities.city))).count() == 1


def test_the_query_may_need_python(people: pxt.Table, cities: pxt.Table) -> None:
    odd = cities.where(is_odd(cities.size)).select(cities.size)
    assert people.where(people.age.isin(odd)).select(people.name).collect()["name"] == ["Cy"]


def test_a_query_within_a_query_within_a_query(people: pxt.Table, cities: pxt.Table) -> None:
    grown = people.where(people.age.isin(cities.select(cities.size))).select(people.city)
    inner = cities.where(~cities.city.isin(grown)).select(cities.city)
    assert people.where(people.city.isin(inner)).select(people.name).collect()["name"] == ["Ada", "Di"]


def test_it_is_a_value_as_any_other(people: pxt.Table, cities: pxt.Table) -> None:
    rows = people.select(known=people.city.isin(cities.select(cities.city))).collect()
    assert rows["known"] == [True, False, None, True]


def test_json_is_found_among_json(people: pxt.Table, cities: pxt.Table) -> None:
    assert people.where(people.city.isin(cities.select(cities.tags))).select(people.name).collect()["name"] == ["Bob"]
    assert cities.where(cities.tags[1].isin(cities.select(x="x"))).count() == 1


def test_updates_and_deletes_choose_rows_by_it(people: pxt.Table, cities: pxt.Table) -> None:
    people.update({"age": 0}, where=people.city.isin(cities.select(cities.city)))
    assert people.select(people.age).collect()["age"] == [0, 4, 5, 0]
    people.delete(where=people.city.isin(cities.select(cities.city)))
    assert people.count() == 2


def test_rows_that_come_later_count_the_next_time(people: pxt.Table, cities: pxt.Table) -> None:
    query = people.where(people.city.isin(cities.select(cities.city)))
    assert query.count() == 2
    cities.insert(city="Oslo", size=1)
    assert query.count() == 3


def test_an_empty_result_holds_nothing(people: pxt.Table, cities: pxt.Table) -> None:
    assert people.where(people.city.isin(cities.where(cities.size > 99).select(cities.city))).count() == 0


@pytest.mark.parametrize(
    ("members", "fact"),
    [
        pytest.param(lambda c: c.select(c.city, c.size), "query of one column, this one has 2: city, size", id="two"),
        pytest.param(lambda c: c.select(c.size), "String", id="another type"),
    ],
)
def test_what_cannot_be_looked_among_is_refused(people: pxt.Table, cities: pxt.Table, members, fact: str) -> None:
    with pytest.raises(pxt.RequestError, match=fact):
        people.city.isin(members(cities))


def test_a_column_cannot_be_computed_by_it(people: pxt.Table, cities: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="depends on what other rows hold"):
        people.add_computed_column(known=people.city.isin(cities.select(cities.city)))
