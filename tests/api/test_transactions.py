"""`pxt.transaction()`: several writes that become durable together, or not at all."""

import asyncio
import contextvars
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt

CALLS: list[str] = []


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())


@pxt.udf
def shout(s: str) -> str:
    CALLS.append(s)
    return f"{s}!"


@pxt.udf
def vector(s: str) -> pxt.Array[(4,), pxt.Float]:
    return [float(len(s)), 1.0, 0.0, 0.0]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String}, primary_key="n")
    t.add_computed_column(loud=shout(t.s))
    t.insert({"n": n, "s": f"a{n} b"} for n in range(5))
    CALLS.clear()
    return t


@pytest.fixture
def log(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/log", {"what": pxt.String})


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def seen_by_others(query: Callable[[], list]) -> list:
    """What another thread sees, which is in no transaction."""
    found: list = []
    thread = threading.Thread(target=lambda: found.extend(query()))
    thread.start()
    thread.join()
    return found


def test_all_of_it_shows_at_the_end(t: pxt.Table, log: pxt.Table) -> None:
    with pxt.transaction():
        t.insert(n=7, s="new")
        log.insert(what="inserted 7")
        t.update({"s": "changed"}, where=t.n == 7)
        t.delete(where=t.n < 4)
        assert rows(t) == [(4, "a4 b", "a4 b!"), (7, "changed", "changed!")]
        assert seen_by_others(lambda: [t.count(), log.count()]) == [5, 0]
    assert seen_by_others(lambda: rows(t)) == [(4, "a4 b", "a4 b!"), (7, "changed", "changed!")]
    assert rows(log) == [("inserted 7",)]
    assert [version["version"] for version in t.get_versions()][:4] == [5, 4, 3, 2]


def test_each_call_is_made_once(t: pxt.Table) -> None:
    with pxt.transaction():
        t.insert([{"n": 10, "s": "x"}, {"n": 11, "s": "y"}])
        t.update({"s": "z"}, where=t.n == 10)
        assert t.where(t.n > 9).count() == 2
    assert CALLS == ["x", "y", "z"]


def test_an_error_leaves_nothing(t: pxt.Table, log: pxt.Table) -> None:
    before = rows(t), t.get_versions(), log.get_versions()

    def fail() -> None:
        with pxt.transaction():
            t.delete()
            log.insert(what="gone")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert (rows(t), t.get_versions(), log.get_versions()) == before
    t.insert(n=9, s="later")
    assert t.count() == 6


def test_an_error_of_a_write_shows_where_it_is(t: pxt.Table) -> None:
    with pxt.transaction():
        t.insert(n=20, s="x")
        with pytest.raises(pxt.Error, match="20"):
            t.insert(n=20, s="y")
        t.insert(n=21, s="z")
    assert rows(t.where(t.n >= 20).select(t.n, t.s)) == [(20, "x"), (21, "z")]


def test_what_others_write_meanwhile_is_no_conflict(t: pxt.Table) -> None:
    with pxt.transaction():
        t.insert(n=20, s="x")
        t.update({"s": "mine"}, where=t.n == 1)
        seen_by_others(lambda: [t.insert(n=30, s="theirs"), t.update({"s": "theirs"}, where=t.n == 2)])
        t.update({"s": "again"}, where=t.n == 20)
        t.update({"s": "mine too"}, where=t.n == 30)
    assert rows(t.select(t.n, t.s)) == [
        (0, "a0 b"), (1, "mine"), (2, "theirs"), (3, "a3 b"), (4, "a4 b"), (20, "again"), (30, "mine too")
    ]  # fmt: skip
    versions = t.get_versions()
    assert [version["version"] for version in versions] == list(range(len(versions)))[::-1]
    for version in range(2, len(versions)):  # each is what it was: later ones have later operations
        assert t.at(version=version).count() in {5, 6, 7}
    t.revert()
    assert rows(t.where(t.n == 30).select(t.s)) == [("theirs",)]


def test_two_changes_of_one_row_are_a_conflict(t: pxt.Table, log: pxt.Table) -> None:
    before = t.get_versions()

    def both() -> None:
        with pxt.transaction():
            log.insert(what="x")
            t.update({"s": "mine"}, where=t.n == 1)
            seen_by_others(lambda: [t.update({"s": "theirs"}, where=t.n == 1)])

    with pytest.raises(pxt.ConcurrencyError, match=r"others changed .*run its block again"):
        both()
    assert rows(t.where(t.n == 1).select(t.s)) == [("theirs",)]
    assert (log.count(), len(t.get_versions())) == (0, len(before) + 1)


def test_what_was_read_before_it_was_changed_is_a_conflict(t: pxt.Table) -> None:
    def read_and_write() -> None:
        with pxt.transaction():
            s = t.where(t.n == 1).collect()["s"][0]
            seen_by_others(lambda: [t.update({"s": "theirs"}, where=t.n == 1)])
            t.update({"s": f"{s} and mine"}, where=t.n == 1)

    with pytest.raises(pxt.ConcurrencyError):
        read_and_write()
    assert rows(t.where(t.n == 1).select(t.s)) == [("theirs",)]


def test_an_upsert_of_a_key_that_others_add_is_a_conflict(t: pxt.Table) -> None:
    def upsert() -> None:
        with pxt.transaction():
            t.batch_update([{"n": 50, "s": "mine"}], if_not_exists="insert")
            seen_by_others(lambda: [t.insert(n=50, s="theirs")])

    with pytest.raises(pxt.ConcurrencyError):
        upsert()


def test_nobody_waits_for_what_is_tried(t: pxt.Table, log: pxt.Table) -> None:
    @pxt.udf
    def write_too(n: int) -> int:
        seen_by_others(lambda: [log.insert(what=f"{n}")])
        return n

    with pxt.transaction():
        log.insert(what="mine")
        assert t.select(m=write_too(t.n)).collect()["m"] == [0, 1, 2, 3, 4]
        assert log.count() == 6
    assert log.count() == 6


def test_a_part_that_fails_takes_only_its_own_along(t: pxt.Table) -> None:
    async def bad(entered: asyncio.Event, go: asyncio.Event) -> None:
        with pxt.transaction():
            t.insert(n=60, s="bad")
            entered.set()
            await go.wait()
            raise ZeroDivisionError

    async def run() -> None:
        entered, go = asyncio.Event(), asyncio.Event()
        with pxt.transaction():
            task = asyncio.create_task(bad(entered, go))
            await entered.wait()
            t.insert(n=61, s="good")
            go.set()
            with pytest.raises(ZeroDivisionError):
                await task

    asyncio.run(run())
    assert rows(t.where(t.n >= 60).select(t.n)) == [(61,)]


def test_a_forked_child_is_not_part_of_it(t: pxt.Table, log: pxt.Table) -> None:
    with pxt.transaction():
        t.insert(n=60, s="mine")
        child = multiprocessing.get_context("fork").Process(target=lambda: log.insert(what="child"))
        child.start()
        child.join(60)
        assert (child.exitcode, log.count()) == (0, 1)
    assert (t.count(), log.count()) == (6, 1)


def test_a_block_is_entered_once(t: pxt.Table) -> None:
    block = pxt.transaction()
    with block:
        t.insert(n=60, s="x")
    with pytest.raises(pxt.RequestError, match="entered once"), block:
        pass
    assert t.count() == 6


def test_a_generator_that_ends_in_another_context(t: pxt.Table) -> None:
    def steps() -> Iterator[None]:
        with pxt.transaction():
            t.insert(n=60, s="x")
            yield

    generator = steps()
    contextvars.copy_context().run(next, generator)
    assert next(generator, "done") == "done"
    assert t.count() == 6


def test_a_conflict_shows_at_the_next_call(t: pxt.Table) -> None:
    def read_after() -> None:
        with pxt.transaction():
            t.delete(where=t.n == 1)
            seen_by_others(lambda: [t.delete(where=t.n == 1)])
            t.count()

    with pytest.raises(pxt.ConcurrencyError):
        read_after()
    assert t.count() == 4


def test_a_key_that_others_add_is_refused_at_the_end(t: pxt.Table) -> None:
    def add() -> None:
        with pxt.transaction():
            t.insert(n=50, s="mine")
            seen_by_others(lambda: [t.insert(n=50, s="theirs")])

    with pytest.raises(pxt.Error, match="50"):
        add()
    assert rows(t.where(t.n == 50).select(t.s)) == [("theirs",)]


def test_a_schema_that_others_change_is_a_conflict(t: pxt.Table) -> None:
    def add() -> None:
        with pxt.transaction():
            t.insert(n=50, s="mine")
            seen_by_others(lambda: [t.add_column(more=pxt.Int | None)])

    with pytest.raises(pxt.ConcurrencyError):
        add()
    assert t.count() == 5


def test_views_and_indexes_go_along(ns: str, t: pxt.Table) -> None:
    t.add_embedding_index("s", idx_name="ix", string_embed=vector)
    parts = pxt.create_view(f"{ns}/parts", t.where(t.n > 2), iterator=words(t.s))
    with pxt.transaction():
        t.update({"s": "one two three"}, where=t.n == 4)
        t.insert(n=6, s="longest of them all")
        nearest = t.order_by(t.s.similarity(string="longest of them all"), asc=False).limit(1).select(t.n)
        assert rows(nearest) == [(6,)]
        assert parts.where(parts.n == 4).count() == 3
    assert rows(parts.select(parts.n, parts.word)) == [
        (3, "a3"), (3, "b"), (4, "one"), (4, "two"), (4, "three"),
        (6, "longest"), (6, "of"), (6, "them"), (6, "all"),
    ]  # fmt: skip
    assert rows(nearest) == [(6,)]
    t.revert()
    assert parts.count() == 5


def test_many_rows(ns: str) -> None:
    t = pxt.create_table(f"{ns}/many", {"n": pxt.Int, "s": pxt.String})
    t.add_computed_column(m=t.n + 1)
    with pxt.transaction():
        t.insert({"n": n, "s": "x"} for n in range(30_000))
        t.update({"s": "y"}, where=t.n >= 20_000)
        assert t.where(t.s == "y").count() == 10_000
    assert (t.count(), t.where(t.s == "x").count()) == (30_000, 20_000)


def test_batch_updates_and_recomputation(t: pxt.Table) -> None:
    with pxt.transaction():
        t.batch_update([{"n": 1, "s": "one"}, {"n": 60, "s": "sixty"}], if_not_exists="insert")
        t.recompute_columns("loud", where=t.n == 60)
        assert t.update({"s": "x"}, where=t.n == 60, return_rows=True).rows == [{"n": 60, "s": "x", "loud": "x!"}]
    assert rows(t.where((t.n == 1) | (t.n == 60))) == [(1, "one", "one!"), (60, "x", "x!")]


def test_one_within_another_is_a_part(t: pxt.Table) -> None:
    def insert_and_fail() -> None:
        with pxt.transaction():
            t.insert(n=71, s="y")
            raise ZeroDivisionError

    with pxt.transaction():
        t.insert(n=70, s="x")
        with pytest.raises(ZeroDivisionError):
            insert_and_fail()
        with pxt.transaction():
            t.insert(n=72, s="z")
        assert seen_by_others(lambda: [t.count()]) == [5]
    assert rows(t.where(t.n >= 70).select(t.n)) == [(70,), (72,)]


def test_reads_of_all_kinds_have_what_was_written(t: pxt.Table, ns: str) -> None:
    with pxt.transaction():
        t.insert([{"n": 8, "s": "x"}])
        assert [dict(row) for row in pxt.sql(f'select n from "{ns}/t" where n > 4')] == [{"n": 8}]
        with t.where(t.n > 4).cursor() as cursor:
            assert [row["n"] for row in cursor] == [8]
        assert t.head(1)["n"] == [0]
        assert rows(t.group_by(t.s == "x").select(c=pxt.functions.count(t.n)).order_by(pxt.functions.count(t.n)))
        assert t.at(version=2).count() == 5
    assert t.count() == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.add_computed_column(x=t.n + 1),
        lambda t: t.add_computed_column(x=t.n + 1, background=True),
        lambda t: t.revert(),
        lambda t: t.tag("x"),
        lambda t: t.annotate("x"),
        lambda t: t.drop_column("loud"),
        lambda t: t.add_embedding_index("s", string_embed=vector),
        lambda t: t.add_btree_index("s"),
        lambda t: t.restore(1),
        lambda t: pxt.drop_table(t),
        lambda _: pxt.create_table("other", {"n": pxt.Int}),
    ],
)
def test_what_is_no_write_of_rows_is_refused(t: pxt.Table, change: Callable) -> None:
    before = t.get_versions()
    with pxt.transaction():
        t.insert(n=80, s="x")
        with pytest.raises(pxt.RequestError, match="cannot be part of a transaction"):
            change(t)
    assert (t.count(), len(t.get_versions())) == (6, len(before) + 1)


