"""Iterators: views with several rows for one of their base."""

from collections.abc import Iterator
from itertools import count
from typing import NotRequired, TypedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf


class Word(TypedDict):
    word: str
    length: NotRequired[int]


@pxt.iterator
def words(text: str, longest: int = 99) -> Iterator[Word]:
    for word in text.split():
        if word == "boom":
            raise ValueError("no such word")
        yield {"word": word} if len(word) > longest else {"word": word, "length": len(word)}


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "text": pxt.String | None})
    t.insert([{"id": 1, "text": "to be or"}, {"id": 2, "text": ""}, {"id": 3}, {"id": 4, "text": "not"}])
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    return pxt.create_view(f"{ns}/v", t, iterator=words(t.text), additional_columns={"note": pxt.String | None})


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_a_view_has_a_row_for_each_item(v: pxt.Table) -> None:
    assert v.columns() == ["pos", "word", "length", "note", "id", "text"]
    assert rows(v.select(v.id, v.pos, v.word, v.length)) == [
        (1, 0, "to", 2),
        (1, 1, "be", 2),
        (1, 2, "or", 2),
        (4, 0, "not", 3),
    ]
    assert {name: str(kind) for name, kind in v.select(v.pos, v.word, v.length).schema.items()} == {
        "pos": "Int", "word": "String", "length": "Int | None",
    }  # fmt: skip


def test_rows_inserted_into_the_base_are_exploded(t: pxt.Table, v: pxt.Table) -> None:
    v.add_computed_column(loud=shout(v.word))
    status = t.insert([{"id": 5, "text": "a b"}, {"id": 6, "text": "c"}])
    assert rows(v.where(v.id > 4).select(v.id, v.pos, v.loud)) == [(5, 0, "a!"), (5, 1, "b!"), (6, 0, "c!")]
    assert status.cascade_row_count_stats.ins_rows == 3


def test_rows_are_exploded_anew_when_the_argument_changed(t: pxt.Table, v: pxt.Table) -> None:
    v.update({"note": "kept"})
    t.update({"id": 9}, where=t.id == 4)
    t.update({"text": "x y"}, where=t.id == 1)
    assert rows(v.select(v.id, v.pos, v.word, v.note)) == [(1, 0, "x", None), (1, 1, "y", None), (9, 0, "not", "kept")]


def test_rows_that_a_filter_goes_on_keeping_are_not_exploded_anew(ns: str, t: pxt.Table) -> None:
    columns = {"note": pxt.String | None}
    v = pxt.create_view(f"{ns}/v", t.where(t.id < 9), iterator=words(t.text), additional_columns=columns)
    v.update({"note": "mine"})
    status = t.update({"id": t.id + 5})
    assert rows(v.select(v.id, v.pos, v.note)) == [(6, 0, "mine"), (6, 1, "mine"), (6, 2, "mine")]
    assert (status.cascade_row_count_stats.ins_rows, status.cascade_row_count_stats.del_rows) == (0, 1)
    t.update({"id": 8}, where=t.id == 9)
    assert rows(v.where(v.id == 8).select(v.word, v.note)) == [("not", None)]


def test_deleted_rows_take_theirs_along_and_revert_brings_them_back(t: pxt.Table, v: pxt.Table) -> None:
    before = rows(v)
    t.delete(where=t.id == 1)
    assert rows(v.select(v.word)) == [("not",)]
    t.revert()
    assert rows(v) == before


@pxt.iterator
def one_dict_for_all(text: str) -> Iterator[Word]:
    item: Word = {"word": ""}
    for word in text.split():
        item["word"] = word
        yield item


def test_an_iterator_may_use_a_dict_again(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=one_dict_for_all(t.text))
    assert v.where(v.id == 1).order_by(v.pos).collect()["word"] == ["to", "be", "or"]


def test_views_over_it_follow(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    w = pxt.create_view(f"{ns}/w", v.where(v.length == 2), additional_columns={"loud": shout(v.word)})
    x = pxt.create_view(f"{ns}/x", w, iterator=letters(w.loud))
    assert rows(x.where(x.pos == 0).select(x.id, x.word, x.letter)) == [(1, "to", "t"), (1, "be", "b"), (1, "or", "o")]
    t.update({"text": "ab cde fg"}, where=t.id == 4)
    t.delete(where=t.id == 1)
    assert rows(x.select(x.id, x.letter)) == [(4, letter) for letter in "ab!fg!"]
    t.insert(id=7, text="hi")
    assert rows(x.where(x.id == 7).select(x.pos, x.letter)) == [(0, "h"), (1, "i"), (2, "!")]


class Letter(TypedDict):
    letter: str


@pxt.iterator
def letters(text: str) -> Iterator[Letter]:
    yield from ({"letter": letter} for letter in text)


def test_a_filter_of_the_base_chooses_what_is_exploded(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.id < 4), iterator=words(t.text))
    assert v.count() == 3
    t.update({"id": t.id + 1})
    assert rows(v.select(v.id)) == [(2,), (2,), (2,)]
    t.update({"id": 3}, where=t.id == 5)
    assert rows(v.select(v.id, v.word)) == [(2, "to"), (2, "be"), (2, "or"), (3, "not")]


def test_rows_are_grouped_by_the_row_of_the_base_they_are_of(t: pxt.Table, v: pxt.Table) -> None:
    t.insert(id=1, text="another one")
    grouped = v.group_by(t).select(t.id, n=pxtf.count(v.pos), last=pxtf.max(v.word))
    assert rows(grouped) == [(1, 3, "to"), (4, 1, "not"), (1, 2, "one")]
    assert v.group_by(t).select(pxtf.count(v.pos)).count() == 3
    with pytest.raises(pxt.RequestError, match="no base"):
        t.group_by(v)


