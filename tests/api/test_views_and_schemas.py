"""Views and their bases keep in step when a schema changes: names follow, and what a view needs cannot go."""

from collections.abc import Callable, Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        yield {"word": word}


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String | None})
    t.add_computed_column(low=t.n % 2)
    t.insert([{"n": 1, "text": "to be"}, {"n": 2, "text": "or"}])
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    return pxt.create_view(f"{ns}/v", t.where(t.n > 0), additional_columns={"loud": shout(t.text)})


@pytest.fixture
def exploded(ns: str, t: pxt.Table) -> pxt.Table:
    return pxt.create_view(f"{ns}/exploded", t, iterator=words(t.text), additional_columns={"note": pxt.String | None})


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.rename_column("n", "m"),
        lambda v: v.alter_column("n", type_=pxt.Float),
        lambda v: v.drop_column("low"),
        lambda v: v.alter_computed_column(low=v.n % 3),
        lambda v: v.recompute_columns("low"),
        lambda v: v.update({"text": "x"}),
    ],
)
def test_columns_of_the_base_cannot_be_changed_through_a_view(v: pxt.Table, change: Callable) -> None:
    with pytest.raises(pxt.RequestError, match=r"of view '.*/v' comes from its base"):
        change(v)
    assert v.columns() == ["loud", "n", "text", "low"]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.alter_column("text", type_=pxt.Json | None),
        lambda t: t.drop_column("text"),
        lambda t: t.add_column(text=pxt.Json | None, if_exists="replace"),
    ],
)
def test_a_base_keeps_what_a_view_is_made_of(t: pxt.Table, v: pxt.Table, change: Callable) -> None:
    with pytest.raises(pxt.RequestError, match=r"view '.*/v' depends on it") as failure:
        change(t)
    assert failure.value.error_code == pxt.ErrorCode.CONSTRAINT_VIOLATION
    t.insert(n=3, text="not")
    assert v.select(v.n, v.loud).collect()["loud"] == ["to be!", "or!", "not!"]


def test_a_base_keeps_what_columns_that_a_view_reads_are_computed_from(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(more=t.n + 1, stored=False)
    t.add_computed_column(most=t.more * 2, stored=False)
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"sum": t.most + 100})
    with pytest.raises(pxt.RequestError, match=r"column 'more' cannot be altered: view '.*/v' depends on it"):
        t.alter_computed_column(more=t.n + 5)
    assert v.collect()["sum"] == [104, 106]


def test_a_name_that_a_base_gives_a_column_is_that_of_its_views(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    over = pxt.create_view(f"{ns}/over", v.where(v.n > 1))
    t.rename_column("n", "number")
    assert v.get_metadata()["view_filter"] == "number > 0"
    assert over.get_metadata()["view_filter"] == "number > 1"
    t.insert(number=5, text="x")
    assert v.select(v.number, v.loud).collect()["number"] == [1, 2, 5]
    assert over.count() == 2


def test_a_name_that_revert_brings_back_is_that_of_the_views_too(t: pxt.Table, v: pxt.Table) -> None:
    t.rename_column("n", "number")
    t.revert()
    assert v.get_metadata()["view_filter"] == "n > 0"
    v.add_computed_column(twice=v.n * 2)
    v.rename_column("twice", "double")
    t.rename_column("n", "number")
    v.revert()
    assert v.get_metadata()["columns"]["twice"]["computed_with"] == "number * 2"


@pytest.mark.parametrize("make", [lambda t: {"base": t.where(t.next > 2)}, lambda t: {"base": t.select(x=t.later * 2)}])
def test_a_column_that_is_not_stored_keeps_the_definition_that_a_view_goes_by(ns: str, t: pxt.Table, make) -> None:
    t.add_computed_column(next=t.n + 1, stored=False)
    t.add_computed_column(later=t.next + 1, stored=False)
    v = pxt.create_view(f"{ns}/v", **make(t))
    assert pxt.create_view(f"{ns}/v", **make(t), if_exists="ignore") == v
    with pytest.raises(pxt.RequestError, match=r"column 'next' cannot be altered: view '.*/v' depends on it"):
        t.alter_computed_column(next=t.n + 100)


def test_the_only_column_of_its_own_can_be_dropped_from_a_view_that_shows_others(t: pxt.Table, v: pxt.Table) -> None:
    v.drop_column("loud")
    t.insert(n=3)
    assert v.collect()["n"] == [1, 2, 3]


def test_the_same_definition_through_a_view_is_no_change(v: pxt.Table) -> None:
    before = v.get_versions()
    v.alter_computed_column(loud=shout(v.text))
    assert (v.get_versions(), list(v.stale())) == (before, [])


def test_columns_may_be_added_to_a_view_from_those_of_its_base(v: pxt.Table, t: pxt.Table) -> None:
    v.add_columns({"twice": v.n * 2, "remark": pxt.String | None})
    t.insert(n=4)
    assert v.collect()["twice"] == [2, 4, 8]


def test_an_output_of_an_iterator_keeps_coming_under_a_new_name(exploded: pxt.Table, t: pxt.Table) -> None:
    exploded.rename_column("word", "term")
    t.insert(n=3, text="not to")
    assert exploded.collect()["term"] == ["to", "be", "or", "not", "to"]


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update({"word": "x"}),
        lambda v: v.drop_column("word"),
        lambda v: v.alter_column("word", type_=pxt.Json),
    ],
)
def test_an_output_of_an_iterator_cannot_be_changed(exploded: pxt.Table, change: Callable) -> None:
    with pytest.raises(pxt.RequestError, match="made by the iterator"):
        change(exploded)
    assert exploded.collect()["word"] == ["to", "be", "or"]


def test_sql_reads_the_rows_of_views(ns: str, t: pxt.Table, exploded: pxt.Table) -> None:
    pxt.create_view(f"{ns}/chosen", t.where(t.n > 1).select(number=t.n, loud=shout(t.text)))
    exploded.update({"note": "first"}, where=exploded.pos == 0)
    found = pxt.sql(f'select n, pos, word, note from "{ns}/exploded" order by n, pos')
    assert [tuple(row.values()) for row in found] == [(1, 0, "to", "first"), (1, 1, "be", None), (2, 0, "or", "first")]
    assert pxt.sql(f'select number, loud from "{ns}/chosen"')[0] == {"number": 2, "loud": "or!"}
    t.insert(n=9, text="a b")
    assert pxt.sql(f'select count(*) as k from "{ns}/exploded"')["k"] == [5]


def test_sql_reads_views_of_exploded_views(ns: str, t: pxt.Table, exploded: pxt.Table) -> None:
    long = pxt.create_view(f"{ns}/long", exploded.where(exploded.pos == 0), additional_columns={"l": shout(t.text)})
    assert long.collect()["l"] == ["to be!", "or!"]
    found = pxt.sql(f'select n, word, l from "{ns}/long" order by n')
    assert [tuple(row.values()) for row in found] == [(1, "to", "to be!"), (2, "or", "or!")]


def test_views_have_no_functions_of_their_own_rows(v: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="is a view"):
        pxt.udf(v, return_value=v.loud)
