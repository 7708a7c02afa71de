"""Calls of a pool as data, making them on a virtual clock, and what a server would have counted."""

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import strategies as st

from pixeltable.exceptions import ProviderFailure, RateLimited
from pixeltable.providers.pools import Pool, Pools
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections
from pixeltable.udfs.report import CallReport, LearntLimit
from tests.providers.virtual_time import now

Outcome = Literal["answer", "refused", "failed", "cancelled"]


@dataclass(frozen=True)
class Call:
    """A call that is asked for `after_s` of the one before, and takes `lasts_s`; or is given up after that time."""

    after_s: float = 0.0
    lasts_s: float = 0.0
    outcome: Outcome = "answer"
    retry_after_s: float | None = None
    estimate: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, LearntLimit] = field(default_factory=dict)


@dataclass(frozen=True)
class Admission:
    """A call that was admitted, and what it came to take."""

    at_s: float
    call: Call


def pool_with(limits: Mapping[str, object] | float | None, name: str = "request-rate:acme:m") -> Pool:
    """A pool for which these limits are configured, of this process alone."""
    section = {} if limits is None else {"rate_limits": {"m": limits}}
    return Pools(Rates(Sections({"acme": section})), None).pool(name)


async def make(pool: Pool, call: Call, admitted: list[Admission]) -> None:
    """Wait for the pool, then do as the call says."""
    lease = await pool.admit(call.estimate)
    admitted.append(Admission(now(), call))
    report = CallReport(usage=dict(call.used), limits=dict(call.limits))
    try:
        await asyncio.sleep(call.lasts_s)
    except asyncio.CancelledError as error:
        lease.fail(error, report)
        raise
    match call.outcome:
        case "refused":
            lease.fail(RateLimited("acme", "slow down", status_code=429, retry_after=call.retry_after_s), report)
        case "failed":
            lease.fail(ProviderFailure("acme", "broken", status_code=500), report)
        case _:
            lease.settle(report)


async def make_all(pool: Pool, calls: Sequence[Call]) -> list[Admission]:
    """All calls, begun one after the other; the admissions in the order in which they came."""
    admitted: list[Admission] = []
    tasks = []
    for call in calls:
        await asyncio.sleep(call.after_s)
        task = asyncio.ensure_future(make(pool, call, admitted))
        if call.outcome == "cancelled":
            asyncio.get_running_loop().call_later(call.lasts_s, task.cancel)
        tasks.append(task)
    await asyncio.gather(*tasks, return_exceptions=True)
    return admitted


def most(times: Sequence[float], window_s: float) -> int:
    """The largest number of them in any window, which includes its first moment and not its last."""
    ordered = sorted(times)
    return max((bisect_left(ordered, at + window_s) - i for i, at in enumerate(ordered)), default=0)


def learnt(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, LearntLimit]]:
    """Limits on requests as answers tell them."""
    limit = st.builds(
        lambda n, left, reset_s: LearntLimit(n, None if left is None else min(left, n), reset_s),
        numbers,
        st.none() | st.integers(0, 100),
        st.none() | st.floats(0, 60),
    )
    return st.just({}) | limit.map(lambda found: {"requests": found})


def call_lists(limits: st.SearchStrategy[dict[str, LearntLimit]]) -> st.SearchStrategy[list[Call]]:
    """Calls in crowds and alone, short and long, with all kinds of ends."""
    call = st.builds(
        Call,
        after_s=st.sampled_from([0.0, 0.0, 0.0, 0.003, 0.02, 0.3, 5.0]),
        lasts_s=st.sampled_from([0.0, 0.01, 0.5, 3.0]),
        outcome=st.sampled_from(["answer", "answer", "answer", "refused", "failed", "cancelled"]),
        retry_after_s=st.sampled_from([None, 0.05, 2.0]),
        limits=limits,
    )
    return st.lists(call, max_size=60)
