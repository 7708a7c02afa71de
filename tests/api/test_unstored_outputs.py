"""Outputs of iterators that are not stored: what is read is yielded again."""

import subprocess
import sys
from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt

CALLS: list[str] = []


class Piece(TypedDict):
    start: int
    piece: str


@pxt.iterator(unstored_cols=["piece"])
class Pieces(pxt.PxtIterator[Piece]):
    def __init__(self, text: str, *, size: int = 2) -> None:
        CALLS.append(f"begin {text}")
        self.text, self.size, self.start = text, size, 0

    def __next__(self) -> Piece:
        if self.start >= len(self.text):
            raise StopIteration
        CALLS.append(f"next {self.start}")
        self.start += self.size
        return {"start": self.start - self.size, "piece": self.text[self.start - self.size : self.start]}

    def seek(self, pos: int, *, start: int) -> None:
        CALLS.append(f"seek {pos} {start}")
        assert start == pos * self.size
        self.start = start

    def close(self) -> None:
        CALLS.append("close")


class Word(TypedDict):
    word: str
    length: int


@pxt.iterator(unstored_cols=["word"])
def plain_words(text: str) -> Iterator[Word]:
    CALLS.append(f"all of {text}")
    yield from ({"word": word, "length": len(word)} for word in text.split())


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert([{"n": 1, "s": "abcdef"}, {"n": 2, "s": "xyz"}])
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.View:
    v = pxt.create_view(f"{ns}/v", t, iterator=Pieces(t.s), additional_columns={"note": pxt.String | None})
    CALLS.clear()
    return v


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_they_are_yielded_when_they_are_read(v: pxt.View) -> None:
    assert v.columns() == ["pos", "start", "piece", "note", "n", "s"]
    assert rows(v.select(v.start)) == [(0,), (2,), (4,), (0,), (2,)]
    assert CALLS == []
    assert rows(v.select(v.n, v.piece)) == [(1, "ab"), (1, "cd"), (1, "ef"), (2, "xy"), (2, "z")]
    assert CALLS == [
        "begin abcdef", "next 0", "next 2", "next 4", "close", "begin xyz", "next 0", "next 2", "close",
    ]  # fmt: skip
    assert not v.get_metadata()["columns"]["piece"]["is_stored"]


def test_one_item_is_sought(v: pxt.View) -> None:
    assert rows(v.where((v.n == 1) & (v.pos == 2)).select(v.piece)) == [("ef",)]
    assert CALLS == ["begin abcdef", "seek 2 4", "next 4", "close"]
    CALLS.clear()
    found = v.where(v.n == 1).order_by(v.pos, asc=False).select(v.piece)
    assert rows(found) == [("ef",), ("cd",), ("ab",)]
    assert CALLS.count("begin abcdef") == 1


def test_what_is_computed_of_them_is_stored(t: pxt.Table, v: pxt.View) -> None:
    v.add_computed_column(loud=shout(v.piece))
    CALLS.clear()
    assert rows(v.where(v.n == 2).select(v.loud)) == [("xy!",), ("z!",)]
    assert CALLS == []
    t.insert(n=3, s="pq")
    t.update({"s": "xyzw"}, where=t.n == 2)
    assert rows(v.where(v.n > 1).select(v.piece, v.loud)) == [("xy", "xy!"), ("zw", "zw!"), ("pq", "pq!")]


def test_filters_orders_and_views_over_them(ns: str, v: pxt.View) -> None:
    assert rows(v.where(v.piece > "d").order_by(v.piece, asc=False).select(v.piece)) == [("z",), ("xy",), ("ef",)]
    w = pxt.create_view(f"{ns}/w", v.where(v.piece != "cd"), additional_columns={"loud": shout(v.piece)})
    assert rows(w.select(w.piece, w.loud)) == [("ab", "ab!"), ("ef", "ef!"), ("xy", "xy!"), ("z", "z!")]


def test_what_cannot_seek_yields_all_up_to_it(ns: str, t: pxt.Table) -> None:
    t.update({"s": "to be or not"}, where=t.n == 1)
    v = pxt.create_view(f"{ns}/p", t.where(t.n == 1), iterator=plain_words(t.s))
    CALLS.clear()
    assert rows(v.select(v.length, v.word)) == [(2, "to"), (2, "be"), (2, "or"), (3, "not")]
    assert rows(v.where(v.pos == 2).select(v.word)) == [("or",)]
    assert CALLS == ["all of to be or not"] * 2


def test_one_that_is_not_there_any_more_is_an_error_of_its_cell(ns: str, t: pxt.Table, monkeypatch) -> None:
    v = pxt.create_view(f"{ns}/p", t, iterator=Pieces(t.s))
    monkeypatch.setattr(Pieces.declared, "__next__", lambda _: next(iter(())))
    with pytest.raises(pxt.Error, match="does not yield item 0 any more"):
        v.select(v.piece).collect()


