"""A program that is killed in the middle of a bulk insert leaves all of its rows or none."""

import time

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete

ROWS = 100_000
INSERT = """
table = pxt.get_table(sys.argv[1])
rows = [{"n": n, "text": "some text"} for n in range(int(sys.argv[2]))]
table.count()
say("START")
table.insert(rows)
say("DONE")
"""


def make_table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "text": pxt.String})
    table.insert(n=-1, text="before")
    return table


@pytest.fixture
def duration_s(programs: Programs, ns: str) -> float:
    """How long the insert takes when nothing gets in between."""
    pxt.create_table(f"{ns}/undisturbed", {"n": pxt.Int, "text": pxt.String})
    program = programs.start(INSERT, f"{ns}/undisturbed", ROWS)
    program.expect("START")
    start = time.perf_counter()
    program.expect("DONE")
    return time.perf_counter() - start


@pytest.mark.slow
def test_a_killed_bulk_insert_is_there_as_a_whole_or_not_at_all(ns: str, programs: Programs, duration_s: float) -> None:
    table = make_table(ns)
    before = table.count()
    for part in (0.2, 0.5, 0.65, 0.8, 0.95):
        program = programs.start(INSERT, f"{ns}/t", ROWS)
        program.expect("START")
        time.sleep(part * duration_s)
        program.kill()
        acknowledged = program.rest() == ["DONE"]
        after = table.count()
        assert after in ((before + ROWS,) if acknowledged else (before, before + ROWS))
        table.insert(n=-1, text="after")
        before = after + 1
        assert table.count() == before
    assert_versions_complete(table)


def test_a_program_killed_within_copy_leaves_nothing(ns: str, programs: Programs) -> None:
    table = make_table(ns)
    program = programs.start(
        """
        from pixeltable.storage import writes
        lines = writes._copy_lines
        written = []

        def pausing(rows, op, columns, part):
            written.append(len(rows[part]))
            if sum(written) > 50_000:
                say("HALF")
                time.sleep(60)
            return lines(rows, op, columns, part)

        writes._copy_lines = pausing
        pxt.get_table(sys.argv[1]).insert([{"n": n, "text": "some text"} for n in range(100_000)])
        """,
        f"{ns}/t",
    )
    program.expect("HALF")
    program.kill()
    assert table.count() == 1
    table.insert(n=2, text="after")
    assert table.count() == 2
    assert_versions_complete(table)
