"""While a function of a user runs, nobody else waits: readers, writers, changes of the schema."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session
from tests.crash.programs import Programs, assert_versions_complete, cells

OPERATIONS = 20
OTHER_PROGRAM = """
table = pxt.get_table(sys.argv[1])
table.count()
for n in range(int(sys.argv[2])):
    table.insert(n=10_000 + n)
    table.count()
say("DONE")
"""


class Gate:
    """Holds calls of `held` for one argument until a test lets them go on."""

    def __init__(self) -> None:
        self.close()

    def close(self) -> None:
        self.arrived = threading.Event()
        self.opened = threading.Event()
        self.calls: list[int] = []

    def pass_through(self, n: int) -> None:
        self.calls.append(n)
        if n == HELD:
            self.arrived.set()
            assert self.opened.wait(60)


HELD = -1
GATE = Gate()


@pxt.udf
def held(n: int) -> int:
    GATE.pass_through(n)
    return n * 2


@pxt.udf
def triple(n: int) -> int:
    return n * 3


@pytest.fixture
def gate() -> Iterator[Gate]:
    """The gate, closed."""
    GATE.close()
    yield GATE
    GATE.opened.set()


def while_held(gate: Gate, call: Callable[[], object], meanwhile: Callable[[], object]) -> None:
    """Do something while a call in another thread is within the function, then let that one finish."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call)
        try:
            assert gate.arrived.wait(20)
            meanwhile()
            assert not running.done()
        finally:
            gate.opened.set()
        running.result()


def use_from_everywhere(table: pxt.Table, programs: Programs, path: str) -> None:
    """Reads and inserts in this thread and in another process; ends only if none of them waits for the function."""
    other = programs.start(OTHER_PROGRAM, path, OPERATIONS)
    for n in range(OPERATIONS):
        table.collect()
        table.insert(n=100 + n)
    assert other.succeed() == ["DONE"]


ADDED = [*range(100, 100 + OPERATIONS), *range(10_000, 10_000 + OPERATIONS)]


def test_nobody_waits_for_an_insert(ns: str, gate: Gate, programs: Programs) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    other = pxt.create_table(f"{ns}/other", {"n": pxt.Int})
    other.add_computed_column(doubled=held(other.n))
    while_held(
        gate,
        lambda: other.insert([{"n": -1}, {"n": 1}]),
        lambda: use_from_everywhere(table, programs, f"{ns}/t"),
    )
    assert cells(other, "n", "doubled") == [(-1, -2), (1, 2)]


def test_nobody_waits_for_an_insert_into_the_same_table(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.add_computed_column(doubled=held(table.n))

    def meanwhile() -> None:
        for n in range(OPERATIONS):
            table.insert(n=n)
        table.update({"n": 50}, where=table.n == 0)
        table.delete(where=table.n == 1)
        assert table.count() == OPERATIONS - 1

    while_held(gate, lambda: table.insert(n=-1), meanwhile)
    assert cells(table, "n", "doubled") == [(n, 2 * n) for n in [-1, *range(2, OPERATIONS), 50]]
    assert_versions_complete(table)


def test_nobody_waits_for_a_backfill(ns: str, gate: Gate, programs: Programs) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert([{"n": n} for n in (*range(10), -1)])
    while_held(
        gate,
        lambda: table.add_computed_column(doubled=held(table.n)),
        lambda: use_from_everywhere(table, programs, f"{ns}/t"),
    )
    assert cells(table, "n", "doubled") == [(n, 2 * n) for n in (-1, *range(10), *ADDED)]
    assert_versions_complete(table)


def test_rows_changed_during_a_backfill_get_their_right_cell(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert([{"n": n} for n in (*range(10), -1)])

    def meanwhile() -> None:
        table.update({"n": 20}, where=table.n == 0)
        table.update({"n": 21}, where=table.n == -1)
        table.delete(where=table.n == 1)
        table.insert(n=22)
        table.insert(n=23)
        table.revert()

    while_held(gate, lambda: table.add_computed_column(doubled=held(table.n)), meanwhile)
    assert cells(table, "n", "doubled") == [(n, 2 * n) for n in (*range(2, 10), 20, 21, 22)]
    assert_versions_complete(table)


def test_a_reverted_version_number_that_is_given_again_is_another_version(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert([{"n": n} for n in (*range(10), -1)])
    table.update({"n": 20}, where=table.n == 0)

    def meanwhile() -> None:
        table.revert()
        table.update({"n": 30}, where=table.n == 1)

    while_held(gate, lambda: table.add_computed_column(doubled=held(table.n)), meanwhile)
    assert cells(table, "n", "doubled") == [(n, 2 * n) for n in (-1, 0, *range(2, 10), 30)]


def test_a_column_added_during_an_insert_is_computed_with_it(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.add_computed_column(doubled=held(table.n))
    table.insert(n=1)
    gate.calls.clear()
    while_held(
        gate,
        lambda: table.insert([{"n": -1}, {"n": 2}]),
        lambda: table.add_computed_column(tripled=triple(table.n)),
    )
    assert sorted(gate.calls) == [-1, 2]
    assert cells(table, "n", "doubled", "tripled") == [(n, 2 * n, 3 * n) for n in (-1, 1, 2)]
    assert_versions_complete(table)


def test_a_column_dropped_during_an_insert_is_left_out(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert(n=0)
    table.add_computed_column(doubled=held(table.n))
    while_held(gate, lambda: table.insert(n=-1), lambda: table.drop_column("doubled"))
    assert cells(table, "n") == [(-1,), (0,)]
    assert_versions_complete(table)


def test_a_table_dropped_during_an_insert_is_named_in_the_error(ns: str, gate: Gate) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.add_computed_column(doubled=held(table.n))

    def insert() -> None:
        with pytest.raises(pxt.NotFoundError, match="dropped"):
            table.insert(n=-1)

    while_held(gate, insert, lambda: pxt.drop_table(f"{ns}/t"))


CALLS: dict[str, Callable[[pxt.Table], object]] = {
    "insert": lambda table: table.insert(n=1),
    "bulk_insert": lambda table: table.insert([{"n": n} for n in range(500)]),
    "update": lambda table: table.update({"n": 1}),
    "delete": lambda table: table.delete(),
    "count": lambda table: table.count(),
}


def test_a_table_dropped_by_another_program_is_named_in_the_error(ns: str, programs: Programs) -> None:
    tables = {name: pxt.create_table(f"{ns}/{name}", {"n": pxt.Int}) for name in CALLS}
    for table in tables.values():
        table.insert(n=0)
    programs.run("pxt.drop_dir(sys.argv[1], force=True)", ns)
    session = current_session()
    stale = session.catalog
    for name, call in CALLS.items():
        with pytest.raises(pxt.NotFoundError, match="dropped"):
            call(tables[name])
        session._catalog = stale  # noqa: SLF001  # as it was before the first call learned of the drop
