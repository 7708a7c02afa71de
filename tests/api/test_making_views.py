"""Making views over rows that are there, while others write, and what fails of them."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable.session import views
from pixeltable.session.current import current_session

BROKEN: set[str] = set()


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        if word in BROKEN:
            raise ValueError(f"no {word}")
        yield {"word": word}


@pxt.udf
def half(n: int) -> int:
    if n % 2:
        raise ValueError("odd")
    return n // 2


@pxt.udf
def is_small(n: int) -> bool:
    if n < 0:
        raise ValueError("negative")
    return n < 1000


@pytest.fixture(autouse=True)
def broken() -> Iterator[set[str]]:
    BROKEN.clear()
    BROKEN.add("boom")
    yield BROKEN
    BROKEN.clear()


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String})
    t.insert({"n": n, "text": f"a{n} boom" if n % 3 == 0 else f"a{n}"} for n in range(600))
    return t


def write_before_first_page(monkeypatch: pytest.MonkeyPatch, write) -> None:
    """Have somebody write when the making of a view reads its first page."""
    read, done = views.matching_rows, []

    def reading(*args, **kwargs):
        if not done:
            done.append(True)
            write()
        return read(*args, **kwargs)

    monkeypatch.setattr(views, "matching_rows", reading)


def test_new_rows_that_the_filter_does_not_keep_are_no_end(ns: str, t: pxt.Table, monkeypatch) -> None:
    write_before_first_page(monkeypatch, lambda: t.insert({"n": 2000 + n, "text": "x"} for n in range(3)))
    v = pxt.create_view(f"{ns}/v", t.where(is_small(t.n)))
    assert v.count() == 600


def test_a_view_made_in_peace_begins_with_its_rows(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n < 10))
    (version,) = v.get_versions()
    assert (version["version"], version["inserts"], version["errors"]) == (0, 10, 0)
    t.insert(n=1, text="x")
    assert v.at(version=0).count() == 10


@pytest.mark.parametrize("reaches_view", [False, True])
def test_a_view_made_while_others_write_begins_when_it_is_complete(
    ns: str, t: pxt.Table, monkeypatch, reaches_view: bool
) -> None:
    write_before_first_page(monkeypatch, lambda: t.insert(n=5 if reaches_view else 700, text="late"))
    v = pxt.create_view(f"{ns}/v", t.where(t.n < 10))
    newest = v.get_versions()[0]
    assert (v.count(), newest["inserts"]) == (11 if reaches_view else 10, 10)
    with pytest.raises(pxt.NotFoundError, match="version 0"):
        v.at(version=0)
    with pytest.raises(pxt.RequestError, match="was made since"):
        t.revert()
    with pytest.raises(pxt.RequestError, match="cannot come back"):
        v.revert()
    t.insert(n=6, text="later")
    assert v.at(version=newest["version"]).count() == v.count() - 1
    t.revert()
    assert v.count() == (11 if reaches_view else 10)


def test_a_base_is_not_reverted_while_a_view_is_made(ns: str, t: pxt.Table, monkeypatch) -> None:
    def revert() -> None:
        t.delete(where=t.n == 5)
        with pytest.raises(pxt.RequestError, match=r"while its view .* is being made"):
            t.revert()

    write_before_first_page(monkeypatch, revert)
    v = pxt.create_view(f"{ns}/v", t)
    assert v.count() == t.count() == 599


def test_what_fails_in_the_making_is_counted(ns: str, t: pxt.Table) -> None:
    parts = pxt.create_view(f"{ns}/parts", t, iterator=words(t.text))
    halves = pxt.create_view(f"{ns}/halves", t, additional_columns={"half": half(t.n)})
    assert (len(parts.errors()), parts.get_versions()[0]["errors"], parts.count()) == (200, 200, 400)
    assert (len(halves.errors()), halves.get_versions()[0]["errors"]) == (300, 300)


def test_lists_are_made_again_slice_by_slice(ns: str, t: pxt.Table, broken: set[str]) -> None:
    parts = pxt.create_view(f"{ns}/parts", t, iterator=words(t.text))
    broken.clear()
    status = parts.recompute_columns(errors_only=True)
    assert (status.row_count_stats.ins_rows, parts.count(), len(parts.errors())) == (400, 800, 0)
    assert len(parts.get_versions()) > 2


def test_a_view_left_unfinished_without_a_job_is_made_anew(ns: str, t: pxt.Table, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(views, "_append", lambda *_: 1 / 0)
        patch.setattr(views, "_withdraw", lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            pxt.create_view(f"{ns}/v", t)
    session = current_session()
    view_id = session.refresh().table_ids[f"{ns}/v"]
    session.database.read(lambda connection: connection.execute("DELETE FROM pixeltable.jobs WHERE id = %s", [view_id]))
    assert pxt.create_view(f"{ns}/v", t).count() == 600


def test_rows_in_which_the_filter_fails_are_counted(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(is_small(t.n)))
    with pytest.raises(pxt.RequestError, match="negative"):
        t.insert(n=-1, text="x")
    status = t.insert([{"n": -1, "text": "x"}, {"n": 1, "text": "y"}], on_error="ignore")
    assert (status.num_excs, t.count(), v.count()) == (1, 602, 601)
    assert t.update({"n": -5}, where=t.n == 7).num_excs == 1
    assert v.count() == 600


def test_a_filter_that_fails_leaves_no_view(ns: str, t: pxt.Table) -> None:
    t.insert(n=-1, text="x")
    with pytest.raises(pxt.RequestError, match="negative"):
        pxt.create_view(f"{ns}/v", t.where(is_small(t.n)))
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_errors_of_the_base_are_asked_of_the_base(ns: str, t: pxt.Table) -> None:
    t.add_computed_column(half=half(t.n), on_error="ignore")
    parts = pxt.create_view(f"{ns}/parts", t, iterator=words(t.text))
    assert set(parts.errors()["column"]) == {"pos"}
    with pytest.raises(pxt.RequestError, match=f"Ask '{ns}/t' for its errors"):
        parts.errors("half")
    with pytest.raises(pxt.RequestError, match=r"comes from the iterator .*errors_only=True"):
        parts.recompute_columns("word")


def test_a_view_is_no_snapshot(ns: str, t: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", t)
    pxt.create_snapshot(f"{ns}/snap", t)
    with pytest.raises(pxt.AlreadyExistsError, match="existing view"):
        pxt.create_snapshot(f"{ns}/v", t, if_exists="ignore")
    with pytest.raises(pxt.AlreadyExistsError, match="existing snapshot"):
        pxt.create_view(f"{ns}/snap", t, if_exists="replace")


def test_a_snapshot_knows_where_its_base_has_moved(ns: str, t: pxt.Table) -> None:
    snap = pxt.create_snapshot(f"{ns}/snap", t)
    of_view = pxt.create_snapshot(f"{ns}/of_view", pxt.create_view(f"{ns}/v", t.where(t.n < 5)))
    pxt.move(f"{ns}/t", f"{ns}/moved")
    assert snap.get_metadata()["base"] == f"{ns}/moved:1"
    assert f"of '{ns}/moved:1'" in repr(snap)
    with pytest.raises(pxt.RequestError, match=f"{ns}/moved"):
        snap.insert(n=1, text="x")
    assert of_view.get_base_table() == pxt.get_table(f"{ns}/v")
    pxt.get_table(f"{ns}/moved").insert(n=1, text="x")
    assert (of_view.count(), of_view.get_base_table().count()) == (5, 6)
