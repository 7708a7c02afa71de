"""Pools against providers that are played: one counts by the minute, one refills all the time; with rivals."""

import asyncio

import pytest

from pixeltable.exceptions import RateLimited
from pixeltable.providers.pools import Pool
from pixeltable.udfs.report import CallReport, LearntLimit
from tests.providers.calls import Call, make_all, pool_with
from tests.providers.virtual_time import now, run

LIMIT = 600


class ByTheMinute:
    """Counts from one full minute to the next."""

    minute, count = -1, 0

    def ask(self) -> tuple[bool, LearntLimit]:
        if now() // 60 != self.minute:
            self.minute, self.count = int(now() // 60), 0
        fits = self.count < LIMIT
        self.count += fits
        return fits, LearntLimit(LIMIT, LIMIT - self.count, 60 - now() % 60)


class Refilling:
    """A bucket of a minute's requests, filled evenly."""

    level, at_s = float(LIMIT), 0.0

    def ask(self) -> tuple[bool, LearntLimit]:
        self.level, self.at_s = min(LIMIT, self.level + (now() - self.at_s) * LIMIT / 60), now()
        fits = self.level >= 1
        self.level -= fits
        return fits, LearntLimit(LIMIT, int(self.level), (LIMIT - self.level) / LIMIT * 60)


async def call(pool: Pool, server: ByTheMinute | Refilling, lasts_s: float) -> int:
    """One call until it is answered; how often it was refused."""
    refusals = 0
    while True:
        lease = await pool.admit({})
        await asyncio.sleep(lasts_s / 2)
        fits, limit = server.ask()
        await asyncio.sleep(lasts_s / 2)
        if fits:
            lease.settle(CallReport(limits={"requests": limit}))
            return refusals
        refusals += 1
        lease.fail(RateLimited("acme", "full", retry_after=1.0), CallReport(limits={"requests": limit}))


async def calls(server: ByTheMinute | Refilling, *, number: int, lasts_s: float, rival: int = 0) -> tuple[int, float]:
    """Refusals and calls a minute of a pool, while somebody else makes `rival` requests a minute with the same key."""
    pool = pool_with(None, "rate-limits:acme:m")

    async def compete() -> None:
        while rival:
            await asyncio.sleep(60 / rival)
            server.ask()

    competing = asyncio.ensure_future(compete())
    began = now()
    refusals = sum(await asyncio.gather(*(call(pool, server, lasts_s) for _ in range(number))))
    competing.cancel()
    return refusals, number / (now() - began) * 60


@pytest.mark.parametrize("lasts_s", [0.3, 3.0])
@pytest.mark.parametrize("server", [ByTheMinute, Refilling])
def test_provider_refuses_nothing_and_is_used_up(server: type[ByTheMinute | Refilling], lasts_s: float) -> None:
    refusals, per_minute = run(calls(server(), number=1800, lasts_s=lasts_s))
    assert refusals == 0
    assert per_minute > 0.9 * LIMIT


@pytest.mark.parametrize("server", [ByTheMinute, Refilling])
def test_rival_gets_its_share_with_few_refusals(server: type[ByTheMinute | Refilling]) -> None:
    refusals, per_minute = run(calls(server(), number=1200, lasts_s=1.0, rival=300))
    assert refusals <= 12
    assert 280 < per_minute < 480


def test_few_tokens_left_hold_a_large_call_no_longer_than_the_reset() -> None:
    scarce = {"tokens": LearntLimit(6000, remaining=1, reset_s=10.0)}
    large = Call(estimate={"tokens": 3000})
    admitted = run(
        make_all(pool_with(None, "rate-limits:acme:m"), [Call(limits=scarce), Call(after_s=0.1), large, large])
    )
    assert admitted[-1].at_s - admitted[0].at_s < 10 + 3000 / 100 * 1.1
