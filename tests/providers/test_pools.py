"""How a pool admits calls, and what it makes of answers and refusals; on a virtual clock."""

import asyncio

import pytest

from pixeltable.exceptions import InvalidArgument, RateLimited
from pixeltable.providers.pacing import CATCH_UP_S
from pixeltable.providers.pools import HEADROOM, PROBES, Pools
from pixeltable.providers.rates import DEFAULT_REQUESTS_PER_MINUTE, Rates
from pixeltable.providers.sections import Sections
from pixeltable.udfs.report import CallReport, LearntLimit
from tests.providers.calls import Admission, Call, make_all, pool_with
from tests.providers.virtual_time import now, run

LEARNING = "rate-limits:acme:m"


def per_minute(admitted: list[Admission]) -> float:
    """The pace at which calls were admitted."""
    times = sorted(admission.at_s for admission in admitted)
    return (len(times) - 1) / (times[-1] - times[0]) * 60


def after_learning(*limits: LearntLimit, calls: int = 50, configured: float | None = None) -> list[Admission]:
    """Calls of a pool that has been told these limits, one after the other."""
    told = [Call(after_s=2.0, limits={"requests": limit}) for limit in limits]
    first = Call(after_s=0.1)
    admitted = run(make_all(pool_with(configured, LEARNING), [*told, first, *[Call()] * calls]))
    return admitted[len(told) :]


@pytest.mark.parametrize(
    ("name", "configured", "expected"),
    [("request-rate:acme:m", None, DEFAULT_REQUESTS_PER_MINUTE), ("request-rate:acme:m", 60, 60), (LEARNING, 90, 90)],
)
def test_pace_is_the_configured_one_or_the_default(name: str, configured: float | None, expected: float) -> None:
    admitted = run(make_all(pool_with(configured, name), [Call()] * 40))
    assert per_minute(admitted) == pytest.approx(expected * (1 - HEADROOM), rel=0.01)


@pytest.mark.parametrize(("configured", "expected"), [(None, 300), (100, 100), (1000, 300)])
def test_learnt_limit_holds_unless_a_lower_one_is_configured(configured: float | None, expected: float) -> None:
    admitted = after_learning(LearntLimit(300), configured=configured)
    assert per_minute(admitted) == pytest.approx(expected * (1 - HEADROOM), rel=0.05)


def test_learnt_limit_goes_over_the_default() -> None:
    calls = [Call(limits={"requests": LearntLimit(3000)}), Call(after_s=1.0), *[Call()] * 50]
    admitted = run(make_all(pool_with(None), calls))
    assert per_minute(admitted[1:]) == pytest.approx(3000 * (1 - HEADROOM), rel=0.05)


def test_few_calls_go_first_while_nothing_is_known() -> None:
    slow = Call(lasts_s=5.0, limits={"requests": LearntLimit(60_000)})
    admitted = run(make_all(pool_with(None, LEARNING), [slow] * 10))
    assert sum(admission.at_s < 1005 for admission in admitted) == PROBES


def test_provider_that_tells_no_limits_is_not_slowed_down() -> None:
    admitted = run(make_all(pool_with(None, LEARNING), [Call(lasts_s=0.5)] * 500))
    assert admitted[-1].at_s - admitted[0].at_s <= 0.5


def test_provider_that_refuses_without_limits_is_asked_half_as_often() -> None:
    busy = [Call(after_s=0.1) for _ in range(100)]
    admitted = run(
        make_all(pool_with(None, LEARNING), [*busy, Call(outcome="refused"), Call(after_s=1.0), *[Call()] * 20])
    )
    assert per_minute(admitted[102:]) == pytest.approx(300, rel=0.25)


def test_scarce_remainder_is_spread_until_the_reset() -> None:
    admitted = after_learning(LearntLimit(6000, remaining=20, reset_s=10.0), calls=15)
    assert per_minute(admitted) == pytest.approx(20 / 10 * 60, rel=0.1)


def test_nothing_left_holds_all_calls_until_the_reset() -> None:
    admitted = after_learning(LearntLimit(6000, remaining=0, reset_s=10.0), calls=1)
    assert admitted[0].at_s >= 1012.0  # told at 1002


def test_ample_remainder_does_not_slow_down() -> None:
    admitted = after_learning(LearntLimit(600, remaining=590, reset_s=1.0))
    assert per_minute(admitted) == pytest.approx(600 * (1 - HEADROOM), rel=0.02)


def test_refusal_pauses_the_whole_pool_as_long_as_asked() -> None:
    admitted = run(make_all(pool_with(6000), [Call(outcome="refused", retry_after_s=7.0), *[Call(after_s=0.1)] * 3]))
    assert [admission.at_s >= 1007.0 for admission in admitted] == [False, True, True, True]


def test_refusals_of_calls_that_began_before_the_first_count_as_one() -> None:
    crowd = [Call(lasts_s=1.0, outcome="refused")] * 30
    admitted = run(make_all(pool_with(6000), [*crowd, Call(after_s=10.0), *[Call()] * 40]))
    # Halved once, and ten seconds of recovery.
    assert per_minute(admitted[30:]) == pytest.approx(6000 * (0.5 + 0.2) * (1 - HEADROOM), rel=0.05)


