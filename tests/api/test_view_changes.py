"""Views follow their base through updates, deletes, recomputation and revert."""

from collections.abc import Iterator
from itertools import count
from typing import TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.session import change as change_module
from pixeltable.session import views

CALLS: list[str] = []


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    return f"{s}!"


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.add_computed_column(low=t.n % 3)
    t.insert({"n": n, "s": f"s{n}"} for n in range(6))
    return t


@pytest.fixture
def v(ns: str, t: pxt.Table) -> pxt.Table:
    columns = {"loud": shout(t.s), "note": pxt.String | None}
    return pxt.create_view(f"{ns}/v", t.where(t.low > 0), additional_columns=columns)


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_rows_leave_and_come_as_the_filter_says(t: pxt.Table, v: pxt.Table) -> None:
    assert rows(v.select(v.n)) == [(1,), (2,), (4,), (5,)]
    status = t.update({"n": t.n + 1})
    assert rows(v.select(v.n, v.loud)) == [(1, "s0!"), (2, "s1!"), (4, "s3!"), (5, "s4!")]
    assert (status.cascade_row_count_stats.ins_rows, status.cascade_row_count_stats.del_rows) == (2, 2)


def test_cells_are_computed_again_only_where_they_depend_on_what_changed(t: pxt.Table, v: pxt.Table) -> None:
    v.update({"note": "mine"}, where=v.n == 4)
    CALLS.clear()
    t.update({"n": 7}, where=t.n == 4)
    assert CALLS == []
    t.update({"s": "new"}, where=t.n == 7)
    assert CALLS == ["new"]
    assert rows(v.where(v.n == 7).select(v.loud, v.note)) == [("new!", "mine")]


def test_deleted_rows_leave(t: pxt.Table, v: pxt.Table) -> None:
    status = t.delete(where=t.n > 3)
    assert rows(v.select(v.n)) == [(1,), (2,)]
    assert status.num_rows == 4
    t.delete()
    assert v.count() == 0


def test_views_of_views_follow(ns: str, t: pxt.Table, v: pxt.Table) -> None:
    w = pxt.create_view(f"{ns}/w", v.where(is_odd(v.n)), additional_columns={"louder": shout(v.loud)})
    assert rows(w.select(w.n, w.louder)) == [(1, "s1!!"), (5, "s5!!")]
    t.update({"n": t.n + 2})
    assert rows(w.select(w.n, w.louder)) == [(5, "s3!!"), (7, "s5!!")]
    t.update({"s": "x"}, where=t.n == 5)
    assert rows(w.select(w.n, w.louder)) == [(5, "x!!"), (7, "s5!!")]
    v.update({"note": "y"})
    t.delete(where=t.n == 5)
    assert rows(w.select(w.n, w.note)) == [(7, "y")]


def test_what_is_computed_from_a_column_that_is_not_stored_follows(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(next=t.n + 1, stored=False)
    v = pxt.create_view(f"{ns}/v", t.where(t.next > 3), additional_columns={"double": t.next * 2})
    v.add_computed_column(more=v.double + 1, stored=False)
    w = pxt.create_view(f"{ns}/w", v, additional_columns={"most": v.more + 1})
    t.update({"n": t.n + 10}, where=t.n > 4)
    assert rows(w.select(w.n, w.double, w.more, w.most)) == [(n, d := 2 * n + 2, d + 1, d + 2) for n in (3, 4, 15)]


def test_rows_come_through_a_view_that_had_none(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 9), additional_columns={"double": t.n * 2})
    w = pxt.create_view(f"{ns}/w", v.where(v.double > 20))
    t.update({"n": t.n + 10}, where=t.n < 2)
    assert rows(w.select(w.n, w.double)) == [(11, 22)]


