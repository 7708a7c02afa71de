"""`compute()` of views: rows of the base go in, rows of the view come out, nothing is stored."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt

CALLS: list[str] = []


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        if word == "boom":
            raise ValueError("no boom")
        yield {"word": word}


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    if s == "bad":
        raise ValueError("bad word")
    return f"{s}!"


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pytest.fixture
def t(ns: str) -> pxt.Table:
    CALLS.clear()
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.add_computed_column(m=t.n + 1)
    return t


def test_a_filter(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(is_odd(t.m)), additional_columns={"loud": shout(t.s), "x": pxt.Int | None})
    found = v.compute([{"n": n, "s": f"s{n}"} for n in range(4)])
    assert [dict(row) for row in found] == [
        {"loud": "s0!", "x": None, "n": 0, "s": "s0", "m": 1},
        {"loud": "s2!", "x": None, "n": 2, "s": "s2", "m": 3},
    ]
    assert (t.count(), v.count(), CALLS) == (0, 0, ["s0", "s2"])


def test_items_and_views_over_them(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.s), additional_columns={"loud": shout(t.s)})
    w = pxt.create_view(f"{ns}/w", v.where(v.pos > 0).select(v.n, v.word, both=v.word + v.loud))
    found = w.compute([{"n": 1, "s": "a b c"}, {"n": 2, "s": "d"}, {"n": 3, "s": "e f"}])
    assert [dict(row) for row in found] == [
        {"n": 1, "word": "b", "both": "ba b c!"},
        {"n": 1, "word": "c", "both": "ca b c!"},
        {"n": 3, "word": "f", "both": "fe f!"},
    ]
    CALLS.clear()
    assert [dict(row) for row in w.compute([{"n": 1, "s": "a b"}], outputs=["word"])] == [{"word": "b"}]
    assert CALLS == []


def test_what_fails(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.s))
    v.add_computed_column(loud=shout(v.word))
    rows = [{"n": 1, "s": "ok bad"}, {"n": 2, "s": "boom"}, {"n": 3, "s": "fine"}]
    with pytest.raises(pxt.Error, match="bad word"):
        v.compute(rows[:1])
    with pytest.raises(pxt.Error, match="no boom"):
        v.compute(rows[1:])
    found = v.compute(rows, on_error="ignore")
    assert [(row["n"], row["word"], row["loud"]) for row in found] == [
        (1, "ok", "ok!"),
        (1, "bad", None),
        (3, "fine", "fine!"),
    ]
    assert [bool(row.errors) for row in found] == [False, True, False]


def test_it_is_what_an_insert_makes(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 0), iterator=words(t.s), additional_columns={"m2": t.m * 2})
    rows = [{"n": n, "s": f"a{n} b{n}"} for n in range(300)]
    computed = [dict(row) for row in v.compute(rows)]
    t.insert(rows)
    assert computed == [dict(row) for row in v.collect()]


def test_a_snapshot_has_none(ns: str, t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match="compute"):
        pxt.create_snapshot(f"{ns}/snap", t).compute([{"n": 1, "s": "x"}])