def test_an_iterator_that_fails_fails_the_insert_or_leaves_no_rows(t: pxt.Table, v: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"words\(text\).*no such word"):
        t.insert(id=5, text="a boom")
    assert t.count() == 4
    status = t.insert([{"id": 5, "text": "a boom"}, {"id": 6, "text": "b"}], on_error="ignore")
    assert status.num_excs == 1
    assert rows(v.where(v.id > 4).select(v.word)) == [("b",)]


def test_it_is_there_after_its_metadata_was_read_again(ns: str, v: pxt.Table) -> None:
    again = pxt.get_table(f"{ns}/v")
    assert again.count() == v.count() == 4
    assert again.get_metadata()["is_view"]
    assert again.get_metadata()["iterator_call"] == "words(text)"


def test_a_vector_of_an_item_is_found(t: pxt.Table, v: pxt.Table) -> None:
    v.add_embedding_index("word", string_embed=lengths)
    near = v.word.similarity(string="abc")
    assert rows(v.order_by(near, asc=False).limit(1).select(v.id, v.word)) == [(4, "not")]
    t.insert(id=8, text="abcdefg xyz")
    assert {word for (word,) in rows(v.order_by(near, asc=False).limit(2).select(v.word))} == {"not", "xyz"}


@pxt.udf
def lengths(text: str) -> pxt.Array[(2,), pxt.Float]:
    return np.array([np.cos(len(text)), np.sin(len(text))], dtype=np.float32)


@pytest.mark.parametrize(
    ("declare", "fact"),
    [
        pytest.param(lambda: pxt.iterator(no_hint), "has no hint for what it yields", id="no hint"),
        pytest.param(lambda: pxt.iterator(a_list), "`list[", id="list"),
        pytest.param(lambda: pxt.iterator(with_namesakes), "'word' and 'Word' differ only in case", id="namesakes"),
        pytest.param(lambda: pxt.iterator(coroutine), "'coroutine' is async", id="coroutine"),
        pytest.param(lambda: pxt.iterator(async_generator), "is async", id="async generator"),
        pytest.param(lambda: pxt.iterator(with_pos), "`pos` is the place", id="pos"),
        pytest.param(lambda: words(3), "String", id="type of an argument"),
        pytest.param(lambda: words(), "text", id="missing argument"),
    ],
)
def test_what_is_no_iterator_is_refused(declare, fact: str) -> None:
    with pytest.raises(pxt.RequestError) as caught:
        declare()
    assert fact in str(caught.value)


def no_hint(text: str):
    yield {"word": text}


def a_list(text: str) -> list[Word]:
    return [{"word": text}]


class Namesakes(TypedDict):
    word: str
    Word: str


def with_namesakes(text: str) -> Iterator[Namesakes]:
    yield {"word": text, "Word": text}


async def coroutine(text: str) -> Iterator[Word]:
    return iter([{"word": text}])


async def async_generator(text: str) -> Iterator[Word]:  # type: ignore[misc]
    yield {"word": text}


class Placed(TypedDict):
    pos: int


def with_pos(text: str) -> Iterator[Placed]:
    yield {"pos": len(text)}


@pxt.iterator
def picky(text: str) -> Iterator[Word]:
    if "bb" in text:
        raise ValueError(f"bb in {text}")
    yield from ({"word": word} for word in text.split())


TEXTS = st.text(alphabet="ab ", max_size=6)
KINDS = ["insert", "set", "delete", "move", "merge", "restore", "revert"]


def change(t: pxt.Table, kind: str, number: int, text: str, keys: Iterator[int]) -> None:
    """One step, which brings a number, a text, or both into some rows."""
    if kind == "insert":
        t.insert(k=next(keys), id=number, text=text, on_error="ignore")
    elif kind == "set":
        t.update({"text": text}, where=t.id == number)
    elif kind == "move":
        t.update({"id": t.id + 1}, where=t.id == number)
    elif kind == "merge":
        batch = [{"k": number, "text": text}, {"k": number + 1, "id": number}, {"k": 9, "id": number, "text": text}]
        t.batch_update(batch, if_not_exists="insert")
    elif kind == "restore":
        t.restore((7 * number + len(text)) % len(t.get_versions()))
    elif kind == "delete":
        t.delete(where=t.id == number)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3), TEXTS), max_size=8))
def test_a_view_equals_its_definition_after_any_operations(ns: str, steps) -> None:
    columns = {"k": pxt.Int, "id": {"type": pxt.Int, "default": 0}, "text": {"type": pxt.String, "default": "a a"}}
    t = pxt.create_table(f"{ns}/p", columns, primary_key="k", if_exists="replace_force")
    t.insert([{"k": 0, "id": 0, "text": "a b"}, {"k": 1, "id": 1, "text": "bb"}])
    v = pxt.create_view(f"{ns}/q", t.where(t.id < 3), iterator=picky(t.text))
    w = pxt.create_view(f"{ns}/r", v.where(v.word != "a"), additional_columns={"loud": shout(v.word)})
    done, keys = 0, count(100)
    for kind, number, text in steps:
        before = t.get_versions()[0]["version"]
        if kind != "revert":
            change(t, kind, number, text, keys)
        elif done:
            t.revert()
        done += t.get_versions()[0]["version"] - before
        known = [(k, i, s) for k, i, s in rows(t) if i < 3]
        assert v.errors()["errormsg"] == [f"bb in {s}" for _, _, s in known if "bb" in s]
        expected = [(k, i, pos, word) for k, i, s in known if "bb" not in s for pos, word in enumerate(s.split())]
        assert rows(v.select(v.k, v.id, v.pos, v.word)) == expected
        assert rows(w.select(w.k, w.loud)) == [(k, f"{word}!") for k, _, _, word in expected if word != "a"]
