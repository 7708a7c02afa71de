"""What is given back of batches that were under way when an operation ended early."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from pixeltable.exec.batch import NOT_RUN, Batch, Column, key_of
from pixeltable.exec.engine import Engine
from pixeltable.exec.schedule import Goal, evaluate_batches
from pixeltable.exprs.operators import Arithmetic
from pixeltable.func import udf
from pixeltable.types.column_type import IntType
from tests.exec.columns import column, context

X = column("x", IntType(True))
OPEN = threading.Event()


@pytest.fixture
def engine() -> Iterator[Engine]:
    OPEN.clear()
    found = Engine()
    yield found
    OPEN.set()
    found.close()


@udf
async def later(x: int) -> int:
    """Rows from 100 on are not answered before the end."""
    if x >= 100:
        await asyncio.sleep(60)
    if x == 7:
        raise ValueError("seven")
    return 10 * x


@udf(parallel="threads")
def threaded(x: int) -> int:
    if x >= 100:
        OPEN.wait(20)
    if x == 7:
        raise ValueError("seven")
    return 10 * x


@udf
def here(x: int) -> int:
    return x + 1


def batch_of(*values: int | None) -> Batch:
    batch = Batch(len(values))
    batch.put(X, Column(list(values)))
    return batch


@pytest.mark.parametrize("function", [later, threaded], ids=["async", "threads"])
def test_finished_calls_of_unfinished_batches(engine: Engine, function: object) -> None:
    """Operators are applied to them, failures and nulls stay what they are, and no further function is called."""
    known = {"async": later, "threads": threaded}
    call = next(known[name] for name in known if known[name] is function)(X)
    within = replace(context(later, threaded, here), engine=engine)
    sums, calls = Arithmetic("+", call, call), here(call)
    goals = [Goal(expr, key_of(expr), within) for expr in (sums, calls)]
    given = [batch_of(1), batch_of(2, 100, None, 7), batch_of(3, 200)]
    saved: list[Batch] = []
    with closing(evaluate_batches(given, goals, salvage=saved.append)) as batches:
        next(batches)
        threading.Event().wait(0.3)  # for the others' calls to be made
    assert saved == given[1:]
    first, second = (batch.get(sums) for batch in saved)
    assert first is not None
    assert second is not None
    assert first.values == [40, None, None, None]
    assert first.failures[1] is NOT_RUN
    assert 2 not in first.failures
    assert str(first.failures[3].exception) == "seven"
    assert second.values == [60, None]
    afterwards = saved[1].get(calls)
    assert afterwards is not None
    assert set(afterwards.failures.values()) == {NOT_RUN}


def test_nothing_is_salvaged_of_what_is_done(engine: Engine) -> None:
    within = replace(context(later), engine=engine)
    expr = later(X)
    saved: list[Batch] = []
    goal = Goal(expr, key_of(expr), within)
    assert len(list(evaluate_batches([batch_of(1), batch_of(2)], [goal], salvage=saved.append))) == 2
    assert saved == []
