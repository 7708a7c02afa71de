"""Live views of samples: at any time the rows that the query chooses, whichever way rows came."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.session import views
from pixeltable.storage.spool import Spool


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pxt.udf
def shout(s: str) -> str:
    return s.upper() + "!"


seen: list[int] = []
once: dict[int, Callable[[], object]] = {}
"""What is done when a number is seen for the first time."""


@pxt.udf
def watched(n: int) -> int:
    seen.append(n)
    once.pop(n, lambda: None)()
    return n


def some(first: int, number: int) -> list[dict[str, Any]]:
    return [{"n": n, "m": n, "s": f"a{n} b{n} c{n}"} for n in range(first, first + number)]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "m": pxt.Int | None, "s": pxt.String}, primary_key="n")
    t.insert(some(0, 200))
    return t


def numbers(query: pxt.Query | pxt.Table) -> list[int]:
    return sorted(query.collect()["n"])


def check(view: pxt.Table, query: pxt.Query) -> None:
    """It has rows, not all, and those of the query."""
    assert numbers(view) == numbers(query)
    assert view.count() == query.count() > 0


def test_rows_that_were_there_and_rows_that_come(ns: str, t: pxt.Table) -> None:
    query = t.sample(fraction=0.3, seed=1)
    v = pxt.create_view(f"{ns}/v", query, additional_columns={"loud": shout(t.s), "note": pxt.String | None})
    check(v, query)
    assert 20 < v.count() < 100
    t.insert(some(200, 1))
    t.insert(some(201, 40))
    t.insert(some(241, 500))
    check(v, query)
    assert any(n > 241 for n in numbers(v))
    assert any(200 < n < 241 for n in numbers(v))
    t.insert({"n": n, "s": f"x{n}"} for n in range(1000, 1300))
    check(v, query)
    assert all(row["loud"] == row["s"].upper() + "!" for row in v.collect())


def test_a_filter_and_a_select_list(ns: str, t: pxt.Table) -> None:
    query = t.where(is_odd(t.n) & (t.n > 20)).select(t.n, twice=t.n * 2).sample(fraction=0.5, seed=3)
    v = pxt.create_view(f"{ns}/v", query)
    t.insert(some(200, 50))
    check(v, query)
    assert v.columns() == ["n", "twice"]
    assert all(row["twice"] == 2 * row["n"] for row in v.collect())


def test_the_filter_is_asked_about_rows_of_the_sample_alone(ns: str, t: pxt.Table) -> None:
    seen.clear()
    v = pxt.create_view(f"{ns}/v", t.where(watched(t.n) % 2 == 0).sample(fraction=0.2, seed=1))
    t.insert(some(200, 100))
    assert sorted(seen) == numbers(t.sample(fraction=0.2, seed=1))
    assert numbers(v) == [n for n in sorted(seen) if n % 2 == 0]


def test_updates_change_what_the_filter_says_alone(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m < 100).sample(fraction=0.4, seed=2)
    v = pxt.create_view(f"{ns}/v", query)
    before = numbers(t.sample(fraction=0.4, seed=2))
    t.update({"m": 200 - t.n})
    check(v, query)
    t.update({"m": 0})
    assert numbers(v) == before
    t.update({"s": "x"}, where=t.n < 20)
    t.delete(where=t.n % 3 == 0)
    check(v, query)


def test_an_upsert_adds_rows(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m > 100).sample(fraction=0.5, seed=5)
    v = pxt.create_view(f"{ns}/v", query)
    t.batch_update([{"n": n, "m": n + 90, "s": "x"} for n in range(0, 400, 2)], if_not_exists="insert")
    check(v, query)
    assert max(numbers(v)) > 300


def test_going_back(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m < 150).sample(fraction=0.5, seed=1)
    v = pxt.create_view(f"{ns}/v", query)
    version = t.get_metadata()["version"]
    before = numbers(v)
    t.delete(where=t.n < 60)
    t.update({"m": 1})
    t.insert(some(300, 60))
    check(v, query)
    t.revert()
    check(v, query)
    t.restore(version)
    check(v, query)
    assert numbers(v) == before


def test_within_a_transaction(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m < 250).sample(fraction=0.5, seed=1)
    v = pxt.create_view(f"{ns}/v", query)
    with pxt.transaction():
        t.insert(some(200, 20))
        t.update({"m": 300}, where=t.n < 50)
        check(v, query)
        within = numbers(v)
        t.insert(some(400, 20))
        t.update({"m": 20}, where=t.n >= 400)
        t.batch_update([{"n": 500, "m": 1, "s": "x"}, {"n": 401, "m": 999}], if_not_exists="insert")
    check(v, query)
    assert set(within) < set(numbers(v))


def test_of_views_and_under_views(ns: str, t: pxt.Table) -> None:
    low = pxt.create_view(f"{ns}/low", t.where(t.m < 250))
    query = low.where(is_odd(low.n)).sample(fraction=0.6, seed=4)
    v = pxt.create_view(f"{ns}/v", query)
    half = v.sample(fraction=0.5, seed=9)
    w = pxt.create_view(f"{ns}/w", half, additional_columns={"note": pxt.String | None})
    t.insert(some(200, 100))
    t.update({"m": t.n + 100}, where=t.n > 100)
    t.update({"m": t.n - 100}, where=t.n > 120)
    check(v, query)
    check(w, half)
    assert set(numbers(w)) < set(numbers(v))
    w.update({"note": "seen"})
    check(w, half)


def test_the_same_sample_twice_is_the_whole_of_it(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.sample(fraction=0.5, seed=4))
    w = pxt.create_view(f"{ns}/w", v.sample(fraction=0.5, seed=4))
    t.insert(some(200, 100))
    assert numbers(w) == numbers(v)


def test_with_an_iterator(ns: str, t: pxt.Table) -> None:
    query = t.sample(fraction=0.3, seed=1)
    v = pxt.create_view(f"{ns}/v", query, iterator=words(t.s))
    t.insert(some(200, 100))
    t.update({"s": "one two"}, where=t.n < 40)
    expected = [(row["n"], word) for row in query.collect() for word in row["s"].split()]
    assert [(row["n"], row["word"]) for row in v.collect()] == expected
    assert len({n for n, _ in expected}) > 60


def test_over_a_view_with_an_iterator(ns: str, t: pxt.Table) -> None:
    """Its rows have ids of their own, of which some are taken when others of the same list stay."""
    parts = pxt.create_view(f"{ns}/parts", t.sample(fraction=0.7, seed=1), iterator=words(t.s))
    query = parts.where(parts.m < 250).sample(fraction=0.7, seed=1)
    v = pxt.create_view(f"{ns}/v", query)

    def check_words() -> None:
        found = query.collect()
        assert sorted(zip(v.collect()["n"], v.collect()["word"], strict=True)) == sorted(
            zip(found["n"], found["word"], strict=True)
        )
        assert 0 < v.count() < parts.count()

    check_words()
    t.insert(some(200, 100))
    t.update({"s": "b1 new b2 newer"}, where=t.n < 40)
    check_words()
    t.batch_update([{"n": n, "s": "x y z"} for n in range(20, 340, 3)], if_not_exists="insert")
    t.update({"m": 300}, where=t.n % 7 == 0)
    t.update({"m": 3}, where=t.n % 14 == 0)
    check_words()
    with pxt.transaction():
        t.insert(some(500, 50))
        t.update({"s": "within a block"}, where=t.n >= 520)
        t.delete(where=t.n < 30)
    check_words()
    parts.alter_view(where=t.n % 2 == 0)
    check_words()
    parts.alter_view(where=None)
    check_words()
    t.restore(2)
    check_words()


def test_a_branch_that_is_merged(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m < 250).sample(fraction=0.5, seed=1)
    v = pxt.create_view(f"{ns}/v", query)
    branch = t.branch(f"{ns}/branch")
    of_branch = branch.where(branch.m < 250).sample(fraction=0.5, seed=1)
    w = pxt.create_view(f"{ns}/w", of_branch)
    check(w, query)
    branch.insert(some(200, 100))
    branch.update({"m": 300}, where=branch.n < 30)
    branch.delete(where=(branch.n > 50) & (branch.n < 70))
    t.insert(some(500, 20))
    branch.merge()
    check(v, query)
    check(w, of_branch)
    assert max(numbers(w)) > 200
    assert set(numbers(w)) <= set(numbers(v))


def test_another_filter(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.sample(fraction=0.4, seed=1), additional_columns={"loud": shout(t.s)})
    assert isinstance(v, pxt.View)
    v.alter_view(where=t.n > 50)
    check(v, t.where(t.n > 50).sample(fraction=0.4, seed=1))
    t.insert(some(200, 50))
    v.alter_view(where=is_odd(t.n))
    check(v, t.where(is_odd(t.n)).sample(fraction=0.4, seed=1))
    v.revert()
    check(v, t.where(t.n > 50).sample(fraction=0.4, seed=1))


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_nothing_and_all(ns: str, t: pxt.Table, fraction: float) -> None:
    v = pxt.create_view(f"{ns}/v", t.sample(fraction=fraction))
    t.insert(some(200, 10))
    assert v.count() == 210 * fraction


def test_without_a_seed_it_keeps_the_one_that_was_drawn(ns: str, t: pxt.Table) -> None:
    query = t.sample(fraction=0.5)
    v = pxt.create_view(f"{ns}/v", query)
    t.insert(some(200, 50))
    check(v, query)
    assert numbers(pxt.get_table(f"{ns}/v")) == numbers(query)


def test_writes_that_come_while_it_is_made(ns: str, t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    original = views._append  # noqa: SLF001  # writes come between reading a page and appending it
    firsts, query = count(200, 50), t.where(t.m < 190).sample(fraction=0.5, seed=1)

    def append(*args: Any) -> Any:
        t.insert(some(next(firsts), 50))
        t.update({"m": t.n - 20}, where=t.n < next(firsts) - 60)
        return original(*args)

    with monkeypatch.context() as patched:
        patched.setattr(views, "_append", append)
        patched.setattr(views, "_FIRST_PAGE", 40)
        v = pxt.create_view(f"{ns}/v", query)
    check(v, query)
    t.insert(some(5000, 50))
    check(v, query)


def test_an_insert_that_was_planned_before_it_was_made(ns: str, t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was computed stays, and so do the ids that decide."""
    query, made = t.sample(fraction=0.5, seed=1), []
    other = pxt.create_view(f"{ns}/other", t.sample(fraction=0.4, seed=1))
    t.add_computed_column(k=watched(t.n))
    seen.clear()
    monkeypatch.setitem(once, 200, lambda: made.append(pxt.create_view(f"{ns}/v", query)))
    t.insert(some(200, 40))
    (v,) = made
    check(v, query)
    assert sorted(seen) == list(range(200, 240))
    check(other, t.sample(fraction=0.4, seed=1))