def test_pace_recovers_steadily_after_refusals() -> None:
    after = [Call(after_s=1.0)] * 30
    admitted = run(make_all(pool_with(6000), [Call(outcome="refused"), *after, *[Call()] * 100]))
    assert per_minute(admitted[31:]) == pytest.approx(6000 * (1 - HEADROOM), rel=0.02)


def test_refusal_does_not_slow_a_pool_whose_limit_is_learnt() -> None:
    calls = [Call(limits={"requests": LearntLimit(600)}), Call(after_s=0.1, outcome="refused"), Call(after_s=9)]
    admitted = run(make_all(pool_with(None, LEARNING), [*calls, *[Call()] * 20]))
    assert per_minute(admitted[2:]) == pytest.approx(600 * (1 - HEADROOM), rel=0.02)


def test_retry_after_of_any_exception_is_honoured() -> None:
    class Busy(Exception):  # as a user's own may be called
        retry_after = 3.0

    async def main() -> float:
        pool = pool_with(6000)
        (await pool.admit({})).fail(Busy(), CallReport())
        await pool.admit({})
        return now()

    assert run(main()) == pytest.approx(1003.0)


def test_tokens_that_were_used_beyond_the_estimate_are_paid_by_the_next_calls() -> None:
    greedy = Call(estimate={"tokens": 10}, used={"tokens": 1000})
    admitted = run(make_all(pool_with({"tokens": 6000}), [greedy, Call(after_s=0.1, estimate={"tokens": 10})]))
    assert admitted[1].at_s - admitted[0].at_s == pytest.approx(1000 / (100 * (1 - HEADROOM)), rel=0.02)


def test_call_larger_than_a_minutes_tokens_is_admitted() -> None:
    admitted = run(make_all(pool_with({"tokens": 100}), [Call(estimate={"tokens": 5000})]))
    assert len(admitted) == 1


def test_calls_are_admitted_in_the_order_in_which_they_ask() -> None:
    calls = [Call(estimate={"tokens": 1000 - 10 * i}) for i in range(20)]
    assert [admission.call for admission in run(make_all(pool_with({"tokens": 60_000}), calls))] == calls


def test_calls_of_jobs_let_others_go_first_but_now_and_then() -> None:
    async def main() -> list[str]:
        pool, admitted = pool_with(6000), list[str]()
        await pool.admit({})

        async def call(name: str, *, patient: bool) -> None:
            await pool.admit({}, patient=patient)
            admitted.append(name)

        jobs = [asyncio.ensure_future(call("job", patient=True)) for _ in range(6)]
        await jobs[0]  # the others wait behind it
        users = [asyncio.ensure_future(call("user", patient=False)) for _ in range(6)]
        await asyncio.gather(*jobs, *users)
        return admitted

    assert run(main()) == ["job", *["user"] * 3, "job", *["user"] * 3, *["job"] * 4]


def test_cancelled_waiter_gives_its_place_to_the_next() -> None:
    async def main() -> float:
        pool = pool_with(60)
        await pool.admit({})
        impatient, patient = (asyncio.ensure_future(pool.admit({})) for _ in range(2))
        await asyncio.sleep(0.1)
        impatient.cancel()
        await patient
        return now()

    assert run(main()) == pytest.approx(1000 + 1 / (1 - HEADROOM), abs=0.02)


def test_waiter_cancelled_as_it_is_admitted_gives_its_place_to_the_next() -> None:
    async def main() -> float:
        pool = pool_with(60)
        await pool.admit({})
        late, patient = (asyncio.ensure_future(pool.admit({})) for _ in range(2))
        await asyncio.sleep(0)
        # In the same turn of the loop as the pool's timer, and after it: admitted, but not running yet.
        asyncio.get_running_loop().call_at(1000 + 1 / (1 - HEADROOM) - CATCH_UP_S + 5e-10, late.cancel)
        await patient
        return now()

    assert run(main()) == pytest.approx(1000 + 1 / (1 - HEADROOM), abs=0.02)


def test_slow_pool_does_not_hold_another_up() -> None:
    async def main() -> float:
        pools = Pools(Rates(Sections({"slow": {"rate_limit": 1}, "quick": {"rate_limit": 6000}})), None)
        await pools.pool("request-rate:slow").admit({})
        waiting = asyncio.ensure_future(pools.pool("request-rate:slow").admit({}))
        await make_all(pools.pool("request-rate:quick"), [Call()] * 10)
        waiting.cancel()
        return now()

    assert run(main()) < 1001


def test_lease_ends_once() -> None:
    async def main() -> int:
        pool = pool_with(600)
        lease = await pool.admit({})
        lease.settle(CallReport())
        lease.fail(RateLimited("acme", "late", retry_after=9.0), CallReport())
        return pool.under_way

    assert run(main()) == 0


def test_pool_that_is_used_on_another_loop_begins_anew() -> None:
    pool = pool_with(60)

    async def abandon() -> None:
        await pool.admit({})
        asyncio.ensure_future(pool.admit({})).add_done_callback(lambda waiter: waiter.cancelled())
        await asyncio.sleep(0.01)

    run(abandon())
    assert len(run(make_all(pool, [Call()]))) == 1


@pytest.mark.parametrize("name", ["acme", "request-rate:", "rates:acme", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="request-rate:<name>"):
        Pools(Rates(Sections()), None).pool(name)
