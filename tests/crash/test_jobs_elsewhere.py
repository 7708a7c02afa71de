"""Jobs of other processes: watched, stopped, and gone on with after their process was killed or ended."""

from collections.abc import Callable
from typing import TypedDict

import pytest

import pixeltable as pxt
from tests.crash.programs import Program, Programs, calls, wait_until

pytestmark = pytest.mark.slow

ROWS = 400
MODULE = """
import time
from collections.abc import Iterator
from typing import TypedDict
import pixeltable as pxt

LOG = {log!r}

@pxt.udf
def double(n: int) -> int:
    with open(LOG, "a") as log:
        log.write(f"{{n}}\\n")
    time.sleep({pause_s})
    return n * 2

class Half(TypedDict):
    half: int

@pxt.iterator
def halves(n: int) -> Iterator[Half]:
    double.body(n)
    yield from ({{"half": n // 2}}, {{"half": n - n // 2}})
"""
COLUMN = "table.add_computed_column(doubled=double(table.n), background=True)"
VIEW = "pxt.create_view(sys.argv[1] + 'v', table, additional_columns={'doubled': double(table.n)}, background=True)"
EXPLODED = "pxt.create_view(sys.argv[1] + 'v', table, iterator=halves(table.n), background=True)"
PROGRAM = """
from doubling import double, halves

table = pxt.get_table(sys.argv[1])
job = {statement}
say(job.id)
{rest}
"""


SUMS = """
import pixeltable.functions as pxtf
table = pxt.get_table(sys.argv[1])
say(table.count(), table.select(total=pxtf.sum(table.{column})).collect()[0]["total"])
"""


class Started(TypedDict):
    table: pxt.Table
    job: pxt.Job
    program: Program


@pytest.fixture
def begin(ns: str, programs: Programs) -> Callable[..., Started]:
    """Starts a program with a job of 400 rows, and comes back when some rows are done."""

    def start(statement: str, *, rest: str = "job.wait()", pause_s: float = 0.005) -> Started:
        log = programs.folder / "calls"
        (programs.folder / "doubling.py").write_text(MODULE.format(log=str(log), pause_s=pause_s))
        table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
        table.insert({"n": n} for n in range(ROWS))
        program = programs.start(PROGRAM.format(statement=statement, rest=rest), f"{ns}/t")
        job = pxt.job(int(program.line()))
        return {"table": table, "job": job, "program": program}

    return start


def work_done(programs: Programs) -> int:
    return len(calls(programs.folder / "calls"))


def finish_elsewhere(programs: Programs, job: pxt.Job) -> None:
    """Go on with a job in a process that has its functions; this one has not."""
    programs.run("print(pxt.job(int(sys.argv[1])).resume().wait())", job.id)


@pytest.mark.parametrize(("statement", "again"), [(COLUMN, 100), (VIEW, 257), (EXPLODED, 257)])
def test_a_killed_job_goes_on_in_another_process(
    ns: str, programs: Programs, begin: Callable[..., Started], statement: str, again: int
) -> None:
    started = begin(statement)
    wait_until(lambda: work_done(programs) > 300)
    assert started["job"].status == "running"
    started["program"].kill()
    assert started["job"].wait(timeout_s=20) == "interrupted"
    with pytest.raises(pxt.RequestError, match="resume"):
        started["job"].result()
    programs.run("pxt.get_table(sys.argv[1]).insert(n=1_000)", f"{ns}/t")
    finish_elsewhere(programs, started["job"])
    assert started["job"].status == "done"
    # What a crash loses is the batch that was under way, and what was computed and not yet written.
    assert work_done(programs) <= ROWS + 1 + again
    path, factor = (f"{ns}/t" if statement == COLUMN else f"{ns}/tv"), (2 if statement == EXPLODED else 1)
    column, share = ("half", 1) if statement == EXPLODED else ("doubled", 2)
    found = programs.run(SUMS.format(column=column), path)
    assert found == [f"{(ROWS + 1) * factor} {share * (sum(range(ROWS)) + 1_000)}"]


def test_a_program_that_ends_leaves_a_job_that_goes_on(programs: Programs, begin: Callable[..., Started]) -> None:
    started = begin(COLUMN, rest="while job.progress.done < 20: time.sleep(0.05)")
    started["program"].succeed()
    assert started["job"].status == "interrupted"
    before = work_done(programs)
    assert 0 < before < ROWS
    finish_elsewhere(programs, started["job"])
    assert work_done(programs) == ROWS


def test_a_job_is_stopped_from_another_process(programs: Programs, begin: Callable[..., Started]) -> None:
    started = begin(COLUMN, rest="say(job.wait())", pause_s=0.02)
    wait_until(lambda: started["job"].progress.total == ROWS and started["job"].progress.done > 0)
    started["job"].cancel()
    started["program"].expect("cancelled")
    assert started["job"].status == "cancelled"
    assert work_done(programs) < ROWS
    assert started["table"].columns() == ["n"]


def test_the_result_of_a_job_elsewhere(begin: Callable[..., Started]) -> None:
    started = begin(COLUMN)
    assert started["job"].result().num_rows == ROWS
