"""Snapshots: tables, views and queries as they were, whatever becomes of their bases."""

from collections.abc import Callable, Iterator
from typing import TypedDict

import numpy as np
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        yield {"word": word}


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pxt.udf
def lengths(text: str) -> pxt.Array[(2,), pxt.Float]:
    return np.array([np.cos(len(text)), np.sin(len(text))], dtype=np.float32)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String | None}, primary_key="n")
    t.add_computed_column(low=t.n % 2)
    t.insert([{"n": 1, "text": "to be"}, {"n": 2, "text": "or"}, {"n": 3}])
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def change_everything(t: pxt.Table) -> None:
    t.update({"text": "changed"})
    t.delete(where=t.n == 2)
    t.insert(n=20, text="new here")
    t.rename_column("text", "words")
    t.add_column(note=pxt.String | None)
    t.drop_column("low")


def test_a_snapshot_is_the_table_as_it_was(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    before = rows(t)
    change_everything(t)
    assert snap.columns() == ["n", "text", "low"]
    assert rows(snap) == before == [(1, "to be", 1), (2, "or", 0), (3, None, 1)]
    assert snap.count() == 3
    assert rows(snap.where(snap.n > 1).select(snap.n, loud=shout(snap.text))) == [(2, "or!"), (3, None)]
    assert rows(pxt.get_table(f"{ns}/snap").order_by(snap.n, asc=False).limit(1).select(snap.low)) == [(1,)]
    assert rows(snap.group_by(snap.low).select(snap.low, total=pxtf.sum(snap.n))) == [(1, 4), (0, 2)]


def test_a_snapshot_beside_its_table(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    t.update({"text": "changed"}, where=t.n == 1)
    joined = t.join(snap, on=t.n == snap.n).where(t.text != snap.text)
    assert rows(joined.select(t.n, new=t.text, old=snap.text)) == [(1, "changed", "to be")]
    assert rows(snap.join(t, on=snap.n == t.n).where(snap.n == 1).select(snap.text, t.text)) == [("to be", "changed")]


def test_nothing_changes_a_snapshot(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    calls: list[Callable[[], object]] = [
        lambda: snap.insert(n=9), lambda: snap.update({"text": "x"}), lambda: snap.delete(), snap.revert,
        lambda: snap.where(snap.n == 1).delete(), lambda: snap.add_column(x=pxt.Int | None),
        lambda: snap.drop_column("text"), lambda: snap.rename_column("n", "m"), lambda: snap.low.recompute(),
        lambda: snap.batch_update([{"n": 1, "text": "x"}]), lambda: snap.add_btree_index("n"),
        lambda: snap.alter_column("n", type_=pxt.Float),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(pxt.RequestError, match=r"snapshot|a version"):
            call()
    assert rows(snap.select(snap.n)) == [(1,), (2,), (3,)]


def test_a_query_is_kept(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t.where(is_odd(t.n)).select(t.n, loud=shout(t.text)))
    change_everything(t)
    assert rows(snap) == [(1, "to be!"), (3, None)]
    assert snap.get_metadata()["view_filter"] == "is_odd(n)"


def test_columns_of_its_own(ns: str, t: pxt.Table) -> None:
    t.update({"text": "old"}, where=t.n == 3)
    columns = {"loud": shout(t.text), "note": pxt.String | None}
    snap = pxt.create_snapshot(f"{ns}/snap", t, additional_columns=columns)
    change_everything(t)
    assert rows(snap.select(snap.n, snap.loud, snap.note)) == [(1, "to be!", None), (2, "or!", None), (3, "old!", None)]


def test_rows_of_a_snapshot_are_exploded(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t.where(t.n < 3), iterator=words(t.text))
    change_everything(t)
    assert rows(snap.select(snap.n, snap.pos, snap.word)) == [(1, 0, "to"), (1, 1, "be"), (2, 0, "or")]


def test_views_are_kept(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1), additional_columns={"mine": pxt.String | None})
    exploded = pxt.create_view(f"{ns}/exploded", t, iterator=words(t.text))
    v.update({"mine": "yes"}, where=v.n == 2)
    kept = [pxt.create_snapshot(f"{ns}/snap_{name}", view) for name, view in (("v", v), ("e", exploded))]
    before = [rows(v), rows(exploded)]
    v.update({"mine": "no"})
    t.update({"text": "x y z"})
    t.delete(where=t.n == 2)
    assert [rows(snap) for snap in kept] == before
    assert before[0] == [("yes", 2, "or", 0), (None, 3, None, 1)]
    assert pxt.get_table(f"{ns}/snap_e").count() == 3


def test_a_version_of_the_past_is_kept(ns: str, t: pxt.Table) -> None:
    version = t.get_versions()[0]["version"]
    change_everything(t)
    old = t.at(version=version)
    snap = pxt.create_snapshot(f"{ns}/snap", old.where(old.n < 3))
    assert rows(snap.select(snap.n, snap.text)) == [(1, "to be"), (2, "or")]
    again = pxt.create_view(f"{ns}/again", old)
    assert again.get_metadata()["is_snapshot"]
    assert rows(again.select(again.n)) == [(1,), (2,), (3,)]


def test_a_version_of_a_view_is_kept_with_its_base_of_then(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1), additional_columns={"mine": pxt.Int | None})
    v.update({"mine": 1})
    old = v.at(version=v.get_versions()[0]["version"])
    t.update({"text": "later"})
    snap = pxt.create_snapshot(f"{ns}/snap", old)
    assert rows(snap.select(snap.mine, snap.text)) == rows(old.select(old.mine, old.text)) == [(1, "or"), (1, None)]


def test_snapshots_of_snapshots_and_views_over_them(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    of_it = pxt.create_snapshot(f"{ns}/of_it", snap.where(snap.n > 1))
    over = pxt.create_view(f"{ns}/over", snap, additional_columns={"loud": shout(snap.text)})
    change_everything(t)
    assert rows(of_it.select(of_it.n)) == [(2,), (3,)]
    assert rows(over.select(over.n, over.loud)) == [(1, "to be!"), (2, "or!"), (3, None)]
    over.add_computed_column(twice=over.n * 2)
    assert rows(over.select(over.twice)) == [(2,), (4,), (6,)]


def test_similarity_in_a_snapshot(ns: str, t: pxt.Table) -> None:
    t.add_embedding_index("text", string_embed=lengths)
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    t.update({"text": "abcdefghij"})
    near = snap.text.similarity(string="xx")
    assert rows(snap.where(snap.text != None).order_by(near, asc=False).select(snap.text))[0] == ("or",)  # noqa: E711


def test_versions_that_snapshots_show_stay(ns: str, t: pxt.Table) -> None:
    t.insert(n=4)
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    with pytest.raises(pxt.RequestError, match=r"snapshot '.*/snap' shows"):
        t.revert()
    t.insert(n=5)
    t.revert()
    assert rows(snap.select(snap.n)) == [(1,), (2,), (3,), (4,)]
    pxt.drop_table(f"{ns}/snap")
    t.revert()
    assert t.count() == 3


def test_a_table_with_snapshots_is_dropped_with_them_or_not_at_all(ns: str, t: pxt.Table) -> None:
    pxt.create_snapshot(f"{ns}/snap", t)
    with pytest.raises(pxt.RequestError, match="snap depend"):
        pxt.drop_table(t)
    assert t.list_views() == [f"{ns}/snap"]
    pxt.drop_table(t, force=True)
    assert pxt.list_tables(ns) == []


def test_writers_do_not_know_of_snapshots(ns: str, t: pxt.Table) -> None:
    pxt.create_snapshot(f"{ns}/snap", t, additional_columns={"loud": shout(t.text)})
    status = t.insert(n=9, text="x")
    assert status.cascade_row_count_stats.ins_rows == 0
    t.restore(t.get_versions()[1]["version"])
    t.batch_update([{"n": 1, "text": "y"}])


def test_what_it_is(ns: str, t: pxt.Table) -> None:
    version = t.get_versions()[0]["version"]
    snap = pxt.create_snapshot(f"{ns}/snap", t, comment="kept", custom_metadata={"by": "me"})
    described = snap.get_metadata()
    assert (described["kind"], described["is_snapshot"], described["is_view"]) == ("snapshot", True, True)
    assert (described["comment"], described["custom_metadata"]) == ("kept", {"by": "me"})
    assert described["base"] == f"{ns}/t:{version}"
    assert repr(snap).startswith(f"snapshot '{ns}/snap' of '{ns}/t:{version}'")
    base = snap.get_base_table()
    assert base is not None
    assert base.count() == 3
    listed = {row["Name"]: (row["Kind"], row["Base"]) for row in pxt.ls(ns).to_dict("records")}
    assert listed["snap"] == ("snapshot", f"{ns}/t:{version}")
    assert {node["name"]: node["kind"] for node in pxt.get_dir_tree(ns)} == {"snap": "snapshot", "t": "table"}


def test_what_is_there_already(ns: str, t: pxt.Table) -> None:
    first = pxt.create_snapshot(f"{ns}/snap", t)
    t.insert(n=9)
    with pytest.raises(pxt.AlreadyExistsError):
        pxt.create_snapshot(f"{ns}/snap", t)
    assert pxt.create_snapshot(f"{ns}/snap", t, if_exists="ignore").count() == first.count() == 3
    assert pxt.create_snapshot(f"{ns}/snap", t, if_exists="replace").count() == 4
    with pytest.raises(pxt.RequestError, match=r"group_by\(\)"):
        pxt.create_snapshot(f"{ns}/other", t.group_by(t.low).select(t.low))


def test_sql_reads_snapshots(ns: str, t: pxt.Table) -> None:
    pxt.create_snapshot(f"{ns}/plain", t)
    pxt.create_snapshot(f"{ns}/own", t.where(t.n > 1), additional_columns={"loud": shout(t.text)})
    change_everything(t)
    assert [dict(row) for row in pxt.sql(f'select n, text from "{ns}/plain" where n < 3 order by n')] == [
        {"n": 1, "text": "to be"}, {"n": 2, "text": "or"},
    ]  # fmt: skip
    assert [dict(row) for row in pxt.sql(f'select n, loud from "{ns}/own" order by n')] == [
        {"n": 2, "loud": "or!"}, {"n": 3, "loud": None},
    ]  # fmt: skip


def test_an_index_of_the_base_finds_rows_of_views(ns: str, t: pxt.Table) -> None:
    t.add_embedding_index("text", string_embed=lengths)
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1))
    near = v.text.similarity(string="xx")
    assert rows(v.where(v.text != None).order_by(near, asc=False).limit(1).select(v.n, v.text)) == [(2, "or")]  # noqa: E711
    exploded = pxt.create_view(f"{ns}/exploded", t, iterator=words(t.text))
    near = exploded.text.similarity(string="xx")
    assert rows(exploded.order_by(near, asc=False).limit(1).select(exploded.word)) == [("or",)]


def test_versions_of_views(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1), additional_columns={"mine": pxt.String | None})
    exploded = pxt.create_view(f"{ns}/exploded", t, iterator=words(t.text))
    v.update({"mine": "first"})
    states = {v.get_versions()[0]["version"]: rows(v)}
    t.insert(n=4, text="not to")
    states[v.get_versions()[0]["version"]] = rows(v)
    seen = (exploded.get_versions()[0]["version"], rows(exploded))
    t.update({"text": "gone"})
    t.delete(where=t.n == 2)
    v.update({"mine": "second"})
    for version, expected in states.items():
        assert rows(v.at(version=version)) == expected
        assert rows(pxt.get_table(f"{ns}/v:{version}")) == expected
    assert rows(exploded.at(version=seen[0])) == seen[1]
    old = v.at(version=min(states))
    assert rows(v.join(old, on=v.n == old.n).select(v.n, v.mine, was=old.mine)) == [(3, "second", "first")]
