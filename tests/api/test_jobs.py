"""Jobs: backfills in the background, seen by every process, stopped and gone on with."""

import enum
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable.catalog.background import delete_background
from pixeltable.exceptions import UnknownJob
from pixeltable.session import background
from pixeltable.session.current import current_session
from pixeltable.storage.database import Connection

CALLS: list[int] = []
GATE = threading.Event()
ENTERED = threading.Event()
BROKEN: set[int] = set()
ROWS = 1_000
"""More than are computed in one go."""


@pytest.fixture(autouse=True)
def gate() -> Iterator[None]:
    CALLS.clear()
    BROKEN.clear()
    GATE.clear()
    ENTERED.clear()
    yield
    GATE.set()


@pxt.udf
def gated(n: int) -> int:
    """Waits for the gate at row 5 and those after it."""
    if n >= 5:
        ENTERED.set()
        assert GATE.wait(30)
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    CALLS.append(n)
    return n * 10


@pxt.udf
def embed(n: int) -> pxt.Array[(2,), pxt.Float]:
    return [float(gated.body(n)), 1.0]


@pxt.udf
def embed_text(text: str) -> pxt.Array[(2,), pxt.Float]:
    return [float(gated.body(int(text))), 1.0]


class Seven(enum.Enum):
    SEVEN = 7


class Twin(TypedDict):
    value: int


@pxt.iterator
def twins(n: int) -> Iterator[Twin]:
    value = gated.body(n)
    yield from ({"value": value}, {"value": value + 1})


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert({"n": n, "s": str(n)} for n in range(ROWS))
    return t


