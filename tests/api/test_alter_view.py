"""Altering a view's filter, and the arguments of its iterator: only what changes is computed."""

import threading
from collections.abc import Callable, Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable.session import view_alteration

CALLS: list[str] = []
ENTERED, GO = threading.Event(), threading.Event()


class Piece(TypedDict):
    piece: str


class Other(TypedDict):
    number: int


@pxt.iterator
def pieces(text: str, size: int = 2) -> Iterator[Piece]:
    CALLS.append(f"pieces {text}")
    yield from ({"piece": text[start : start + size]} for start in range(0, len(text), size))


@pxt.iterator
def numbers(text: str) -> Iterator[Other]:
    yield from ({"number": number} for number in range(len(text)))


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    return f"{s}!"


@pxt.udf
def slow(n: int) -> int:
    if n == 50:
        ENTERED.set()
        GO.wait(30)
    return n


@pxt.udf
def is_odd(n: int) -> bool:
    if n < 0:
        raise ValueError("negative")
    return n % 2 == 1


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String}, primary_key="n")
    t.insert({"n": n, "s": f"s{n}"} for n in range(6))
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.View:
    v = pxt.create_view(f"{ns}/v", t.where(t.n < 3), additional_columns={"loud": shout(t.s), "note": pxt.String | None})
    v.update({"note": "mine"}, where=v.n >= 1)
    CALLS.clear()
    return v


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_rows_that_stay_keep_their_cells(t: pxt.Table, v: pxt.View) -> None:
    status = v.alter_view(where=(t.n > 1) & (t.n < 5))
    assert rows(v.select(v.n, v.loud, v.note)) == [(2, "s2!", "mine"), (3, "s3!", None), (4, "s4!", None)]
    assert CALLS == ["s3", "s4"]
    stats = status.row_count_stats
    assert (stats.ins_rows, stats.del_rows, stats.upd_rows) == (2, 2, 0)
    assert "n > 1" in v.get_metadata()["view_filter"]
    t.insert([{"n": 10, "s": "x"}, {"n": -1, "s": "y"}])
    t.update({"s": "new"}, where=t.n == 4)
    assert rows(v.select(v.n, v.loud)) == [(2, "s2!"), (3, "s3!"), (4, "new!")]


def test_a_filter_that_runs_in_python(t: pxt.Table, v: pxt.View) -> None:
    v.alter_view(where=is_odd(t.n))
    assert rows(v.select(v.n, v.note)) == [(1, "mine"), (3, None), (5, None)]
    v.alter_view(where=None)
    assert rows(v.select(v.n, v.note)) == [(0, None), (1, "mine"), (2, None), (3, None), (4, None), (5, None)]


def test_a_filter_that_fails_changes_nothing(t: pxt.Table, v: pxt.View) -> None:
    t.insert(n=-1, s="x")
    before = rows(v), v.get_versions()
    with pytest.raises(pxt.RequestError, match="negative"):
        v.alter_view(where=is_odd(t.n))
    assert (rows(v), v.get_versions()) == before


def test_it_is_a_version(t: pxt.Table, v: pxt.View) -> None:
    before, version = rows(v), v.get_versions()[0]["version"]
    v.alter_view(where=t.n > 3)
    after = rows(v)
    newest = v.get_versions()[0]
    assert (newest["version"], newest["change_type"], newest["inserts"], newest["deletes"]) == (
        version + 1, "schema", 2, 3,
    )  # fmt: skip
    assert rows(v.at(version=version)) == before
    v.revert()
    assert (rows(v), v.get_versions()[0]["version"]) == (before, version)
    t.insert(n=-5, s="x")
    assert v.count() == 4
    v.alter_view(where=t.n > 3)
    assert rows(v) == after
    assert v.alter_view(where=t.n > 3).num_rows == 0
    t.insert(n=-7, s="x")
    with pytest.raises(pxt.RequestError, match="what decides which rows it has"):
        v.revert()


def test_views_over_it_follow(ns: str, t: pxt.Table, v: pxt.View) -> None:
    w = pxt.create_view(f"{ns}/w", v.where(v.n != 2), additional_columns={"louder": shout(v.loud)})
    v.add_embedding_index("loud", idx_name="ix", string_embed=vector)
    CALLS.clear()
    v.alter_view(where=(t.n >= 1) & (t.n <= 3))
    assert rows(w.select(w.n, w.louder)) == [(1, "s1!!"), (3, "s3!!")]
    assert CALLS == ["s3", "s3!", "vector s3!"] or sorted(CALLS) == ["s3", "s3!", "vector s3!"]
    assert v.order_by(v.loud.similarity(string="x"), asc=False).limit(9).count() == 3


@pxt.udf
def vector(s: str) -> pxt.Array[(2,), pxt.Float]:
    CALLS.append(f"vector {s}")
    return [float(len(s)), 1.0]