def test_a_recomputed_column_changes_who_is_in_the_view(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(calls=calls(t.n))
    v = pxt.create_view(f"{ns}/v", t.where(t.calls > 6))
    assert v.count() == 0
    t.recompute_columns("calls")
    assert v.count() == 6


SEEN: list[int] = []


@pxt.udf
def calls(n: int) -> int:
    SEEN.append(n)
    return len(SEEN)


def test_revert_takes_back_what_came_with_the_operation(t: pxt.Table, v: pxt.Table) -> None:
    before = rows(v)
    t.insert(n=7, s="x")
    t.update({"n": t.n + 1})
    t.delete(where=t.n > 2)
    for _ in range(3):
        t.revert()
    assert rows(v) == before
    assert [version["version"] for version in v.get_versions()] == [0]


@pytest.mark.usefixtures("v")
def test_what_a_view_was_made_of_cannot_be_reverted(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"its view '.*/v' was made since"):
        t.revert()


def test_what_a_view_went_along_with_is_reverted_after_its_own_changes(t: pxt.Table, v: pxt.Table) -> None:
    t.insert(n=7, s="x")
    v.add_computed_column(more=shout(v.loud))
    with pytest.raises(pxt.RequestError, match=r"its view '.*/v' was changed since"):
        t.revert()
    v.revert()
    with pytest.raises(pxt.RequestError, match=r"was one on its base"):
        v.revert()
    t.revert()
    assert v.count() == 4


def test_an_operation_that_did_not_reach_a_view_is_reverted_after_its_changes(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t)
    t.update({"n": t.n + 10})
    v.add_computed_column(double=v.n * 2)
    with pytest.raises(pxt.RequestError, match=r"its view '.*/v' was changed since"):
        t.revert()
    v.revert()
    t.revert()
    assert rows(v.select(v.n)) == [(n,) for n in range(6)]


@pytest.mark.parametrize(
    "change", [lambda t: t.update({"n": 9}), lambda t: t.drop_column("low")], ids=["data", "column"]
)
def test_a_column_of_a_view_does_not_come_back_after_its_base_was_changed(ns: str, t: pxt.Table, change) -> None:
    v = pxt.create_view(f"{ns}/v", t)
    v.add_computed_column(double=v.low * 2)
    v.drop_column("double")
    change(t)
    with pytest.raises(pxt.RequestError, match=r"'double' would come back as computed before its base '.*/t' was"):
        v.revert()
    t.revert()
    v.revert()
    assert v.select(v.double).collect()["double"] == [0, 2, 4, 0, 2, 4]


def test_a_column_that_a_view_needs_cannot_be_dropped(t: pxt.Table, v: pxt.Table) -> None:
    for name in ("low", "s"):
        with pytest.raises(pxt.RequestError, match=r"view '.*/v' depends on it"):
            t.drop_column(name)
    with pytest.raises(pxt.RequestError, match="comes from its base"):
        v.drop_column("n")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(st.integers(0, 9), min_size=1, max_size=4)),
        st.tuples(st.just("set"), st.tuples(st.integers(0, 9), st.integers(0, 9))),
        st.tuples(st.just("add"), st.integers(1, 3)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("merge"), st.dictionaries(st.integers(0, 8), st.integers(0, 9), min_size=1, max_size=4)),
        st.tuples(st.just("restore"), st.integers(0, 9)),
        st.tuples(st.just("revert"), st.just(0)),
    ),
    max_size=8,
)


def change(t: pxt.Table, kind: str, value, keys: Iterator[int]) -> None:
    """One step; the keys of a batch are those of rows that are there, or of rows to add."""
    if kind == "insert":
        t.insert({"k": next(keys), "n": n} for n in value)
    elif kind == "set":
        t.update({"n": value[1]}, where=t.n == value[0])
    elif kind == "add":
        t.update({"n": t.n + value}, where=t.n < 5)
    elif kind == "merge":
        batch = [{"k": k, "x": n} if k in (1, 3) and n > 4 else {"k": k, "n": n} for k, n in value.items()]
        t.batch_update([{"n": 0, **row} if row["k"] == 3 else row for row in batch], if_not_exists="insert")
    elif kind == "restore":
        t.restore(value % len(t.get_versions()))
    elif kind == "delete":
        t.delete(where=t.n == value)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_view_equals_its_definition_after_any_operations(ns: str, steps) -> None:
    columns = {"k": pxt.Int, "n": {"type": pxt.Int, "default": 7}, "x": pxt.Int | None}
    t = pxt.create_table(f"{ns}/p", columns, primary_key="k", if_exists="replace_force")
    t.insert({"k": n, "n": n} for n in range(5))
    v = pxt.create_view(f"{ns}/q", t.where(t.n % 3 > 0), additional_columns={"double": t.n * 2})
    w = pxt.create_view(f"{ns}/r", v.where(is_odd(v.n)), additional_columns={"more": v.double + 1, "y": v.x})
    sample = v.where(v.n > 1).sample(fraction=0.5, seed=1)
    half = pxt.create_view(f"{ns}/half", sample, additional_columns={"less": v.double - 1})
    done, keys = 0, count(100)
    for kind, value in steps:
        before = t.get_versions()[0]["version"]
        if kind != "revert":
            change(t, kind, value, keys)
        elif done:
            t.revert()
        done += t.get_versions()[0]["version"] - before
        kept = [(k, n, x) for k, n, x in rows(t) if n % 3 > 0]
        assert rows(v.select(v.k, v.n, v.double)) == [(k, n, n * 2) for k, n, _ in kept]
        assert rows(w.select(w.k, w.n, w.more, w.y)) == [(k, n, n * 2 + 1, x) for k, n, x in kept if n % 2]
        assert rows(half.select(half.k, half.less)) == rows(sample.select(v.k, v.double - 1))


