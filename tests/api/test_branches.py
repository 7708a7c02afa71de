"""Branches: copies that go their own ways, and are merged back by what became of their rows."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import MergeConflict
from pixeltable.session import merging

CALLS: list[str] = []


@pxt.udf
def size(s: str) -> int:
    CALLS.append(s)
    return 12 // (4 - len(s)) if len(s) == 4 else len(s)


@pxt.udf
def letters(text: str) -> pxt.Array[(3,), pxt.Float]:  # type: ignore[valid-type]
    CALLS.append(text)
    return np.array([text.count("a"), text.count("b"), 1], np.float32)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"k": pxt.Int, "s": pxt.String, "n": pxt.Int | None}, primary_key="k")
    t.add_computed_column(size=size(t.s))
    t.insert([{"k": k, "s": "x" * k, "n": k} for k in range(6)], on_error="ignore")
    t.add_computed_column(twice=t.size * 2 + t.n, on_error="ignore")
    CALLS.clear()
    return t


def rows(t: pxt.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in t.collect()]


def by_key(t: pxt.Table, k: int) -> dict[str, Any]:
    (row,) = t.where(t.k == k).collect()
    return dict(row)


def test_a_branch_begins_as_the_table_is(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    assert rows(b) == rows(t)
    assert CALLS == []
    assert b.get_metadata()["branch_of"] == f"{ns}/t"
    assert t.get_metadata()["branch_of"] is None
    assert f"a branch of '{ns}/t'" in repr(b)
    assert b.get_versions()[0]["inserts"] == 6
    assert b.errors().to_pandas().drop(columns="at").equals(t.errors().to_pandas().drop(columns="at"))
    assert b.where(b.size.errortype == "ZeroDivisionError").select(b.k).collect()["k"] == [4]


def test_both_go_their_own_ways(t: pxt.Table, ns: str) -> None:
    before = rows(t)
    b = t.branch(f"{ns}/b")
    b.update({"s": "changed"}, where=b.k == 1)
    b.delete(where=b.k == 2)
    b.insert([{"k": 9, "s": "new"}])
    assert rows(t) == before
    assert by_key(b, 1)["size"] == 7
    t.delete()
    assert b.count() == 6
    with pytest.raises(pxt.Error, match="already exists"):
        b.insert([{"k": 9, "s": "again"}])


def test_what_was_done_in_a_branch(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    assert len(b.diff()) == 0
    b.update({"n": 7}, where=b.k == 1)
    b.delete(where=b.k == 2)
    b.insert([{"k": 9, "s": "new"}])
    found = b.diff()
    assert list(zip(found["change"], found["k"], found["columns"], strict=True)) == [
        ("updated", 1, ["n", "twice"]), ("deleted", 2, []), ("inserted", 9, []),
    ]  # fmt: skip
    b.merge()
    assert len(b.diff()) == 0
    with pytest.raises(pxt.RequestError, match="takes the version"):
        t.diff()


def test_a_merge_does_it_to_the_table_in_one_version(t: pxt.Table, ns: str) -> None:
    view = pxt.create_view(f"{ns}/v", t.where(t.n > 2), additional_columns={"half": t.n // 2})
    b = t.branch(f"{ns}/b")
    b.update({"n": 7}, where=b.k == 1)
    b.update({"s": "zz"}, where=b.k == 5)
    b.delete(where=b.k == 3)
    b.insert([{"k": 9, "s": "new", "n": 8}])
    CALLS.clear()
    before, versions = rows(t), len(t.get_versions())
    status = b.merge()
    assert CALLS == []  # what the branch has computed holds here too
    assert (status.row_count_stats.ins_rows, status.row_count_stats.upd_rows, status.row_count_stats.del_rows) == (
        1,
        2,
        1,
    )
    assert rows(t) == rows(b)
    assert len(t.get_versions()) == versions + 1
    assert t.get_versions()[0]["note"] == f"merged from '{ns}/b'"
    assert sorted(view.select(view.k, view.half).collect()["k"]) == [1, 4, 5, 9]
    t.revert()
    assert rows(t) == before
    assert sorted(view.collect()["k"]) == [3, 4, 5]
    b.merge()  # from where they were the same last
    assert rows(t) == rows(b)


def test_a_merge_that_was_not_noted_finds_all_done(t: pxt.Table, ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    b = t.branch(f"{ns}/b")
    b.update({"n": 7}, where=b.k == 1)
    b.delete(where=b.k == 2)
    b.insert([{"k": 9, "s": "new"}])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            b.merge()
    versions = len(t.get_versions())
    assert len(b.diff()) == 3
    b.merge()
    assert len(b.diff()) == 0
    assert len(t.get_versions()) == versions
    assert rows(t) == rows(b)


def test_columns_of_a_row_are_merged_one_by_one(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    b.update({"s": "branch"}, where=b.k == 1)
    t.update({"n": 70}, where=t.k == 1)
    CALLS.clear()
    b.merge()
    assert by_key(t, 1) == {"k": 1, "s": "branch", "n": 70, "size": 6, "twice": 82}
    assert CALLS == []
    assert by_key(b, 1)["n"] == 1


def test_the_same_value_on_both_sides_is_no_conflict(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    for side in (t, b):
        side.update({"s": "same"}, where=side.k == 1)
        side.delete(where=side.k == 2)
        side.insert([{"k": 9, "s": "new", "n": 1}])
    versions = len(t.get_versions())
    b.merge()
    assert len(t.get_versions()) == versions


CONFLICTS: dict[str, tuple[Callable[[pxt.Table], Any], Callable[[pxt.Table], Any], dict[str, Any], list[Any]]] = {
    "both updated": (
        lambda b: b.update({"s": "b", "n": 1}, where=b.k == 3),
        lambda t: t.update({"s": "t"}, where=t.k == 3),
        {"key": {"k": 3}, "branch": "updated", "base": "updated", "columns": ["s"]},
        [(3, "t", 1)],
    ),
    "updated and deleted": (
        lambda b: b.update({"n": 9}, where=b.k == 3),
        lambda t: t.delete(where=t.k == 3),
        {"key": {"k": 3}, "branch": "updated", "base": "deleted", "columns": ["n"]},
        [],
    ),
    "deleted and updated": (
        lambda b: b.delete(where=b.k == 3),
        lambda t: t.update({"n": 9}, where=t.k == 3),
        {"key": {"k": 3}, "branch": "deleted", "base": "updated", "columns": ["n"]},
        [(3, "xxx", 9)],
    ),
    "the same key": (
        lambda b: b.insert([{"k": 3 + 8, "s": "b", "n": 1}]),
        lambda t: t.insert([{"k": 3 + 8, "s": "t", "n": 1}]),
        {"key": {"k": 11}, "branch": "inserted", "base": "inserted", "columns": ["s"]},
        [(11, "t", 1)],
    ),
}


@pytest.mark.parametrize(("in_branch", "in_base", "expected", "kept"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_conflicts(
    t: pxt.Table, ns: str, in_branch: Any, in_base: Any, expected: dict[str, Any], kept: list[Any]
) -> None:
    b = t.branch(f"{ns}/b")
    in_branch(b)
    b.update({"s": "besides"}, where=b.k == 0)
    in_base(t)
    before = rows(t)
    with pytest.raises(MergeConflict, match=f"k={expected['key']['k']}") as raised:
        b.merge()
    assert raised.value.conflicts == [expected]
    assert rows(t) == before
    b.merge(on_conflict="base")
    assert by_key(t, 0)["s"] == "besides"
    assert [row[:3] for row in rows(t) if row[0] == expected["key"]["k"]] == kept
    t.revert()
    b.merge(on_conflict="branch")
    assert sorted(rows(t)) == sorted(rows(b))


def test_rows_without_a_key_are_known_by_their_ids(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}, {"n": 2}])
    b = t.branch(f"{ns}/b")
    for side, value in ((t, 10), (b, 20)):
        side.update({"n": value}, where=side.n == 2)
        side.insert([{"n": 3}])
    with pytest.raises(MergeConflict, match="_rowid="):
        b.merge()
    b.merge(on_conflict="branch")
    assert sorted(t.collect()["n"]) == [1, 3, 3, 20]


def test_a_branch_of_a_version_and_of_a_branch(t: pxt.Table, ns: str) -> None:
    t.tag("first")
    t.delete(where=t.k > 2)
    b = t.at(version="first").branch(f"{ns}/b")
    assert b.count() == 6
    c = b.branch(f"{ns}/c")
    c.update({"s": "c"}, where=c.k == 0)
    c.merge()
    b.merge()
    assert by_key(t, 0)["s"] == "c"
    assert t.count() == 3


def test_vectors_are_copied(t: pxt.Table, ns: str) -> None:
    t.insert([{"k": 20, "s": "aaa"}, {"k": 21, "s": "bbb"}])
    t.add_embedding_index("s", embedding=letters)
    t.add_btree_index("n")
    CALLS.clear()
    b = t.branch(f"{ns}/b")
    assert CALLS == []
    near = b.order_by(b.s.similarity(string="aa"), asc=False).limit(1).select(b.k)
    assert near.collect()["k"] == [20]
    b.update({"s": "ab"}, where=b.k == 21)
    assert b.order_by(b.s.similarity(string="ab"), asc=False).limit(1).select(b.k).collect()["k"] == [21]
    assert len(b.get_metadata()["indexes"]) == 2
    b.merge()
    assert t.order_by(t.s.similarity(string="ab"), asc=False).limit(1).select(t.k).collect()["k"] == [21]


def test_a_table_needs_nothing_of_its_branch(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    b.update({"n": 50}, where=b.k == 1)
    t.revert()
    t.insert([{"k": 7, "s": "later"}])
    t.vacuum(keep_versions=1)
    b.merge()
    assert by_key(t, 1) == {"k": 1, "s": "x", "n": 50, "size": 1}


def test_versions_that_a_branch_needs_stay(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    b.insert([{"k": 7, "s": "later"}])
    with pytest.raises(pxt.RequestError, match=f"what branch '{ns}/b' began with"):
        b.vacuum(keep_versions=1)
    b.revert()
    with pytest.raises(pxt.RequestError, match="version 0"):
        b.revert()
    pxt.drop_table(b)


def test_what_the_branch_never_saw_is_not_overwritten(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    t.update({"n": 10}, where=t.k == 1)
    b.update({"s": "b"}, where=b.k == 2)
    b.merge()
    b.update({"n": 20}, where=b.k == 1)  # made of what the table was before
    with pytest.raises(MergeConflict, match="k=1"):
        b.merge()
    b.merge(on_conflict="base")
    b.delete(where=b.k == 1)
    with pytest.raises(MergeConflict, match="deleted in the branch, updated in the base"):
        b.merge()


def test_a_branch_outlives_its_table(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    pxt.drop_table(t)
    assert b.count() == 6
    assert len(b.diff()) == 0
    with pytest.raises(pxt.RequestError, match="was dropped"):
        b.merge()
    b.insert([{"k": 8, "s": "extra"}])
    assert b.get_metadata()["branch_of"] is None
    pxt.drop_table(b)


OTHER_COLUMNS: dict[str, tuple[Callable[[pxt.Table], Any], str]] = {
    "added": (lambda b: b.add_column(m=pxt.Int | None), "column 'm' was added to it"),
    "dropped": (lambda b: b.drop_column("twice"), "'twice' was dropped from it"),
    "altered": (lambda b: b.alter_computed_column(size=b.n + 1), "'size' was altered in it"),
}


@pytest.mark.parametrize(("change", "fact"), OTHER_COLUMNS.values(), ids=OTHER_COLUMNS.keys())
def test_other_columns_are_not_merged(t: pxt.Table, ns: str, change: Any, fact: str) -> None:
    b = t.branch(f"{ns}/b")
    change(b)
    with pytest.raises(pxt.RequestError, match=fact):
        b.merge()


def test_a_computed_column_that_both_have_got(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    for side in (t, b):
        side.add_computed_column(shout=pxtf.string.upper(side.s))
    b.insert([{"k": 9, "s": "new"}])
    b.merge()
    assert by_key(t, 9)["shout"] == "NEW"


def test_columns_that_the_table_has_got(t: pxt.Table, ns: str) -> None:
    b = t.branch(f"{ns}/b")
    t.add_column(m={"type": pxt.Int, "default": 5})
    t.rename_column("s", "text")
    b.insert([{"k": 9, "s": "new"}])
    b.update({"s": "other"}, where=b.k == 0)
    b.merge()
    assert (by_key(t, 9)["m"], by_key(t, 9)["text"], by_key(t, 0)["text"]) == (5, "new", "other")


def test_what_cannot_be_branched_or_merged(t: pxt.Table, ns: str) -> None:
    view = pxt.create_view(f"{ns}/v", t.where(t.n > 2))
    with pytest.raises(pxt.RequestError, match="is a view"):
        view.branch(f"{ns}/b")
    with pytest.raises(pxt.RequestError, match="is no branch"):
        t.merge()
    b = t.branch(f"{ns}/b")
    with pytest.raises(pxt.AlreadyExistsError):
        t.branch(f"{ns}/b")
    assert t.branch(f"{ns}/b", if_exists="ignore") == b
    with pytest.raises(pxt.NotFoundError):
        t.branch(f"{ns}/nowhere/b")
    with pytest.raises(pxt.RequestError, match="transaction"), pxt.transaction():
        b.merge()
    with pytest.raises(pxt.RequestError, match="on_conflict"):
        b.merge(on_conflict="mine")
    with pytest.raises(pxt.RequestError, match="version"):
        b.at(version=0).merge()


def test_merges_beside_writers(t: pxt.Table, ns: str) -> None:
    t.insert([{"k": k, "s": "row", "n": 0} for k in range(100, 200)])
    b = t.branch(f"{ns}/b")
    b.update({"s": "merged"}, where=b.k >= 100)
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for k in range(100 + number, 200, 2):
                t.update({"n": t.n + 1}, where=t.k == k)
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        try:
            b.merge()
            break
        except pxt.ConcurrencyError:
            continue
    for writer in writers:
        writer.join()
    b.merge()
    assert failed == []
    found = t.where(t.k >= 100).select(t.s, t.n).collect()
    assert set(found["s"]) == {"merged"}
    assert set(found["n"]) == {1}


def test_a_row_that_is_changed_while_it_is_merged(t: pxt.Table, ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    t.add_column(m=pxt.Int | None)  # in a heap of its own
    b = t.branch(f"{ns}/b")
    b.delete(where=b.k == 1)
    original, waiting = merging._Merging._find_keys, [1]  # noqa: SLF001  # after the rows were compared

    def late(self: Any) -> None:
        if waiting:
            waiting.pop()
            t.update({"m": 5}, where=t.k == 1)
        original(self)

    monkeypatch.setattr(merging._Merging, "_find_keys", late)  # noqa: SLF001  # as above
    with pytest.raises(MergeConflict, match="deleted in the branch, updated in the base"):
        b.merge()
    assert by_key(t, 1)["m"] == 5


def test_two_merges_at_once(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(50)])
    b = t.branch(f"{ns}/b")
    b.insert([{"n": n} for n in range(50, 100)])
    b.delete(where=b.n < 10)
    failed: list[BaseException] = []

    def merge() -> None:
        try:
            b.merge()
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(t.collect()["n"]) == list(range(10, 100))
