"""Old versions are forgotten, and nothing else is."""

import datetime
from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        yield {"word": word}


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """A table at version 6; of versions before, something is known at each."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert([{"n": n, "s": f"text {n}"} for n in range(4)])
    t.add_computed_column(twice=t.n * 2)
    t.update({"n": t.n + 10})
    t.delete(where=t.n == 11)
    t.drop_column("twice")
    t.update({"s": "new"}, where=t.n == 12)
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def tables_in_database() -> set[str]:
    found = current_session().database.read(
        lambda c: c.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'pixeltable'").fetchall()
    )
    return {name for (name,) in found}


def test_versions_that_stay_are_as_they_were(t: pxt.Table) -> None:
    before = {version: rows(t.at(version=version)) for version in (4, 5, 6)}
    assert t.vacuum(keep_versions=3) == 10  # in both heaps: four that were updated, one deleted
    assert {version: rows(t.at(version=version)) for version in (4, 5, 6)} == before
    assert t.at(version=4).columns() == ["n", "s", "twice"]
    for version in (0, 3):
        with pytest.raises(pxt.NotFoundError, match="versions 4 to 6"):
            t.at(version=version)
    assert [found["version"] for found in t.get_versions()] == list(range(6, -1, -1))


def test_what_no_version_has_any_more_is_gone(t: pxt.Table) -> None:
    before = tables_in_database()
    t.vacuum(keep_versions=1)
    assert len(before - tables_in_database()) == 2  # a heap's current entries, and its closed ones
    assert rows(t) == [(10, "text 0"), (12, "new"), (13, "text 3")]
    t.insert(n=1, s="x")
    t.revert()
    assert t.count() == 3
    with pytest.raises(pxt.RequestError, match="forgotten by vacuum"):
        t.revert()


def test_what_is_taken_back_later_does_not_bring_back_what_is_gone(t: pxt.Table) -> None:
    t.vacuum(keep_versions=1)
    t.add_column(note=pxt.String | None)
    t.revert()
    t.delete(where=t.n == 10)
    t.update({"s": "x"})
    assert t.collect()["s"] == ["x", "x"]


def test_a_handle_of_a_version_that_is_forgotten_fails(t: pxt.Table) -> None:
    old = t.at(version=1)
    assert old.count() == 4
    t.vacuum(keep_versions=2)
    with pytest.raises(pxt.NotFoundError, match="vacuum"):
        old.count()


def test_by_time(t: pxt.Table) -> None:
    assert t.vacuum(older_than=datetime.timedelta(days=1)) == 0
    assert t.at(version=0).count() == 0
    created = t.get_versions()[1]["created_at"]
    t.vacuum(older_than=created)
    assert t.at(version=5).count() == 3
    with pytest.raises(pxt.NotFoundError):
        t.at(version=4)


def test_tags_and_snapshots_keep_their_versions(ns: str, t: pxt.Table) -> None:
    t.tag("v1", version=2)
    with pytest.raises(pxt.RequestError, match=r"version 2 .* it is what tag 'v1' names"):
        t.vacuum(keep_versions=1)
    t.drop_tag("v1")
    snap = pxt.create_snapshot(f"{ns}/snap", t.at(version=3))
    with pytest.raises(pxt.RequestError, match=r"version 3 .* it is what snapshot '.*/snap' shows"):
        t.vacuum(keep_versions=3)
    t.vacuum(keep_versions=4)
    assert rows(snap.select(snap.n)) == [(10,), (11,), (12,), (13,)]


def test_views_forget_with_their_base(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 11), additional_columns={"mine": pxt.String | None})
    exploded = pxt.create_view(f"{ns}/exploded", t, iterator=words(t.s))
    t.update({"s": "a b"})
    v.update({"mine": "x"})
    t.update({"s": "c"})
    states = [rows(v), rows(exploded)]
    t.vacuum(keep_versions=1)
    assert [rows(v), rows(exploded)] == states
    assert rows(exploded.at(version=exploded.get_versions()[0]["version"])) == states[1]
    with pytest.raises(pxt.NotFoundError, match="that of its base was forgotten"):
        v.at(version=v.get_versions()[0]["version"])  # older than the version of its base
    with pytest.raises(pxt.NotFoundError):
        v.at(version=0)
    t.insert(n=20, s="d e")
    assert exploded.count() == 5


def test_a_base_is_not_reverted_beyond_what_its_view_remembers(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 11))
    t.update({"n": t.n - 1})
    v.vacuum(keep_versions=1)
    with pytest.raises(pxt.RequestError, match=r"of table '.*/v' cannot come back: it was forgotten"):
        t.revert()
    assert rows(v.select(v.n)) == [(12,)]


def test_similarity_goes_on(t: pxt.Table) -> None:
    t.add_embedding_index("s", string_embed=embed)
    t.update({"s": "longer than it was"})
    t.vacuum(keep_versions=1)
    near = t.s.similarity(string="longer than it was")
    assert t.order_by(near, asc=False).limit(1).collect()["s"] == ["longer than it was"]


@pxt.udf
def embed(text: str) -> pxt.Array[(2,), pxt.Float]:
    return [float(len(text)), 1.0]


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"keep_versions": 0}, {"keep_versions": "3"}, {"older_than": 3}, {"keep_versions": 1, "older_than": 1},
        {"older_than": datetime.timedelta(-1)},
    ],
)  # fmt: skip
def test_what_is_no_choice_is_refused(t: pxt.Table, arguments: dict) -> None:
    with pytest.raises(pxt.RequestError, match=r"vacuum\(\)"):
        t.vacuum(**arguments)
    assert t.at(version=0).count() == 0


@pytest.mark.parametrize("arguments", [{"keep_versions": 10**30}, {"older_than": datetime.timedelta.max}])
def test_all_versions_can_be_kept(t: pxt.Table, arguments: dict) -> None:
    assert t.vacuum(**arguments) == 0
    assert t.at(version=0).count() == 0