def test_an_iterator_is_called_with_other_arguments(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(
        f"{ns}/p", t.where(t.n < 2), iterator=pieces(t.s), additional_columns={"note": pxt.String | None}
    )
    t.update({"s": "abcd"}, where=t.n == 1)
    v.update({"note": v.piece})
    v.alter_view(iterator=pieces(t.s, size=3))
    assert rows(v.select(v.n, v.pos, v.piece, v.note)) == [(0, 0, "s0", "s0"), (1, 0, "abc", None), (1, 1, "d", None)]
    v.alter_view(iterator=pieces(t.s, size=2), where=t.n == 1)
    assert rows(v.select(v.n, v.piece, v.note)) == [(1, "ab", None), (1, "cd", None)]
    t.update({"s": "xyz"}, where=t.n == 1)
    assert rows(v.select(v.piece)) == [("xy",), ("z",)]
    CALLS.clear()
    v.alter_view(where=t.n < 2)
    assert CALLS == ["pieces s0"]
    assert rows(v.select(v.n, v.piece)) == [(0, "s0"), (1, "xy"), (1, "z")]


def test_what_does_not_fit_is_refused(ns: str, t: pxt.Table, v: pxt.View) -> None:
    p = pxt.create_view(f"{ns}/p", t, iterator=pieces(t.s))
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: p.alter_view(iterator=numbers(t.s)), "outputs are number"),
        (lambda: v.alter_view(iterator=pieces(t.s)), "gain or lose an iterator"),
        (lambda: v.alter_view(iterator="x"), "is a call of a function declared"),
        (lambda: v.alter_view(where=t.n), "Bool"),
        (lambda: v.alter_view(where=v.note == "x"), "note"),
    ]
    for call, message in calls:
        with pytest.raises(pxt.RequestError, match=message):
            call()
    with pytest.raises(pxt.RequestError, match="snap"):
        pxt.create_snapshot(f"{ns}/snap", v).alter_view(where=None)


def test_a_change_of_names_is_no_other_filter(t: pxt.Table, v: pxt.View) -> None:
    t.rename_column("n", "number")
    assert v.alter_view(where=t.number < 3).num_rows == 0
    v.alter_view(where=t.number < 4)
    assert v.count() == 4


def test_others_write_meanwhile(t: pxt.Table, v: pxt.View, monkeypatch) -> None:
    changes, done = view_alteration._changes, []  # noqa: SLF001  # between computing and writing

    def write_too(*args):
        found = changes(*args)
        if len(done) < 2:
            done.append(True)
            thread = threading.Thread(target=lambda: t.insert([{"n": 100 + len(done), "s": "x"}]))
            thread.start()
            thread.join()
        return found

    monkeypatch.setattr(view_alteration, "_changes", write_too)
    v.alter_view(where=t.n > 4)
    assert rows(v.select(v.n)) == [(5,), (101,), (102,)]


def test_an_insert_that_was_planned_before_plans_again(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(slow=slow(t.n))
    v = pxt.create_view(f"{ns}/few", t.where(t.n < 3))
    thread = threading.Thread(target=lambda: t.insert(n=50, s="x"))
    thread.start()
    ENTERED.wait(30)
    v.alter_view(where=t.n > 4)
    GO.set()
    thread.join()
    assert rows(v.select(v.n)) == [(5,), (50,)]


def test_what_only_a_query_knows_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.add_computed_column(c=shout(t.s))
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1))
    p = pxt.create_view(f"{ns}/p", t, iterator=pieces(t.s))
    for call in (
        lambda: v.alter_view(where=t.n.isin(t.select(t.n))),
        lambda: v.alter_view(where=t.c.errortype == None),  # noqa: E711  # builds an expression
        lambda: p.alter_view(iterator=pieces(t.c.errormsg)),
        lambda: pxt.create_view(f"{ns}/q", t, iterator=pieces(t.c.errormsg)),
    ):
        with pytest.raises(pxt.RequestError, match="known only when a query runs"):
            call()
    t.insert(n=2, s="x")
    assert (v.count(), p.count()) == (1, 1)


@pxt.iterator
def fragile(text: str, bad: str = "") -> Iterator[Piece]:
    if text == bad:
        raise ValueError(f"no {text}")
    yield {"piece": text}


def test_an_iterator_that_fails_takes_no_rows_along(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/p", t, iterator=fragile(t.s, "s5"), additional_columns={"note": pxt.String | None})
    assert (v.count(), len(v.errors())) == (5, 1)
    v.update({"note": "mine"})
    before = rows(v)
    with pytest.raises(pxt.RequestError, match="no s2"):
        v.alter_view(iterator=fragile(t.s, "s2"))
    assert rows(v) == before
    v.alter_view(iterator=fragile(t.s, "s7"))
    assert (v.count(), len(v.errors()), v.where(v.note == "mine").count()) == (6, 0, 5)


def test_an_old_filter_that_fails_is_not_in_the_way(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/p", t.where(is_odd(t.n)), iterator=pieces(t.s))
    t.insert([{"n": -1, "s": "x"}], on_error="ignore")
    v.alter_view(iterator=pieces(t.s, size=1))
    assert v.count() == 6
    with pytest.raises(pxt.RequestError, match="negative"):
        v.alter_view(where=is_odd(t.n) & (t.n < 100))


def test_columns_of_the_base_seen_through_the_view(v: pxt.View) -> None:
    v.alter_view(where=v.n > 3)
    assert rows(v.select(v.n)) == [(4,), (5,)]