def test_writers_at_the_same_time(ns: str, t: pxt.Table) -> None:
    query = t.where(t.m < 900).sample(fraction=0.5, seed=1)
    v = pxt.create_view(f"{ns}/v", query)
    writers = [
        threading.Thread(target=lambda first=first: t.insert(some(first, 30))) for first in range(1000, 1150, 30)
    ]
    for writer in writers:
        writer.start()
    t.update({"m": 1}, where=t.n < 100)
    for writer in writers:
        writer.join()
    t.update({"m": 1})
    check(v, query)


def test_making_one_that_was_stopped_goes_on_with_its_seed(
    ns: str, t: pxt.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = views._append, []  # noqa: SLF001  # it is stopped between two pages

    def append(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args)

    def make(fraction: float) -> pxt.Table:
        return pxt.create_view(f"{ns}/v", t.sample(fraction=fraction), additional_columns={"k": watched(t.n)})

    t.insert(some(200, 100))
    seen.clear()
    with monkeypatch.context() as patched:
        patched.setattr(views, "_append", append)
        patched.setattr(views, "_FIRST_PAGE", 100)
        with pytest.raises(KeyboardInterrupt):
            make(0.5)
    first = list(seen)
    v = make(0.5)
    assert first
    assert sorted(first) == [n for n in numbers(v) if n <= max(first)]
    seed = int(v.get_metadata()["view_sample"].rpartition("=")[2].rstrip(")"))
    t.insert(some(300, 50))
    check(v, t.sample(fraction=0.5, seed=seed))


def test_what_goes_to_disk_until_it_is_written(ns: str, t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pxt.create_view(f"{ns}/parts", t, iterator=words(t.s), additional_columns={"loud": shout(t.s)})
    of_rows, of_parts = t.sample(fraction=0.5, seed=1), parts.sample(fraction=0.5, seed=1)
    v = pxt.create_view(f"{ns}/v", of_rows, additional_columns={"loud": shout(t.s)})
    w = pxt.create_view(f"{ns}/w", of_parts, additional_columns={"louder": shout(parts.loud)})
    monkeypatch.setattr(Spool, "has_room", lambda *_: False)
    t.insert(some(200, 600))
    check(v, of_rows)
    check(w, of_parts)
    assert all(row["louder"] == row["s"].upper() + "!!" for row in w.collect())


def test_in_the_background(ns: str, t: pxt.Table) -> None:
    query = t.sample(fraction=0.5, seed=1)
    job = pxt.create_view(f"{ns}/v", query, background=True)
    job.wait()
    v = pxt.get_table(f"{ns}/v")
    t.insert(some(200, 30))
    check(v, query)


def test_a_snapshot_of_one(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.sample(fraction=0.5, seed=1))
    before = numbers(v)
    snap = pxt.create_snapshot(f"{ns}/snap", v)
    over = pxt.create_view(f"{ns}/over", snap.sample(fraction=0.5, seed=2))
    t.insert(some(200, 50))
    assert numbers(snap) == before
    check(over, snap.sample(fraction=0.5, seed=2))


def test_it_says_what_it_is(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 5).sample(fraction=0.25, seed=7))
    for handle in (v, pxt.get_table(f"{ns}/v")):
        metadata = handle.get_metadata()
        assert (metadata["view_filter"], metadata["view_sample"]) == ("n > 5", "sample(fraction=0.25, seed=7)")
        assert "where n > 5, sample(fraction=0.25, seed=7)" in repr(handle)


def test_what_is_refused(ns: str, t: pxt.Table) -> None:
    for query in (t.sample(n=5), t.sample(fraction=0.5, stratify_by=t.m), t.sample(n_per_stratum=2, stratify_by=t.m)):
        with pytest.raises(pxt.RequestError, match=r"a view is of sample\(fraction=...\) alone"):
            pxt.create_view(f"{ns}/v", query)
    v = pxt.create_view(f"{ns}/v", t.sample(fraction=0.5))
    w = pxt.create_view(f"{ns}/w", v.where(v.n > 3))
    for view in (v, w):
        with pytest.raises(pxt.RequestError, match=r"v' is of a sample"):
            view.compute(some(0, 1))


fractions = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0])
seeds = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("insert"), st.integers(1, 30)),
    st.tuples(st.just("insert"), st.integers(1, 3)),
    st.tuples(st.just("upsert"), st.integers(1, 30)),
    st.tuples(st.just("move"), st.integers(-5, 5)),
    st.tuples(st.just("text"), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(2, 9)),
    st.tuples(st.just("revert"), st.just(0)),
    st.tuples(st.just("restore"), st.integers(0, 9)),
    st.tuples(st.just("view"), fractions),
    st.tuples(st.just("filter"), st.integers(0, 8)),
    st.tuples(st.just("together"), st.integers(1, 9)),
    st.tuples(st.just("note"), st.integers(0, 9)),
)
folders = count()


