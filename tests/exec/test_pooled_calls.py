"""Calls of functions with a resource pool: each asks its pool for leave, and gives it back however it ends."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pixeltable.exceptions import RateLimited
from pixeltable.exec.batch import Batch, Column, key_of
from pixeltable.exec.engine import Engine
from pixeltable.exec.schedule import Goal, evaluate_batches
from pixeltable.exec.tally import Tally
from pixeltable.func import Batch as Rows
from pixeltable.func import udf
from pixeltable.types.column_type import IntType
from pixeltable.udfs.function import Function
from pixeltable.udfs.retry import Retry
from tests.exec.columns import column, context

X = column("x", IntType(True))
SOON = Retry(times=3, wait_s=0)


class Lease:
    def __init__(self, pools: "Recording", name: str) -> None:
        self._pools, self._name = pools, name

    def settle(self, report: object) -> None:
        del report
        self._pools.ended[self._name, "settled"] += 1

    def fail(self, error: BaseException, report: object) -> None:
        del report
        self._pools.ended[self._name, type(error).__name__] += 1


class Recording:
    """Pools that let every call through, except in those that are shut."""

    def __init__(self) -> None:
        self.admitted: list[tuple[str, dict[str, int]]] = []
        self.ended: Counter[tuple[str, str]] = Counter()
        self.shut: set[str] = set()
        self.patient: set[bool] = set()

    def pool(self, name: str) -> "_Pool":
        return _Pool(self, name)


class _Pool:
    def __init__(self, pools: Recording, name: str) -> None:
        self._pools, self._name = pools, name

    async def admit(self, estimate: Mapping[str, int], *, patient: bool) -> Lease:
        self._pools.patient.add(patient)
        while self._name in self._pools.shut:  # noqa: ASYNC110  # opened by another call
            await asyncio.sleep(0.001)
        self._pools.admitted.append((self._name, dict(estimate)))
        return Lease(self._pools, self._name)


@pytest.fixture
def pools() -> Recording:
    return Recording()


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = Engine()
    yield found
    found.close()


def computed(
    functions: list[Function],
    values: list[int | None],
    engine: Engine,
    pools: Any,
    tally: Tally | None = None,
    job: str | None = None,
) -> list[Column]:
    within = replace(context(*functions), engine=engine, pools=pools, tally=tally or Tally(), job=job)
    batch = Batch(len(values))
    batch.put(X, Column(values))
    exprs = [function(X) for function in functions]
    list(evaluate_batches([batch], [Goal(expr, key_of(expr), within) for expr in exprs]))
    found = [batch.get(expr) for expr in exprs]
    return [column for column in found if column is not None]


@udf(resource_pool="request-rate:acme")
async def asked(x: int) -> int:
    return x


@udf(resource_pool="request-rate:acme", batch_size=4)
async def asked_in_batches(x: Rows[int]) -> Rows[int]:
    return x


def test_each_call_is_admitted(engine: Engine, pools: Recording) -> None:
    computed([asked], [1, 2, None, 3], engine, pools)
    assert pools.admitted == [("request-rate:acme", {})] * 3
    assert pools.ended == {("request-rate:acme", "settled"): 3}


@pytest.mark.parametrize("job", [None, "job 1"])
def test_calls_of_a_job_are_patient(engine: Engine, pools: Recording, job: str | None) -> None:
    computed([asked], [1, 2], engine, pools, job=job)
    assert pools.patient == {job is not None}


@pytest.mark.parametrize(("rows", "calls"), [(8, 2), (9, 3), (3, 1), (1, 1)])
def test_each_batch_is_admitted_also_the_last_one(engine: Engine, pools: Recording, rows: int, calls: int) -> None:
    found = computed([asked_in_batches], [*range(rows)], engine, pools)
    assert found == [Column([*range(rows)])]
    assert len(pools.admitted) == calls


def refusing(times: int, calls: Counter[int]) -> Any:
    def refuse(x: int) -> int:
        calls[x] += 1
        if x == 2 and calls[x] <= times:
            raise RateLimited("acme", "slow down", status_code=429)
        return x

    return refuse


def pooled(body: Any, **options: Any) -> dict[str, Function]:
    async def single(x: int) -> int:
        return int(body(x))

    async def batched(x: Rows[int]) -> Rows[int]:
        return [body(value) for value in x]

    pool = {"resource_pool": "request-rate:acme", **options}
    return {"single": udf(**pool)(single), "batched": udf(batch_size=2, **pool)(batched)}


@pytest.mark.parametrize("kind", ["single", "batched"])
def test_a_call_that_was_refused_asks_again(engine: Engine, pools: Recording, kind: str) -> None:
    calls: Counter[int] = Counter()
    tally = Tally()
    found = computed([pooled(refusing(2, calls), retry=SOON)[kind]], [1, 2, 3], engine, pools, tally)
    assert found == [Column([1, 2, 3])]
    wanted = 3 if kind == "single" else 2
    assert len(pools.admitted) == wanted + 2
    assert pools.ended == {("request-rate:acme", "settled"): wanted, ("request-rate:acme", "RateLimited"): 2}
    assert tally.calls.retries == 2
    assert tally.calls.made == wanted + 2


@pytest.mark.parametrize("kind", ["single", "batched"])
def test_what_is_refused_to_the_end_fails(engine: Engine, pools: Recording, kind: str) -> None:
    """A batch is not taken apart when the provider is at fault: each part would be refused as well."""
    calls: Counter[int] = Counter()
    (found,) = computed([pooled(refusing(100, calls), retry=SOON)[kind]], [1, 2, 3], engine, pools)
    assert found.failures[1].error.attempts == 4
    assert calls[2] == 4
    assert found.values[2] == 3


def test_pools_do_not_hold_each_other_up(engine: Engine, pools: Recording) -> None:
    @udf(resource_pool="request-rate:slow")
    async def slow(x: int) -> int:
        return x

    @udf(resource_pool="request-rate:quick")
    async def quick(x: int) -> int:
        if x == 999:
            pools.shut.clear()
        return x

    pools.shut.add("request-rate:slow")
    values: list[int | None] = [*range(1000)]
    assert computed([slow, quick], values, engine, pools) == [Column(values), Column(values)]


def test_the_pool_and_the_estimate_come_from_hooks(engine: Engine, pools: Recording) -> None:
    @udf
    async def modelled(x: int, model: str) -> int:
        return x + len(model)

    @modelled.resource_pool
    def _(model: str) -> str:
        return f"rate-limits:acme:{model}"

    @modelled.resource_estimator
    def _(x: int) -> dict[str, int]:
        return {"tokens": x * 10}

    within = replace(context(modelled), engine=engine, pools=pools)  # type: ignore[arg-type]
    expr = modelled(X, "big")
    batch = Batch(2)
    batch.put(X, Column([1, 2]))
    list(evaluate_batches([batch], [Goal(expr, key_of(expr), within)]))
    assert sorted(pools.admitted, key=str) == [
        ("rate-limits:acme:big", {"tokens": 10}),
        ("rate-limits:acme:big", {"tokens": 20}),
    ]


def test_calls_that_are_given_up_give_their_leases_back(engine: Engine, pools: Recording) -> None:
    @udf(resource_pool="request-rate:acme")
    async def hangs(x: int) -> int:
        if x == 0:
            while len(pools.admitted) < 11:  # noqa: ASYNC110  # the others come from elsewhere
                await asyncio.sleep(0.001)
            raise KeyboardInterrupt
        await asyncio.sleep(60)
        return x

    with pytest.raises(KeyboardInterrupt):
        computed([hangs], [*range(11)], engine, pools)
    engine.close()
    assert sum(pools.ended.values()) == len(pools.admitted)
