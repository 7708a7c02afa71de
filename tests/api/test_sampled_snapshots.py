"""Snapshots of samples: rows chosen by chance once, and for good."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert({"n": n, "s": f"a{n} b{n}"} for n in range(400))
    return t


def test_a_number_of_rows(ns: str, t: pxt.Table) -> None:
    query = t.sample(n=20, seed=3)
    snap = pxt.create_snapshot(f"{ns}/snap", query, additional_columns={"m": t.n + 1})
    chosen = query.collect()["n"]
    assert (snap.count(), snap.collect()["n"]) == (20, chosen)
    assert snap.collect()["m"] == [n + 1 for n in chosen]
    t.update({"n": -1})
    t.insert(n=1000, s="x")
    assert snap.collect()["n"] == chosen
    assert snap.get_metadata()["view_sample"] == "sample(n=20, seed=3)"
    assert "sample(n=20, seed=3)" in repr(snap)


def test_a_fraction_of_what_a_filter_keeps(ns: str, t: pxt.Table) -> None:
    query = t.where(t.n >= 200).sample(fraction=0.25, seed=1)
    snap = pxt.create_snapshot(f"{ns}/snap", query)
    assert snap.collect()["n"] == query.collect()["n"]
    assert min(snap.collect()["n"]) >= 200


def test_strata(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t.sample(n_per_stratum=3, stratify_by=t.n % 5))
    assert sorted(n % 5 for n in snap.collect()["n"]) == sorted([0, 1, 2, 3, 4] * 3)


def test_of_views_and_versions(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=words(t.s))
    of_view = pxt.create_snapshot(f"{ns}/of_view", v.sample(n=7, seed=5))
    assert of_view.collect()["word"] == v.sample(n=7, seed=5).collect()["word"]
    exploded = pxt.create_snapshot(f"{ns}/exploded", t.sample(n=7, seed=5), iterator=words(t.s))
    assert exploded.count() == 14
    t.delete()
    old = t.at(version=1)
    of_version = pxt.create_snapshot(f"{ns}/of_version", old.sample(n=9, seed=5))
    assert of_version.collect()["n"] == old.sample(n=9, seed=5).collect()["n"]
    assert (of_view.count(), exploded.count(), v.count()) == (7, 14, 0)
    again = pxt.create_snapshot(f"{ns}/again", of_version.sample(n=4, seed=1))
    assert set(again.collect()["n"]) < set(of_version.collect()["n"])


def test_a_view_of_a_number_of_rows_is_refused(ns: str, t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"not of sample\(n=5"):
        pxt.create_view(f"{ns}/v", t.sample(n=5))
    assert pxt.create_view(f"{ns}/v", t.sample(n=5), is_snapshot=True).count() == 5
    job = pxt.create_view(f"{ns}/w", t.sample(n=6, seed=1), is_snapshot=True, background=True)
    job.wait()
    assert pxt.get_table(f"{ns}/w").collect()["n"] == t.sample(n=6, seed=1).collect()["n"]
