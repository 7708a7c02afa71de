"""Several threads and processes that write to one table: nothing is lost, nothing is there twice."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete, cells, wait_until

INCREMENT = """
from incrementing import increment
table = pxt.get_table(sys.argv[1])

def work():
    done = 0
    for _ in range(int(sys.argv[2])):
        try:
            table.update({"n": increment(table.n)})
            done += 1
        except pxt.ConcurrencyError as error:
            assert error.is_retryable
    say(done)

threads = [threading.Thread(target=work) for _ in range(int(sys.argv[3]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_no_increment_that_was_acknowledged_is_lost(ns: str, programs: Programs) -> None:
    (programs.folder / "incrementing.py").write_text(
        "import pixeltable as pxt\n\n@pxt.udf\ndef increment(n: int) -> int:\n    return n + 1\n"
    )
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert([{"n": 0}, {"n": 100}])
    running = [programs.start(INCREMENT, f"{ns}/t", 20, threads) for threads in (4, 1, 1)]
    done = sum(int(line) for program in running for line in program.succeed())
    assert done >= 60, "writers should mostly get through"
    assert cells(table, "n") == [(done,), (100 + done,)]
    assert_versions_complete(table)


@pytest.mark.slow
def test_four_processes_insert_into_one_table(ns: str, programs: Programs) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.add_computed_column(next=table.n + 1)
    source = """
    table = pxt.get_table(sys.argv[1])
    for n in range(100):
        table.insert(n=int(sys.argv[2]) + n)
    """
    for program in [programs.start(source, f"{ns}/t", 1000 * number) for number in range(4)]:
        program.succeed()
    expected = [1000 * number + n for number in range(4) for n in range(100)]
    assert cells(table, "n", "next") == [(n, n + 1) for n in expected]
    assert_versions_complete(table)


def together(*calls: object) -> Counter[str]:
    """The outcomes of calls made at the same time, by name."""

    def outcome(call: object) -> str:
        try:
            call()
        except pxt.RequestError as error:
            return error.error_code.name
        return "DONE"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(outcome, calls))


def test_one_of_two_inserts_of_a_key_wins(ns: str) -> None:
    table = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "n": pxt.Int}, primary_key="id")
    for key in range(30):
        outcomes = together(*(lambda n=n: table.insert(id=key, n=n) for n in range(2)))  # noqa: B023  # called at once
        assert outcomes == {"DONE": 1, "CONSTRAINT_VIOLATION": 1}
    assert cells(table, "id") == [(key,) for key in range(30)]
    assert_versions_complete(table)


def test_one_of_two_bulk_inserts_with_common_keys_wins(ns: str) -> None:
    """They meet each other's keys in opposite order, which is a deadlock in the database."""
    table = pxt.create_table(f"{ns}/t", {"id": pxt.Int}, primary_key="id")
    upwards = [{"id": key} for key in range(20_000)]
    outcomes = together(lambda: table.insert(upwards), lambda: table.insert(upwards[::-1]))
    assert outcomes == {"DONE": 1, "CONSTRAINT_VIOLATION": 1}
    assert table.count() == len(upwards)
    assert_versions_complete(table)


def test_a_bulk_insert_and_an_insert_of_one_of_its_keys(ns: str) -> None:
    table = pxt.create_table(f"{ns}/t", {"id": pxt.Int}, primary_key="id")
    rows = [{"id": key} for key in range(20_000)]
    outcomes = together(lambda: table.insert(rows), *(lambda key=key: table.insert(id=key) for key in (5, 10_000)))
    assert outcomes["DONE"] >= 1
    assert sum(outcomes.values()) == outcomes["DONE"] + outcomes["CONSTRAINT_VIOLATION"]
    assert_versions_complete(table)


def insert_until_dropped(table: pxt.Table) -> None:
    try:
        while True:
            table.insert([{"n": n} for n in range(300)])
    except pxt.NotFoundError:
        pass


def test_a_table_dropped_while_others_insert(ns: str) -> None:
    """Without a deadlock in the database, which takes it a second to notice."""
    with ThreadPoolExecutor(2) as pool:
        for number in range(5):
            table = pxt.create_table(f"{ns}/t{number}", {"n": pxt.Int})
            inserting = [pool.submit(insert_until_dropped, table) for _ in range(2)]
            wait_until(lambda: table.count() > 600)  # noqa: B023  # called at once
            start = time.perf_counter()
            pxt.drop_table(f"{ns}/t{number}")
            for call in inserting:
                call.result()
            assert time.perf_counter() - start < 0.9