@pytest.mark.parametrize("exploded", [False, True])
def test_writes_that_come_while_a_view_is_made_are_in_it_once(ns: str, monkeypatch, exploded: bool) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert({"n": n, "s": f"a{n} b{n}"} for n in range(1000))
    append, written = views._append, []  # noqa: SLF001  # writes come between reading a page and appending it

    def write_first(*args):
        if len(written) < 4:
            number = len(written)
            written.append(number)
            t.insert(n=2000 + number, s="new row")
            t.update({"n": -1, "s": "gone"}, where=t.n == number)
            t.update({"s": "changed cells"}, where=t.n == 10 + number)
            t.delete(where=t.n == 20 + number)
            t.update({"n": 5000 + number}, where=t.n == 990 + number)
        return append(*args)

    monkeypatch.setattr(views, "_append", write_first)
    iterator = words(t.s) if exploded else None
    v = pxt.create_view(f"{ns}/v", t.where(t.n >= 0), iterator=iterator, additional_columns={"loud": shout(t.s)})
    assert len(written) == 4
    kept = [(n, s) for n, s in rows(t) if n >= 0]
    expected = [(n, f"{s}!", word) for n, s in kept for word in (s.split() if exploded else [None])]
    found = v.select(v.n, v.loud, v.word) if exploded else v.select(v.n, v.loud, x=None)
    assert rows(found) == expected


@pytest.mark.parametrize("exploded", [False, True])
@pytest.mark.parametrize("new", [{"s": "new cells"}, {"n": -1}, {"n": 2000}, {"x": 5}])
def test_rows_that_a_view_gets_while_a_writer_computes_follow_it(ns: str, monkeypatch, exploded: bool, new) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String, "x": pxt.Int})
    t.insert({"n": n, "s": f"a{n} b{n}", "x": n} for n in range(-1, 5))
    append, write, appended = views._append, change_module.write_change, []  # noqa: SLF001  # what is between the two

    def update_meanwhile(*args):
        if appended:
            return append(*args)

        def append_first(*written):
            if not appended:
                appended.append(append(*args))
            return write(*written)

        monkeypatch.setattr(change_module, "write_change", append_first)
        t.update(new, where=t.n < 3)
        return appended[0]

    monkeypatch.setattr(views, "_append", update_meanwhile)
    columns = {"loud": shout(t.s), "more": t.x + 1}
    v = pxt.create_view(
        f"{ns}/v", t.where(t.n >= 0), iterator=words(t.s) if exploded else None, additional_columns=columns
    )
    kept = [(n, s, x) for n, s, x in rows(t) if n >= 0]
    expected = [(n, f"{s}!", x + 1) for n, s, x in kept for _ in (s.split() if exploded else [None])]
    assert rows(v.select(v.n, v.loud, v.more)) == expected


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


def test_a_view_that_cannot_be_made_leaves_nothing(ns: str, t: pxt.Table, monkeypatch) -> None:
    monkeypatch.setattr(views, "_append", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pxt.create_view(f"{ns}/v", t)
    assert pxt.list_tables(ns) == [f"{ns}/t"]
    t.insert(n=1)


def test_a_view_that_a_process_died_over_is_made_anew(ns: str, t: pxt.Table, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(views, "_append", lambda *_: 1 / 0)
        patch.setattr(views, "_withdraw", lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            pxt.create_view(f"{ns}/v", t)
    t.insert(n=7, s="x")
    with pytest.raises(pxt.RequestError, match="not complete"):
        pxt.get_table(f"{ns}/v")
    assert pxt.create_view(f"{ns}/v", t).count() == 7