STARTS: dict[str, Callable[[pxt.Table, str], pxt.Job]] = {
    "column": lambda t, _: t.add_computed_column(g=gated(t.n), background=True),
    "columns": lambda t, _: t.add_columns({"g": gated(t.n), "note": pxt.String | None}, background=True),
    "index": lambda t, _: t.add_embedding_index("s", string_embed=embed_text, background=True),
    "view": lambda t, ns: pxt.create_view(
        f"{ns}/v", t.where(t.n >= 0), additional_columns={"g": gated(t.n)}, background=True
    ),
    "exploded view": lambda t, ns: pxt.create_view(f"{ns}/v", t, iterator=twins(t.n), background=True),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_what_is_added_is_there_when_the_job_is_done(ns: str, t: pxt.Table, start) -> None:
    job = start(t, ns)
    assert ENTERED.wait(30)
    assert job.status == "running"
    assert t.columns() == ["n", "s"]
    t.insert(n=2, s="2")  # while it runs
    GATE.set()
    assert job.result().num_excs == 0
    assert job.status == "done"
    assert job.progress.done >= ROWS
    assert sorted(set(CALLS)) == list(range(ROWS))
    assert len(CALLS) == ROWS + 1


def test_rows_that_come_meanwhile_get_the_cell(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    t.insert(n=3, s="late")
    GATE.set()
    assert job.wait() == "done"
    assert t.select(t.n, t.g).collect()["g"] == [*(n * 10 for n in range(ROWS)), 30]


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_job_that_was_stopped_goes_on_where_it_was(ns: str, t: pxt.Table, start) -> None:
    job = start(t, ns)
    assert ENTERED.wait(30)
    job.cancel()
    GATE.set()
    assert job.wait() == "cancelled"
    assert t.columns() == ["n", "s"]
    with pytest.raises(pxt.RequestError, match="stopped before it was done"):
        job.result()
    job.resume()
    assert job.wait() == "done"
    assert sorted(set(CALLS)) == list(range(ROWS))


@pytest.mark.parametrize("kind", ["column", "columns"])
def test_what_was_computed_is_not_computed_again(ns: str, t: pxt.Table, kind: str) -> None:
    job = STARTS[kind](t, ns)
    assert ENTERED.wait(30)
    job.cancel()
    GATE.set()
    job.wait()
    before = len(CALLS)
    assert 0 < before < ROWS
    job.resume().wait()
    assert len(CALLS) == ROWS


def test_a_job_that_failed_goes_on_when_the_function_is_mended(t: pxt.Table) -> None:
    BROKEN.add(7)
    GATE.set()
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert job.wait() == "failed"
    assert "7 is broken" in str(job.error)
    with pytest.raises(pxt.Error, match="7 is broken"):
        job.result()
    BROKEN.clear()
    assert job.resume().result().num_excs == 0
    assert t.select(t.g).collect()["g"] == [n * 10 for n in range(ROWS)]
    assert len(CALLS) == ROWS


def test_the_same_statement_takes_up_what_a_job_left(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    job.cancel()
    GATE.set()
    job.wait()
    t.add_computed_column(g=gated(t.n))
    assert len(CALLS) == ROWS


def test_what_is_wrong_with_the_call_is_said_at_once(t: pxt.Table) -> None:
    before = [job.id for job in pxt.jobs()]
    with pytest.raises(pxt.AlreadyExistsError):
        t.add_computed_column(s=gated(t.n), background=True)
    with pytest.raises(pxt.NotFoundError):
        t.alter_computed_column(no=gated(t.n), background=True)
    assert [job.id for job in pxt.jobs()] == before


def test_two_jobs_cannot_add_the_same(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    with pytest.raises(pxt.RequestError, match="being added"):
        t.add_computed_column(g=gated(t.n), background=True)
    with pytest.raises(pxt.RequestError, match="is under way"):
        job.resume()
    GATE.set()
    assert job.wait() == "done"
    with pytest.raises(pxt.RequestError, match="is done"):
        job.resume()


def test_another_definition_is_computed_in_the_background(t: pxt.Table) -> None:
    t.add_computed_column(g=t.n + 1)
    job = t.alter_computed_column(g=gated(t.n), background=True)
    assert job.status == "running"
    assert str(t.get_metadata()["columns"]["g"]["computed_with"]) == "gated(n)"
    GATE.set()
    job.result()
    assert t.select(t.g).collect()["g"] == [n * 10 for n in range(ROWS)]


@pytest.mark.parametrize("kind", ["column", "columns", "index"])
def test_a_job_goes_on_though_its_table_and_its_columns_have_other_names(ns: str, t: pxt.Table, kind: str) -> None:
    job = stopped(STARTS[kind](t, ns))
    t.rename_column("n", "number")
    t.rename_column("s", "text")
    pxt.move(f"{ns}/t", f"{ns}/renamed")
    assert job.resume().result().num_excs == 0


def test_another_definition_goes_on_though_its_column_has_another_name(t: pxt.Table) -> None:
    t.add_computed_column(g=t.n + 1)
    job = stopped(t.alter_computed_column(g=gated(t.n), background=True))
    t.rename_column("g", "tenfold")
    job.resume().result()
    assert t.select(t.tenfold).collect()["tenfold"] == [n * 10 for n in range(ROWS)]


def test_what_another_definition_has_computed_is_kept_when_it_is_stopped(t: pxt.Table) -> None:
    t.add_computed_column(g=t.n + 1)
    job = stopped(t.alter_computed_column(g=gated(t.n), background=True))
    done = len(CALLS)
    assert 0 < done < ROWS
    assert sum(row["cells"] for row in t.stale()) == ROWS - done
    job.resume().result()
    assert t.select(t.g).collect()["g"] == [n * 10 for n in range(ROWS)]
    assert len(CALLS) == ROWS


def test_a_job_on_a_table_that_is_gone_cannot_go_on(ns: str, t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    job.cancel()
    GATE.set()
    job.wait()
    pxt.drop_table(f"{ns}/t")
    with pytest.raises(pxt.NotFoundError):
        job.resume()


def test_jobs_are_listed(t: pxt.Table) -> None:
    first = t.add_computed_column(x=t.n + 1, background=True)
    first.wait()
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert [found.id for found in pxt.jobs()][:2] == [job.id, first.id]
    assert job.id in [found.id for found in pxt.jobs("running")]
    assert first.id in [found.id for found in pxt.jobs("done")]
    again = pxt.job(job.id)
    assert "running" in repr(again)
    assert again.title == f"Computing {t._path}.g"  # noqa: SLF001  # as the title has it
    GATE.set()
    assert again.wait() == "done"
    with pytest.raises(UnknownJob):
        pxt.job(-1)


def test_progress_says_how_far_it_is(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    deadline = time.monotonic() + 30
    while job.progress.total is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (job.progress.total, job.progress.failed) == (ROWS, 0)
    GATE.set()
    job.wait()
    assert job.progress.done == ROWS


def test_waiting_has_an_end(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert job.wait(timeout_s=0.01) == "running"
    GATE.set()
    assert job.wait(timeout_s=30) == "done"


def test_an_error_that_no_database_stores_ends_a_job_all_the_same(t: pxt.Table) -> None:
    @pxt.udf
    def odd(n: int) -> int:
        raise ValueError(f"{n}: \0 and \ud800")

    job = t.add_computed_column(odd=odd(t.n), background=True)
    assert job.wait() == "failed"
    assert "ValueError: 0:   and ?" in str(job.error)


@pytest.mark.parametrize("job_id", ["1", None, True, 1.0, [1]])
def test_what_is_no_id_is_refused(ns: str, job_id: object) -> None:  # noqa: ARG001  # the session it starts
    with pytest.raises(pxt.RequestError, match="takes the id of a job, an int"):
        pxt.job(job_id)  # type: ignore[arg-type]


def test_a_wait_is_a_number_of_seconds(t: pxt.Table) -> None:
    job = t.add_computed_column(x=t.n + 1, background=True)
    with pytest.raises(pxt.RequestError, match="a number of seconds"):
        job.wait("long")  # type: ignore[arg-type]
    job.wait()


def test_handles_of_one_job_are_equal(t: pxt.Table) -> None:
    job = t.add_computed_column(x=t.n + 1, background=True)
    assert pxt.job(job.id) == job
    assert job in set(pxt.jobs())
    assert job != t.add_computed_column(y=t.n + 1, background=True)


def stopped(job: pxt.Job) -> pxt.Job:
    assert ENTERED.wait(30)
    job.cancel()
    GATE.set()
    assert job.wait() == "cancelled"
    return job


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_job_whose_process_died_after_its_work_is_done(
    ns: str, t: pxt.Table, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pixeltable.session.background.Run._end", lambda _: None)
        GATE.set()
        job = start(t, ns)
        assert job.wait() == "interrupted"
    before = len(CALLS)
    assert job.resume().status == "done"
    assert job.result().num_excs == 0
    assert len(CALLS) == before


def test_a_column_that_a_job_replaced_is_not_replaced_again(t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    t.add_computed_column(g=t.n + 1)
    GATE.set()
    with monkeypatch.context() as patch:
        patch.setattr("pixeltable.session.background.Run._end", lambda _: None)
        job = t.add_computed_column(g=gated(t.n), if_exists="replace", background=True)
        job.wait()
    job.resume()
    assert (job.wait(), len(CALLS)) == ("done", ROWS)


def test_a_job_that_the_same_statement_finished_is_done(t: pxt.Table) -> None:
    job = stopped(t.add_computed_column(g=gated(t.n), background=True))
    t.add_computed_column(g=gated(t.n))
    assert job.resume().wait() == "done"
    assert len(CALLS) == ROWS


def test_a_job_whose_column_has_another_definition_by_now_is_not_done(t: pxt.Table) -> None:
    job = stopped(t.add_computed_column(g=gated(t.n), background=True))
    t.add_computed_column(g=t.n + 1)
    with pytest.raises(pxt.AlreadyExistsError):
        job.resume()


def test_a_job_that_somebody_finishes_meanwhile_is_not_done_again(
    t: pxt.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stopped(t.add_computed_column(g=gated(t.n), background=True))
    claim = background.claim

    def after_another(connection: Connection, job_id: int) -> bool:
        monkeypatch.setattr(background, "claim", claim)
        pxt.job(job_id).resume().wait()  # as another process may, just before
        return claim(connection, job_id)

    monkeypatch.setattr(background, "claim", after_another)
    with pytest.raises(pxt.RequestError, match="is done"):
        job.resume()
    assert job.status == "done"


def test_what_jobs_of_long_ago_show(t: pxt.Table) -> None:
    job = t.add_computed_column(x=t.n + 1, background=True)
    job.wait()
    current_session().database.read(lambda connection: delete_background(connection, job.id))
    assert repr(job) == f"<job {job.id}: {job.title}, forgotten>"


def test_a_child_follows_the_jobs_of_its_parent(t: pxt.Table) -> None:
    job = t.add_computed_column(g=gated(t.n), background=True)
    assert ENTERED.wait(30)
    child = os.fork()
    if child == 0:
        ended = 1
        try:
            with pytest.raises(pxt.RequestError, match="is under way"):
                job.resume()
            ended = 0 if job.wait(timeout_s=0.01) == "running" else 2
        finally:
            os._exit(ended)
    assert os.waitpid(child, 0)[1] == 0
    GATE.set()
    assert job.wait() == "done"


def test_many_may_look_at_a_job_at_once(t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixeltable.session.background.Run._end", lambda _: None)
    job = t.add_computed_column(x=t.n + 1, background=True)
    job.wait()
    with ThreadPoolExecutor(4) as threads:
        seen = threads.map(lambda _: pxt.job(job.id).status, range(400))
    assert set(seen) == {"interrupted"}


@pytest.mark.parametrize("default", [np.int64(7), Seven.SEVEN])
def test_defaults_are_what_they_stand_for(ns: str, t: pxt.Table, default: object) -> None:
    spec = {"type": pxt.Int | None, "default": default}
    t.add_columns({"seven": spec, "more": t.n + 1}, background=True).result()
    assert set(t.collect()["seven"]) == {7}
    pxt.create_view(f"{ns}/v", t, additional_columns={"also": spec}, background=True).result()
    assert set(pxt.get_table(f"{ns}/v").collect()["also"]) == {7}


def test_a_default_that_does_not_fit_begins_no_job(ns: str, t: pxt.Table) -> None:
    before = pxt.jobs()
    with pytest.raises(pxt.RequestError, match="cannot have this default"):
        t.add_columns({"d": {"type": pxt.Int, "default": print}, "more": t.n + 1}, background=True)
    with pytest.raises(pxt.RequestError, match="cannot have this default"):
        pxt.create_view(f"{ns}/v", t, additional_columns={"d": {"type": pxt.Int, "default": print}}, background=True)
    assert pxt.jobs() == before


@pytest.mark.parametrize(("text", "fact"), [("\0", "NUL character"), ("\ud800", "lone surrogate")])
@pytest.mark.parametrize("background", [False, True])
def test_an_expression_that_cannot_be_stored_is_refused(t: pxt.Table, text: str, fact: str, background: bool) -> None:
    with pytest.raises(pxt.RequestError, match=fact):
        t.add_computed_column(odd=t.s + text, background=background)
    assert t.columns() == ["n", "s"]


def test_a_backslash_before_what_looks_like_a_character_is_stored(t: pxt.Table) -> None:
    t.add_computed_column(odd=t.s + "\\u0000 \\ud800 \U0001f600")
    assert t.where(t.n == 1).collect()["odd"] == ["1\\u0000 \\ud800 \U0001f600"]
