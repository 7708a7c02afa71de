"""One handle used by several threads at once; what processes do to each other is tested elsewhere."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

import pixeltable as pxt
from tests.api.library import letters, twice, twice_later

THREADS = 4


def at_once(work: Callable[[int], object]) -> list[object]:
    """What `work(thread number)` answers in each of some threads that start together; the first error is raised."""
    barrier = Barrier(THREADS)

    def run(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"k": pxt.Int, "n": pxt.Int, "s": pxt.String | None}, primary_key="k")
    t.add_computed_column(b=twice(t.n))
    return t


def test_inserts_all_arrive_each_as_its_own_version(t: pxt.Table) -> None:
    at_once(lambda thread: [t.insert(k=thread * 10 + i, n=i) for i in range(10)])
    assert sorted(t.collect()["k"]) == list(range(THREADS * 10))
    assert [version["version"] for version in t.get_versions()] == list(range(THREADS * 10 + 1, -1, -1))


def test_of_equal_keys_one_wins(t: pxt.Table) -> None:
    def insert(thread: int) -> bool:
        try:
            t.insert(k=1, n=thread)
        except pxt.RequestError as error:
            assert error.error_code.name == "CONSTRAINT_VIOLATION"  # noqa: PT017  # the others' answer
            return False
        return True

    assert sorted(at_once(insert)) == [False] * (THREADS - 1) + [True]
    assert t.count() == 1


def test_increments_are_not_lost(t: pxt.Table) -> None:
    t.insert(k=1, n=0)
    at_once(lambda _: t.update({"n": t.n + 1}))
    assert t.collect()[0] == {"k": 1, "n": THREADS, "s": None, "b": THREADS * 2}


def test_updates_of_different_rows_do_not_disturb_each_other(t: pxt.Table) -> None:
    t.insert([{"k": thread, "n": 0} for thread in range(THREADS)])
    at_once(lambda thread: [t.update({"n": i}, where=t.k == thread) for i in range(1, 6)])
    assert t.select(t.n, t.b).collect()["b"] == [10] * THREADS


def test_a_row_is_deleted_once(t: pxt.Table) -> None:
    t.insert([{"k": k, "n": 0} for k in range(20)])
    counts = at_once(lambda _: t.delete(where=t.k < 10).num_rows)
    assert sum(counts) == 10
    assert t.count() == 10


def test_readers_see_whole_inserts(t: pxt.Table) -> None:
    def work(thread: int) -> list[int]:
        if thread:
            return [t.count() for _ in range(20)]
        for start in range(0, 50, 10):
            t.insert([{"k": start + i, "n": i} for i in range(10)])
        return []

    for counts in at_once(work):
        assert all(count % 10 == 0 for count in counts)
        assert counts == sorted(counts)


def test_columns_can_be_added_while_rows_are_inserted(t: pxt.Table) -> None:
    t.insert([{"k": k, "n": k} for k in range(100)])

    def work(thread: int) -> object:
        if thread == 0:
            return t.add_computed_column(x=twice(t.n) + 1)
        return [t.insert(k=thread * 1000 + i, n=i) for i in range(10)]

    at_once(work)
    assert all(row["x"] == 2 * row["n"] + 1 for row in t.collect())
    assert t.count() == 100 + (THREADS - 1) * 10


def test_of_threads_that_add_the_same_column_one_wins(t: pxt.Table) -> None:
    t.insert([{"k": k, "n": k} for k in range(50)])

    def add(_: int) -> str:
        try:
            t.add_computed_column(x=twice(t.n))
        except pxt.Error as error:
            return error.error_code.name
        return "added"

    answers = at_once(add)
    assert answers.count("added") == 1
    assert set(answers) <= {"added", "COLUMN_ALREADY_EXISTS", "INVALID_STATE"}
    assert t.where(t.x == 2 * t.n).count() == 50


def test_an_index_follows_writes_of_several_threads(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    at_once(lambda thread: [t.insert(k=thread * 10 + i, n=i, s="abc"[i % 3]) for i in range(6)])
    found = t.order_by(t.s.similarity(string="b"), asc=False).limit(THREADS * 2).collect()["s"]
    assert found == ["b"] * (THREADS * 2)


def test_async_functions_run_in_several_threads(t: pxt.Table) -> None:
    t.add_computed_column(y=twice_later(t.n))
    at_once(lambda thread: t.insert([{"k": thread * 10 + i, "n": i} for i in range(5)]))
    assert sorted(t.collect()["y"]) == sorted(2 * i for i in range(5) for _ in range(THREADS))


def test_directories_of_equal_path_are_made_once(ns: str) -> None:
    at_once(lambda _: pxt.create_dir(f"{ns}/a/b", parents=True, if_exists="ignore"))
    assert pxt.list_dirs(ns) == [f"{ns}/a", f"{ns}/a/b"]


def test_a_table_of_equal_path_is_made_once(ns: str) -> None:
    tables = at_once(lambda _: pxt.create_table(f"{ns}/u", {"k": pxt.Int}, if_exists="ignore"))
    assert len(set(tables)) == 1
