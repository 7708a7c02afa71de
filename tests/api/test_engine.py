"""Functions of every kind in tables: aborts, receipts, callers with loops and threads, queries within functions."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable.func import Batch
from pixeltable.session.current import current_session, end_session

CALLS: list[int] = []
FAILING: set[int] = set()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    CALLS.clear()
    FAILING.clear()
    yield
    FAILING.clear()


def square(n: int) -> int:
    CALLS.append(n)
    if n in FAILING:
        raise ValueError(f"{n} is refused")
    return n * n


@pxt.udf
def plain(n: int) -> int:
    return square(n)


@pxt.udf(batch_size=4)
def batched(n: Batch[int]) -> Batch[int]:
    return [square(number) for number in n]


@pxt.udf
async def later(n: int) -> int:
    await asyncio.sleep(0)
    return square(n)


@pxt.udf(batch_size=4)
async def batched_later(n: Batch[int]) -> Batch[int]:
    await asyncio.sleep(0)
    return [square(number) for number in n]


@pxt.udf(parallel="threads")
def threaded(n: int) -> int:
    return square(n)


@pxt.udf(timeout_s=60)
def timed(n: int) -> int:
    return square(n)


@pxt.udf(memo=True)
def kept(n: int) -> int:
    return square(n)


@pxt.udf(memo=True)
async def kept_later(n: int) -> int:
    return square(n)


@pxt.udf(memo=True, parallel="threads")
def kept_threaded(n: int) -> int:
    return square(n)


KEPT = [kept, kept_later, kept_threaded]
KINDS = [plain, batched, later, batched_later, threaded, timed, *KEPT]
each_kind = pytest.mark.parametrize("function", KINDS, ids=lambda function: function.name)
NUMBERS = iter(range(10_000, 10_000_000, 10_000))


@pytest.fixture
def numbers() -> list[int]:
    """Numbers that no function remembers from an earlier test."""
    first = next(NUMBERS)
    return list(range(first, first + 500))


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/t", {"n": pxt.Int})


def rows(numbers: list[int]) -> list[dict[str, Any]]:
    return [{"n": number} for number in numbers]


@each_kind
def test_an_aborted_insert_names_the_cell_and_writes_nothing(t: pxt.Table, numbers: list[int], function: Any) -> None:
    t.add_computed_column(c=function(t.n))
    FAILING.add(numbers[321])
    with pytest.raises(
        pxt.RequestError, match=rf"column 'c', row 321: ValueError: .* Inputs: {numbers[321]}"
    ) as raised:
        t.insert(rows(numbers))
    assert isinstance(raised.value.__cause__, ValueError)
    assert t.count() == 0


@pytest.mark.parametrize("function", KEPT, ids=lambda function: function.name)
def test_what_an_aborted_insert_computed_is_remembered(t: pxt.Table, numbers: list[int], function: Any) -> None:
    t.add_computed_column(c=function(t.n))
    FAILING.add(numbers[100])
    with pytest.raises(pxt.RequestError):
        t.insert(rows(numbers[:200]))
    FAILING.clear()
    before = Counter(CALLS)
    receipt = t.insert(rows(numbers[:200]))
    again = Counter(CALLS) - before
    assert not (again.keys() & before.keys()) - {numbers[100]}
    assert receipt.num_cached == len(before) - 1
    assert receipt.num_calls == 200 - receipt.num_cached


@each_kind
def test_an_aborted_backfill_keeps_all_it_computed(t: pxt.Table, numbers: list[int], function: Any) -> None:
    t.insert(rows(numbers))
    FAILING.add(numbers[321])
    with pytest.raises(pxt.RequestError, match=rf"column 'c', row 321: ValueError: .* Inputs: {numbers[321]}"):
        t.add_computed_column(c=function(t.n))
    assert t.columns() == ["n"]
    FAILING.clear()
    before = Counter(CALLS)
    t.add_computed_column(c=function(t.n))
    again = Counter(CALLS) - before
    computed_twice = (again.keys() & before.keys()) - {numbers[321]}
    assert len(computed_twice) <= 256  # what was under way
    if function.name in ("plain", "batched", "kept"):
        assert not computed_twice
    assert t.select(t.c).order_by(t.n).collect()["c"] == [number * number for number in numbers]


@each_kind
def test_ignored_failures_are_counted_and_kept(t: pxt.Table, numbers: list[int], function: Any) -> None:
    FAILING.update(numbers[::100])
    t.insert(rows(numbers))
    receipt = t.add_computed_column(c=function(t.n), on_error="ignore")
    assert receipt.num_excs == 5
    failed = t.where(t.c.errortype != None).select(t.n, t.c.errortype, t.c.errormsg).collect()  # noqa: E711
    assert sorted(failed["n"]) == numbers[::100]
    assert set(failed["c_errortype"]) == {"ValueError"}


@each_kind
def test_within_a_running_event_loop(t: pxt.Table, numbers: list[int], function: Any) -> None:
    """As in Jupyter, or an async application."""

    async def main() -> list[int]:
        t.add_computed_column(c=function(t.n))
        t.insert(rows(numbers))
        found: list[int] = t.select(d=function(t.n)).collect()["d"]
        return found

    assert sorted(asyncio.run(main())) == [number * number for number in numbers]


@each_kind
def test_several_threads_insert_at_once(t: pxt.Table, ns: str, numbers: list[int], function: Any) -> None:
    other = pxt.create_table(f"{ns}/other", {"n": pxt.Int})
    for table in (t, other):
        table.add_computed_column(c=function(table.n))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: (t, other)[i % 2].insert(rows(numbers[i::6])), range(6)))
    found = t.collect()["c"] + other.collect()["c"]
    assert sorted(found) == [number * number for number in numbers]


def lookup(number: int) -> int:
    """A query, made by a function."""
    table = pxt.get_table(TABLES[0])
    found: list[int] = table.where(table.n == number).select(c=later(table.n)).collect()["c"]
    return found[0]


TABLES: list[str] = []


@pytest.fixture
def asked(ns: str, numbers: list[int]) -> Iterator[pxt.Table]:
    """A table that functions query; it is in `TABLES`."""
    table = pxt.create_table(f"{ns}/asked", {"n": pxt.Int})
    table.insert(rows(numbers))
    TABLES[:] = [f"{ns}/asked"]
    yield table
    TABLES.clear()


@pytest.mark.parametrize("options", [{}, {"parallel": "threads"}, {"timeout_s": 60}, {"memo": True}], ids=str)
@pytest.mark.usefixtures("asked")
def test_a_function_that_queries(t: pxt.Table, numbers: list[int], options: Any) -> None:
    def ask(n: int) -> int:
        return lookup(n)

    t.add_computed_column(c=pxt.udf(**options)(ask)(t.n))
    t.insert(rows(numbers[:40]))
    assert sorted(t.collect()["c"]) == [number * number for number in numbers[:40]]


@pxt.udf(memo=True)
def countdown(n: int) -> int:
    if not n:
        return 0
    table = pxt.get_table(TABLES[0])
    found: list[int] = table.limit(1).select(c=countdown(table.n - table.n + n - 1)).collect()["c"]
    return found[0] + 1


@pytest.mark.slow
def test_a_function_in_another_process_that_queries(t: pxt.Table, asked: pxt.Table, numbers: list[int]) -> None:
    """There it has a session of its own."""
    path = asked.get_metadata()["path"]

    def ask(n: int) -> int:
        import pixeltable  # noqa: PLC0415  # in the worker process

        table = pixeltable.get_table(path)
        found: list[int] = table.where(table.n == n).select(c=table.n + 1).collect()["c"]
        return found[0]

    t.add_computed_column(c=pxt.udf(parallel="processes")(ask)(t.n))
    t.insert(rows(numbers[:10]))
    assert sorted(t.collect()["c"]) == [number + 1 for number in numbers[:10]]


@pytest.mark.usefixtures("asked")
def test_a_remembered_function_that_asks_for_itself(t: pxt.Table) -> None:
    """Of calls that the same operation will come to later: it does not wait for itself."""
    t.add_computed_column(c=countdown(t.n))
    t.insert(rows([3, 2, 1, 5]))
    assert t.select(t.c).collect()["c"] == [3, 2, 1, 5]


@pytest.mark.usefixtures("asked")
def test_an_async_function_that_queries_is_told_how(t: pxt.Table, numbers: list[int]) -> None:
    async def ask(n: int) -> int:
        return lookup(n)

    async def ask_in_thread(n: int) -> int:
        return await asyncio.to_thread(lookup, n)

    t.add_computed_column(c=pxt.udf(ask)(t.n))
    t.add_computed_column(d=pxt.udf(ask_in_thread)(t.n))
    t.insert(rows(numbers[:40]), on_error="ignore")
    assert sorted(t.collect()["d"]) == [number * number for number in numbers[:40]]
    assert set(t.select(t.c.errortype).collect()["c_errortype"]) == {"Unsupported"}
    assert "asyncio.to_thread" in t.select(m=t.c.errormsg).limit(1).collect()["m"][0]


@pytest.mark.parametrize("options", [{}, {"parallel": "threads"}, {"memo": True}], ids=str)
def test_a_function_that_inserts(t: pxt.Table, asked: pxt.Table, numbers: list[int], options: Any) -> None:
    asked.add_computed_column(c=later(asked.n))
    path = TABLES[0]

    def note(n: int) -> int:
        pxt.get_table(path).insert(n=n)
        return n

    t.add_computed_column(c=pxt.udf(**options)(note)(t.n))
    t.insert(rows(numbers[:10]))
    assert asked.count() == 510


@pytest.mark.slow
@pytest.mark.parametrize("function", [later, threaded, kept_later], ids=lambda function: function.name)
def test_many_small_inserts_leave_no_thread_behind(t: pxt.Table, function: Any) -> None:
    t.add_computed_column(c=function(t.n))
    for n in range(50):
        t.insert(n=n)
    before = threading.active_count()
    for n in range(300):
        t.insert(n=n)
    assert threading.active_count() <= before


VECTOR = pxt.Array[(3,), pxt.Float]


@pxt.udf
async def vector(n: int) -> VECTOR:  # type: ignore[valid-type]
    if n in FAILING:
        raise ValueError("no vector")
    return np.array([n % 1000, 1, 2], dtype=np.float32)


@pxt.udf
def pad(n: int) -> pxt.Json:
    CALLS.append(n)
    return {"n": n, "text": "x" * 1000}


@pytest.fixture
def no_memory(session_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session that holds next to nothing in memory until it is written."""
    del session_settings
    end_session()
    monkeypatch.setenv("PIXELTABLE_MEMORY_MB", "0")
    yield
    end_session()


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize("return_rows", [False, True])
def test_an_insert_beyond_memory_is_the_same(t: pxt.Table, numbers: list[int], *, return_rows: bool) -> None:
    assert current_session().settings.memory_mb == 0
    t.add_computed_column(v=vector(t.n))
    t.insert(n=1)
    t.add_computed_column(c=later(t.n))  # a heap of its own
    t.add_computed_column(j=pad(t.c % 10))
    t.add_embedding_index("v", metric="l2")
    FAILING.update(numbers[::50])
    receipt = t.insert(rows(numbers), on_error="ignore", return_rows=return_rows)
    assert receipt.num_rows == len(numbers)
    found = t.where(t.n > 1).order_by(t.n).select(t.n, t.v, t.c, t.j, e=t.c.errortype).collect()
    assert found["n"] == numbers
    assert found["c"] == [None if number in FAILING else number**2 for number in numbers]
    assert found["e"] == ["ValueError" if number in FAILING else None for number in numbers]
    assert [None if v is None else int(v[0]) for v in found["v"]] == [
        None if number in FAILING else number % 1000 for number in numbers
    ]
    near = (
        t.order_by(t.v.similarity(vector=np.array([numbers[7] % 1000, 1, 2.0])), asc=True)
        .limit(1)
        .select(t.n)
        .collect()
    )
    assert near["n"] == [numbers[7]]
    if return_rows:
        assert receipt.rows is not None
        assert [row["n"] for row in receipt.rows] == numbers