def test_altering_calls_them_with_other_arguments(t: pxt.Table, v: pxt.View) -> None:
    v.add_computed_column(loud=shout(v.piece))
    v.rename_column("start", "begin")
    v.update({"note": "mine"}, where=v.pos == 0)
    v.alter_view(iterator=Pieces(t.s, size=3))
    assert rows(v.select(v.begin, v.piece, v.loud, v.note)) == [
        (0, "abc", "abc!", "mine"), (3, "def", "def!", None), (0, "xyz", "xyz!", "mine")
    ]  # fmt: skip
    v.revert()
    assert rows(v.where(v.n == 2).select(v.begin, v.piece, v.loud)) == [(0, "xy", "xy!"), (2, "z", "z!")]


def test_old_versions_and_snapshots(ns: str, t: pxt.Table, v: pxt.View) -> None:
    before = rows(v.select(v.n, v.piece))
    version = v.get_versions()[0]["version"]
    snap = pxt.create_snapshot(f"{ns}/snap", v)
    t.update({"s": "123"})
    assert rows(v.select(v.piece)) == [("12",), ("3",), ("12",), ("3",)]
    assert rows(snap.select(snap.n, snap.piece)) == before
    old = v.at(version=version)
    assert rows(old.select(old.n, old.piece)) == before


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(pxt.RequestError, match="Did you mean 'piece'"):
        pxt.iterator(unstored_cols=["piec"])(Pieces.declared)
    with pytest.raises(pxt.RequestError, match="by a TypedDict"):
        pxt.iterator(unstored_cols=["word"])(words_of_unknown)


def words_of_unknown(text: str) -> Iterator[dict]:
    yield {"word": text}


PROGRAM = """
import sys
from collections.abc import Iterator
from typing import TypedDict
import pixeltable as pxt

if sys.argv[2] == "make":
    class Word(TypedDict):
        word: str
        length: int

    @pxt.iterator(unstored_cols=["word"])
    def words(text: str) -> Iterator[Word]:
        yield from ({"word": word, "length": len(word)} for word in text.split())

    t = pxt.create_table(f"{sys.argv[1]}/t2", {"s": pxt.String})
    t.insert(s="to be")
    v = pxt.create_view(f"{sys.argv[1]}/v2", t, iterator=words(t.s))
v = pxt.get_table(f"{sys.argv[1]}/v2")
assert v.select(v.word).collect()["word"] == ["to", "be"]
"""


def test_another_process_yields_them_too(ns: str) -> None:
    for step in ("make", "read"):
        subprocess.run([sys.executable, "-c", PROGRAM, ns, step], check=True, timeout=60)


class Odd(TypedDict):
    a: int
    b: int
    half: float


@pxt.iterator(unstored_cols=["half"])
class Odds(pxt.PxtIterator[Odd]):
    def __init__(self, n: int) -> None:
        CALLS.append("begin")
        self.numbers = iter(range(n))

    def __next__(self) -> Odd:
        number = next(self.numbers)
        return {"a": number, "b": -number, "half": number}

    def seek(self, pos: int, *, a: int, b: int) -> None:
        assert (a, b) == (pos, -pos)
        self.numbers = iter(range(pos, 1000))

    @classmethod
    def conditional_output_schema(cls, bound_args: dict) -> dict[str, type]:  # noqa: ARG003
        return SCHEMA


SCHEMA: dict[str, type] = {"half": float, "b": int, "a": int}


def test_outputs_go_by_the_declaration(ns: str, t: pxt.Table, monkeypatch) -> None:
    v = pxt.create_view(f"{ns}/o", t, iterator=Odds(t.n))
    found = rows(v.where(v.n == 2).order_by(v.pos, asc=False).select(v.a, v.half))
    assert found == [(1, 1.0), (0, 0.0)]
    assert {type(half) for _, half in found} == {float}
    with pytest.raises(pxt.RequestError, match="is made by the iterator"):
        v.drop_column("half")
    monkeypatch.setitem(SCHEMA, "more", int)
    with pytest.raises(pxt.RequestError, match="have to be the same"):
        Odds(t.n)


def test_rows_of_one_list_share_an_instance(ns: str) -> None:
    t = pxt.create_table(f"{ns}/j", {"items": pxt.Json})
    t.insert(items=[{"a": n} for n in range(50)])
    v = pxt.create_view(f"{ns}/js", t, iterator=of_json(t.items))
    CALLS.clear()
    assert rows(v.select(v.word)) == [(str(n),) for n in range(50)]
    assert CALLS == ["begin"]


@pxt.iterator(unstored_cols=["word"])
def of_json(items: pxt.Json) -> Iterator[Word]:
    CALLS.append("begin")
    yield from ({"word": str(item["a"]), "length": 1} for item in items)
