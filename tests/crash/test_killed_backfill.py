"""A backfill whose program is killed, or that a failing function aborts, goes on where it stopped."""

from pathlib import Path

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete, calls, cells, wait_until

ROWS = 400
FUNCTION = """
import os, time
from pathlib import Path
import pixeltable as pxt

LOG = {log!r}

@pxt.udf
def double(n: int) -> int:
    with open(LOG, "a") as log:
        log.write(f"{{n}}\\n")
    {body}
    return n * 2
"""
SLOWLY = "time.sleep(0.005)"
ADD = """
table = pxt.get_table(sys.argv[1])
try:
    table.add_computed_column(doubled=double(table.n))
    say("DONE")
except pxt.Error as error:
    say(error.error_code.name)
"""
DOUBLED = "doubled"


def make_table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert([{"n": n} for n in range(ROWS)])
    return table


def in_module(folder: Path, body: str = SLOWLY) -> str:
    """A program that adds a column by a function of a module."""
    (folder / "doubling.py").write_text(FUNCTION.format(log=str(folder / "calls"), body=body))
    return f"from doubling import double\n{ADD}"


def in_script(folder: Path, body: str = SLOWLY) -> str:
    """A program that adds a column by a function of its own."""
    return FUNCTION.format(log=str(folder / "calls"), body=body) + ADD


@pytest.fixture(params=[in_module, in_script])
def killed(request: pytest.FixtureRequest, ns: str, programs: Programs) -> tuple[pxt.Table, str]:
    """A table whose backfill was killed halfway, and the program that did it."""
    table = make_table(ns)
    source = request.param(programs.folder)
    program = programs.start(source, f"{ns}/t")
    wait_until(lambda: len(calls(programs.folder / "calls")) > ROWS // 2)
    program.kill()
    return table, source


def test_a_killed_backfill_is_resumed(killed: tuple[pxt.Table, str], programs: Programs, ns: str) -> None:
    table, source = killed
    log = programs.folder / "calls"
    before = len(calls(log))
    assert table.columns() == ["n"]
    assert table.count() == ROWS
    programs.run(
        """
        table = pxt.get_table(sys.argv[1])
        table.insert(n=1000)
        table.update({"n": 2000}, where=table.n == 0)
        table.update({"n": 2001}, where=table.n == 399)
        table.delete(where=table.n == 1)
        table.delete(where=table.n == 398)
        """,
        f"{ns}/t",
    )
    assert programs.run(source, f"{ns}/t") == ["DONE"]
    resumed = len(calls(log)) - before
    # Half of the rows were called for; less than one batch of them, which takes about 0.5 s, was not kept.
    assert resumed <= ROWS - before + 130
    expected = [*range(2, 398), 1000, 2000, 2001]
    assert cells(table, "n", DOUBLED) == [(n, 2 * n) for n in expected]
    assert_versions_complete(table)


def test_the_table_of_a_killed_backfill_can_be_used_by_a_program_without_the_function(
    ns: str, programs: Programs
) -> None:
    table = make_table(ns)
    source = in_module(programs.folder)
    program = programs.start(source, f"{ns}/t")
    wait_until(lambda: len(calls(programs.folder / "calls")) > ROWS // 2)
    program.kill()
    table.insert(n=1000)  # this process cannot import the module
    table.update({"n": 2000}, where=table.n == 0)
    table.delete(where=table.n == 1)
    assert programs.run(source, f"{ns}/t") == ["DONE"]
    expected = [*range(2, ROWS), 1000, 2000]
    assert [row[0] for row in cells(table, "n")] == expected
    assert cells(table, "n", DOUBLED) == [(n, 2 * n) for n in expected]


@pytest.mark.parametrize("program_of", [in_module, in_script])
def test_an_aborted_backfill_goes_on_with_the_mended_function(ns: str, programs: Programs, program_of) -> None:
    table = make_table(ns)
    log = programs.folder / "calls"
    broken = program_of(programs.folder, "if n == 300: raise ValueError('broken')")
    assert programs.run(broken, f"{ns}/t") == ["INVALID_EXPRESSION"]
    assert table.columns() == ["n"]
    first = calls(log)
    table.insert(n=1000)
    table.update({"n": 2000}, where=table.n == 0)
    table.update({"n": 2001}, where=table.n == 399)
    table.delete(where=table.n == 1)
    assert programs.run(program_of(programs.folder, "pass"), f"{ns}/t") == ["DONE"]
    again = calls(log)[len(first) :]
    missing = set(range(ROWS)) - set(first)
    assert set(again) <= missing | {300, 1000, 2000, 2001}
    assert len(again) == len(set(again))
    expected = [*range(2, 399), 1000, 2000, 2001]
    assert cells(table, "n", DOUBLED) == [(n, 2 * n) for n in expected]
    assert_versions_complete(table)


@pxt.udf
def picky(n: int) -> int:
    if n in BROKEN:
        raise ValueError("broken")
    return n * 2


BROKEN: set[int] = set()


def test_what_is_reverted_between_an_abort_and_the_resume_leaves_no_outdated_cell(ns: str) -> None:
    """The revert takes back an operation from before the abort, so what it restores is older than the abort too."""
    table = make_table(ns)
    table.update({"n": 5000}, where=table.n == 0)
    BROKEN.add(ROWS - 1)
    with pytest.raises(pxt.RequestError):
        table.add_computed_column(doubled=picky(table.n))
    table.revert()
    BROKEN.clear()
    table.add_computed_column(doubled=picky(table.n))
    assert cells(table, "n", DOUBLED) == [(n, 2 * n) for n in range(ROWS)]


def test_an_unfinished_column_can_be_dropped(ns: str, programs: Programs) -> None:
    table = make_table(ns)
    program = programs.start(in_module(programs.folder), f"{ns}/t")
    wait_until(lambda: len(calls(programs.folder / "calls")) > 100)
    program.kill()
    wait_until(lambda: dropped(table))
    table.add_computed_column(doubled=table.n + 1)
    assert cells(table, "n", DOUBLED) == [(n, n + 1) for n in range(ROWS)]


def dropped(table: pxt.Table) -> bool:
    try:
        table.drop_column(DOUBLED)
    except pxt.RequestError:  # the database has not noticed yet that the owner is gone
        return False
    return True