def test_a_block_without_writes_does_nothing(t: pxt.Table) -> None:
    before = t.get_versions()
    with pxt.transaction():
        assert t.count() == 5
        t.update({"s": "x"}, where=t.n == 99)
    assert t.get_versions() == before


def test_a_task_that_outlasts_the_block_writes_no_more(t: pxt.Table) -> None:
    async def run() -> None:
        async def late() -> None:
            await ended.wait()
            t.insert(n=90, s="late")

        ended = asyncio.Event()
        with pxt.transaction():
            t.insert(n=91, s="x")
            task = asyncio.create_task(late())
        ended.set()
        with pytest.raises(pxt.RequestError, match="has ended"):
            await task

    asyncio.run(run())
    assert rows(t.where(t.n >= 90).select(t.n)) == [(91,)]


def test_transactions_of_several_threads(t: pxt.Table, log: pxt.Table) -> None:
    def work(number: int) -> None:
        for n in range(5):
            while True:
                try:
                    with pxt.transaction():
                        log.insert(what=f"{number} {n}")
                        t.update({"s": t.s + "."}, where=t.n == 0)
                    break
                except pxt.ConcurrencyError:
                    continue

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rows(log)) == sorted((f"{number} {n}",) for number in range(3) for n in range(5))
    assert rows(t.where(t.n == 0)) == [(0, "a0 b" + 15 * ".", "a0 b" + 15 * "." + "!")]