class Program:
    """A table, and views of samples over it and over one another, with the queries that they are of."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.t = pxt.create_table(f"{folder}/t", {"n": pxt.Int, "m": pxt.Int, "s": pxt.String}, primary_key="n")
        self.parts = pxt.create_view(f"{folder}/parts", self.t.where(self.t.m < 9), iterator=words(self.t.s))
        self.free, self.views = count(), list[tuple[pxt.View, pxt.Table, Any, float, int]]()
        self.view(0.5)
        self.view(0.5)

    def insert(self, number: int) -> None:
        self.t.insert(
            {"n": n, "m": n % 10, "s": "a b c d"[: n % 8]} for n, _ in zip(self.free, range(number), strict=False)
        )

    def upsert(self, number: int) -> None:
        first = next(self.free)
        new = [first, *(n for n, _ in zip(self.free, range(number), strict=False))]
        old = range(0, first, 3)
        self.t.batch_update([{"n": n, "m": n % 7, "s": "c b"} for n in [*old, *new]], if_not_exists="insert")

    def move(self, by: int) -> None:
        self.t.update({"m": self.t.m + by}, where=self.t.n % 3 == 0)

    def text(self, number: int) -> None:
        self.t.update({"s": ["", "a x", "b c d", "x"][number]}, where=self.t.n % 4 == number)

    def delete(self, number: int) -> None:
        self.t.delete(where=self.t.n % number == 1)

    def revert(self, _: int) -> None:
        if len(self.t.get_versions()) > 1:
            with suppress(pxt.RequestError):  # a view was made or changed since
                self.t.revert()

    def restore(self, place: int) -> None:
        self.t.restore(place % len(self.t.get_versions()))

    def view(self, fraction: float) -> None:
        if len(self.views) < 6:
            number = len(self.views)
            bases = [self.parts, self.t, *(view for view, *_ in self.views)]
            base, seed = bases[number % len(bases)], number % 2
            where = base.m < 8 if number % 3 else None
            query = base if where is None else base.where(where)
            iterator = words(base.s) if number == 3 else None
            view = pxt.create_view(
                f"{self.folder}/v{number}", query.sample(fraction=fraction, seed=seed), iterator=iterator,
                additional_columns={f"note{number}": pxt.Int | None},
            )  # fmt: skip
            assert isinstance(view, pxt.View)
            self.views.append((view, base, where, fraction, seed))

    def filter(self, number: int) -> None:
        view, base, _, fraction, seed = self.views[number % len(self.views)]
        view.alter_view(where=base.m > number)
        self.views[number % len(self.views)] = view, base, base.m > number, fraction, seed

    def together(self, number: int) -> None:
        with pxt.transaction():
            self.insert(number)
            self.move(2)
            self.check()
            self.upsert(number)
            self.text(number % 4)

    def note(self, number: int) -> None:
        view = self.views[number % len(self.views)][0]
        view.update({f"note{number % len(self.views)}": number})

    def check(self) -> None:
        for number, (view, base, where, fraction, seed) in enumerate(self.views):
            query = (base if where is None else base.where(where)).sample(fraction=fraction, seed=seed)
            expected = [row["n"] for row in query.collect() for _ in (row["s"].split() if number == 3 else [0])]
            assert numbers(view) == sorted(expected), (number, fraction, seed)


def run(ns: str, program: list[tuple[str, Any]]) -> None:
    folder = f"{ns}/p{next(folders)}"
    pxt.create_dir(folder)
    made = Program(folder)
    for name, argument in program:
        step: Callable[[Any], None] = getattr(made, name)
        step(argument)
        made.check()
    pxt.drop_dir(folder, force=True)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(steps, min_size=6, max_size=12))
def test_a_view_has_the_rows_of_its_sample_after_any_operations(ns: str, program: list[tuple[str, Any]]) -> None:
    run(ns, program)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(steps, min_size=10, max_size=30))
def test_a_view_has_the_rows_of_its_sample_after_long_programs(ns: str, program: list[tuple[str, Any]]) -> None:
    run(ns, program)