@pytest.mark.usefixtures("no_memory")
def test_no_room_for_what_memory_does_not_hold(
    t: pxt.Table, numbers: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    t.add_computed_column(c=later(t.n))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(pxt.Error, match="memory_mb"):
        t.insert(rows(numbers))
    assert t.count() == 0


@pytest.mark.usefixtures("no_memory")
def test_an_aborted_insert_beyond_memory_writes_nothing(t: pxt.Table, numbers: list[int]) -> None:
    t.add_computed_column(c=later(t.n))
    FAILING.add(numbers[-1])
    with pytest.raises(pxt.RequestError, match=f"row {len(numbers) - 1}"):
        t.insert(rows(numbers))
    assert t.count() == 0


CHANGE: list[tuple[str, int]] = []


@pxt.udf
def changes_schema(n: int) -> int:
    CALLS.append(n)
    if CHANGE and n == CHANGE[0][1]:
        path, _ = CHANGE.pop()
        with ThreadPoolExecutor(1) as pool:
            table = pxt.get_table(path)
            pool.submit(table.add_computed_column, extra=table.n + 1).result()
    return n


def test_a_schema_change_in_the_midst_computes_nothing_again(t: pxt.Table, ns: str, numbers: list[int]) -> None:
    """Another program adds a column while an insert computes: what is known stays known."""
    CHANGE.clear()
    CHANGE.append((f"{ns}/t", numbers[-1]))
    t.add_computed_column(c=changes_schema(t.n))
    t.insert(rows(numbers))
    assert not CHANGE
    assert sorted(CALLS) == numbers
    assert "extra" in pxt.get_table(f"{ns}/t").columns()
    assert t.count() == len(numbers)


def test_attempts_and_retries_of_a_column(t: pxt.Table, numbers: list[int]) -> None:
    """What `add_computed_column` says of retries goes before what the function says."""
    FAILING.add(numbers[3])
    t.insert(rows(numbers[:10]))
    policy = pxt.Retry(on=(ValueError,), times=2, wait_s=0)
    receipt = t.add_computed_column(c=later(t.n), on_error="ignore", retry=policy)
    assert receipt.num_retries == 2
    assert CALLS.count(numbers[3]) == 3
    receipt = t.insert(rows(numbers[3:4]), on_error="ignore")
    assert receipt.num_retries == 2
    assert CALLS.count(numbers[3]) == 6


def test_a_column_with_a_timeout(t: pxt.Table, numbers: list[int]) -> None:
    async def waits(n: int) -> int:
        if n == numbers[1]:
            await asyncio.sleep(60)
        return n

    t.add_computed_column(c=pxt.udf(waits)(t.n), timeout_s=0.2)
    receipt = t.insert(rows(numbers[:3]), on_error="ignore")
    assert receipt.num_excs == 1
    assert t.where(t.n == numbers[1]).select(m=t.c.errormsg).collect()["m"] == ["waits() did not return within 0.2 s"]


STARTED = threading.Event()


@pxt.udf
async def hangs(n: int) -> int:
    STARTED.set()
    await asyncio.sleep(60)
    return n


def test_ending_the_session_ends_calls_of_other_threads(t: pxt.Table, ns: str, numbers: list[int]) -> None:
    """Who waited gets an error of ours; the next call starts another session."""
    STARTED.clear()
    t.add_computed_column(c=hangs(t.n))
    found: list[BaseException] = []

    def insert() -> None:
        try:
            t.insert(rows(numbers))
        except BaseException as error:  # noqa: BLE001  # looked at below
            found.append(error)

    thread = threading.Thread(target=insert)
    thread.start()
    assert STARTED.wait(30)
    end_session()
    thread.join(30)
    assert [isinstance(error, pxt.Error) for error in found] == [True]
    assert pxt.get_table(f"{ns}/t").count() == 0
