"""What a person at a terminal sees of operations: a bar while they last, and one line when they are done."""

import re
from pathlib import Path

import pytest

import pixeltable as pxt
from tests.api.screens import on_terminal

pytestmark = pytest.mark.slow

PROGRAM = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])  # in all threads: it waits until it is asked for

import sys, time
import numpy as np
import pixeltable as pxt


def pause(n: int) -> None:
    if n == 70:
        print("at 70")
        signal.sigtimedwait([signal.SIGUSR1], {wait_s})
    time.sleep({pause_s})

@pxt.udf
def slow(n: int) -> int:
    pause(n)
    if n % 50 == 7:
        raise ValueError("no")
    return n

@pxt.udf
def vector(text: str) -> pxt.Array[(2,), pxt.Float]:
    return np.ones(2, dtype=np.float32)

t = pxt.get_table("{path}")
{body}
"""


def program(table: pxt.Table, body: str, *, pause_s: float = 0.02, wait_s: float = 0) -> str:
    """`pause_s` is how long each row takes; row 70 takes until the program gets SIGUSR1, or `wait_s` at most."""
    return PROGRAM.format(path=table._path, body=body, pause_s=pause_s, wait_s=wait_s)  # noqa: SLF001


@pytest.fixture
def table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String | None})
    table.insert({"n": n} for n in range(100))
    return table


def figures_left_out(line: str) -> str:
    """A receipt without what differs from run to run."""
    return re.sub(r"in [\d.]+ s \([\d.]+ (\w+)/s\)", r"in S (R \1/s)", line)


RECEIPTS = {
    "t.insert(n=200)": "Inserted 1 row with 0 errors in S (R rows/s)",
    "t.update({'text': 'a'}, where=t.n < 5)": "Updated 5 rows with 0 errors in S (R rows/s)",
    "t.where(t.n < 5).update({'text': 'b'})": "Updated 5 rows with 0 errors in S (R rows/s)",
    "t.add_computed_column(m=t.n + 1)": "Updated 101 rows with 0 errors in S (R rows/s)",
    "t.recompute_columns('m')": "Updated 101 rows with 0 errors in S (R rows/s)",
    "t.where(t.n == 5).recompute_columns('m')": "Updated 1 row with 0 errors in S (R rows/s)",
    "t.m.recompute()": "Updated 101 rows with 0 errors in S (R rows/s)",
    "t.add_embedding_index('text', string_embed=vector)": "Computed 101 values with 0 errors in S (R values/s)",
    "t.delete(where=t.n == 9)": "Deleted 1 row with 0 errors in S (R rows/s)",
    "t.where(t.n == 8).delete()": "Deleted 1 row with 0 errors in S (R rows/s)",
}


def test_every_operation_prints_its_receipt_in_one_line(table: pxt.Table) -> None:
    screen = on_terminal(program(table, "\n".join(RECEIPTS)), {})
    assert [figures_left_out(line) for line in screen.shown] == list(RECEIPTS.values())


def test_what_lasts_shows_a_bar_that_leaves_nothing_behind(table: pxt.Table) -> None:
    work = program(table, "t.add_computed_column(s=slow(t.n), on_error='ignore')", wait_s=60)
    screen = on_terminal(work, {}, signal_at=" of 100 rows, ")
    assert any(re.match(r"Computing \S+/t\.s [━╸╺]{24} \d+ of 100 rows, ", line) for line in screen.drawn)
    said, receipt = screen.shown
    assert said == "at 70"
    assert receipt.startswith("Updated 100 rows with 2 errors across 1 column (t.s) in ")
    assert screen.has_cursor


def test_ctrl_c_takes_the_bar_away(table: pxt.Table) -> None:
    work = program(table, "t.add_computed_column(s=slow(t.n), on_error='ignore')", pause_s=0.2)
    screen = on_terminal(work, {}, interrupt_at=" of 100 rows")
    assert screen.shown[-1] == "KeyboardInterrupt"
    assert not [line for line in screen.shown if "━" in line]
    assert screen.has_cursor


def test_an_error_takes_the_bar_away(table: pxt.Table) -> None:
    screen = on_terminal(program(table, "t.add_computed_column(s=slow(t.n + 1))", pause_s=0.2), {})
    assert any("━" in line for line in screen.drawn)
    assert not [line for line in screen.shown if "━" in line]
    assert "CellFailure" in " ".join(screen.shown)


def test_what_several_threads_do_is_shown_together(table: pxt.Table) -> None:
    body = """
from concurrent.futures import ThreadPoolExecutor
t.add_computed_column(s=slow(t.n), on_error="ignore", if_exists="ignore")
with ThreadPoolExecutor(3) as threads:
    list(threads.map(lambda n: t.insert([{"n": n}] * 60), (1, 2, 3)))
"""
    screen = on_terminal(program(table, body, pause_s=0.05), {})
    bars = [line for line in screen.drawn if line.startswith("Inserting into ")]
    assert len(bars) >= 3
    assert all(line.count("━") <= 24 for line in bars)
    assert len([line for line in screen.shown if line.startswith("Inserted 60 rows")]) == 3
    assert len(screen.shown) == 5


def test_the_setting_off_shows_nothing(table: pxt.Table) -> None:
    body = "t.insert([{'n': 1}]); t.add_computed_column(s=slow(t.n), on_error='ignore')"
    screen = on_terminal(program(table, body), {"PIXELTABLE_PROGRESS": "off"})
    assert screen.shown == ["at 70"]
    assert screen.drawn == []


def test_output_that_goes_to_a_file_has_nothing_of_it(table: pxt.Table, tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    work = program(table, "t.add_computed_column(s=slow(t.n), on_error='ignore')", wait_s=60)
    screen = on_terminal(work, {}, signal_at=" of 100 rows", stdout=str(file))
    assert file.read_text() == "at 70\n"
    assert any("of 100 rows" in line for line in screen.drawn)
    assert screen.shown == []
