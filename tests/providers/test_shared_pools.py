"""Several pools of one name, as processes have them: together they keep to the limit. The database is played."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixeltable.exceptions import DatabaseUnavailable
from pixeltable.providers.pacing import CATCH_UP_S
from pixeltable.providers.pools import HEADROOM, Pool, Pools
from pixeltable.providers.quota import Ask, Grant, Reservation
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections
from pixeltable.udfs.report import LearntLimit
from tests.providers.calls import Admission, Call, call_lists, learnt, make_all, most
from tests.providers.virtual_time import now, run

LIMIT = 1200


class Remembered:
    """What `Quota` does, in memory and on the virtual clock; `fails` makes it a database that is gone."""

    def __init__(self) -> None:
        self.tat: dict[tuple[str, str], float] = {}
        self.limits: dict[str, dict[str, float]] = {}
        self.fails = False
        self.said: list[str] = []
        self.reservations = 0

    def reserve(self, pool: str, asks: Sequence[Ask], *, lead_s: float) -> Reservation:
        self._check()
        self.reservations += 1
        shift_s = time.monotonic() - now()
        grants = {}
        for ask in asks:
            start_s = max(self.tat.get((pool, ask.resource), 0.0), now() + lead_s)
            self.tat[pool, ask.resource] = start_s + ask.cost_s
            limit = self.limits.get(pool, {}).get(ask.resource)
            grants[ask.resource] = Grant(start_s + shift_s, start_s + ask.cost_s + shift_s, limit)
        return Reservation(grants, now() + shift_s)

    def pause(self, pool: str, pause_s: float) -> None:
        self._check()
        for key, tat in self.tat.items():
            self.tat[key] = max(tat, now() + pause_s) if key[0] == pool else tat

    def learn(self, pool: str, limits: Mapping[str, float]) -> None:
        self._check()
        self.limits.setdefault(pool, {}).update(limits)

    def learnt(self, pool: str) -> dict[str, float]:
        self._check()
        return dict(self.limits.get(pool, {}))

    def lost(self, error: BaseException) -> None:
        self.said.append(str(error))

    def _check(self) -> None:
        if self.fails:
            raise DatabaseUnavailable("the database does not answer")


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread would not know the virtual clock."""

    async def inline(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.001)
        return work(*args, **kwargs)

    monkeypatch.setattr(asyncio, "to_thread", inline)


def pool_of(quota: Remembered, *, name: str = "request-rate:acme", limit: float | None = LIMIT) -> Pool:
    """A pool as one more process has it."""
    section = {} if limit is None else {"rate_limit": limit}
    return Pools(Rates(Sections({"acme": section})), quota).pool(name)  # type: ignore[arg-type]


limits = learnt(st.integers(100, LIMIT))


async def in_two_processes(calls: Sequence[Call], others: Sequence[Call]) -> list[Admission]:
    quota = Remembered()
    found = await asyncio.gather(make_all(pool_of(quota), calls), make_all(pool_of(quota), others))
    return [admission for admissions in found for admission in admissions]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=call_lists(limits), others=call_lists(limits))
def test_two_processes_together_keep_to_the_limit(calls: list[Call], others: list[Call]) -> None:
    times = [admission.at_s for admission in run(in_two_processes(calls, others))]
    rate_hz = LIMIT / 60 * (1 - HEADROOM)
    # Real time passes between two looks at the real clock, which only shifts what is granted.
    assert [w for w in (1.0, 60.0) if most(times, w) > rate_hz * (w + CATCH_UP_S + 0.005) + 1] == []


def test_two_processes_that_always_have_calls_use_the_limit_up() -> None:
    times = [admission.at_s for admission in run(in_two_processes([Call()] * 300, [Call()] * 300))]
    assert max(times) - min(times) <= 600 / (LIMIT / 60) * 1.1


def test_database_is_asked_a_few_times_a_second() -> None:
    quota = Remembered()
    admitted = run(make_all(pool_of(quota, limit=20_000), [Call()] * 1000))
    assert quota.reservations <= 6 * (admitted[-1].at_s - admitted[0].at_s) + 3


def test_tokens_that_were_not_used_make_room_for_the_next_call() -> None:
    quota = Remembered()
    pool = pool_of(quota, limit=None, name="rate-limits:acme:m")
    first = Call(limits={"tokens": LearntLimit(6000)})
    thrifty = Call(estimate={"tokens": 1000}, used={"tokens": 50}, lasts_s=0.1)
    admitted = run(make_all(pool, [first, Call(after_s=1.0), *[thrifty] * 4]))
    assert admitted[-1].at_s - admitted[2].at_s < 5  # at 100 tokens a second, the estimates alone would take 30


def test_limit_that_one_process_learnt_holds_in_the_next_one() -> None:
    quota = Remembered()
    name = "rate-limits:acme:m"

    async def main() -> list[Admission]:
        await make_all(pool_of(quota, limit=None, name=name), [Call(limits={"requests": LearntLimit(60)})])
        await asyncio.sleep(1)
        return await make_all(pool_of(quota, limit=None, name=name), [Call()] * 3)

    times = [admission.at_s for admission in run(main())]
    assert times[2] - times[0] == pytest.approx(2 / (1 - HEADROOM), abs=2 * CATCH_UP_S)


def test_refusal_in_one_process_makes_the_others_wait() -> None:
    quota = Remembered()

    async def main() -> list[Admission]:
        await make_all(pool_of(quota), [Call(outcome="refused", retry_after_s=5.0)])
        await asyncio.sleep(0.1)
        return await make_all(pool_of(quota), [Call()])

    assert run(main())[0].at_s >= 1005.0 - 0.001  # the clocks of two processes differ by rounding


def test_lost_database_is_said_and_the_pool_goes_on_alone() -> None:
    quota = Remembered()
    quota.fails = True
    admitted = run(make_all(pool_of(quota), [Call()] * 20))
    assert (len(admitted), quota.said) == (20, ["the database does not answer"])


def test_pool_asks_the_database_again_after_a_while() -> None:
    quota = Remembered()
    quota.fails = True

    async def main() -> None:
        pool = pool_of(quota)
        await make_all(pool, [Call()])
        quota.fails = False
        await make_all(pool, [Call(after_s=10.0)])

    run(main())
    assert quota.reservations == 1
