"""Resource pools: calls wait here for their turn, so that a provider's limits hold. For one event loop at a time."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pixeltable.exceptions import Error, ExternalServiceError, RateLimited
from pixeltable.lazy import asyncio
from pixeltable.providers.failures import classify
from pixeltable.providers.limits import Congestion, Limit, Traffic
from pixeltable.providers.meter import Meter, Taken, true_use
from pixeltable.providers.quota import Quota
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import RESOURCES
from pixeltable.providers.sharing import Sharing
from pixeltable.providers.waiting import Waiting
from pixeltable.telemetry import log
from pixeltable.udfs.report import CallReport

HEADROOM = 0.02
"""Share of a limit that is left alone: answers and clocks of a network are never quite even."""

PROBES = 4
"""Calls under way at once while nothing is known of a pool's limits."""

_LONG_PAUSE_S = 60.0  # of which the user should hear
_TICK_S = 1e-6  # sooner is now: timers may fire that early


class Pools:
    """The pools of a session, by name. `quota` shares their limits with the other processes of the database."""

    def __init__(self, rates: Rates, quota: Quota | None, *, headroom: float = HEADROOM) -> None:
        self._rates = rates
        self._quota = quota
        self._headroom = headroom
        self._pools: dict[str, Pool] = {}

    def pool(self, name: str) -> "Pool":
        """The pool of that name, which belongs to the key configured for its provider.

        Raises:
            InvalidArgument: it is not the name of a pool.
            InvalidConfiguration: the limit configured in the environment is not a number.
        """
        found = self._pools.get(name)
        if found is None:
            configured, assumed = self._rates.configured(name), self._rates.assumed(name)
            limits = {resource: Limit(configured.get(resource), assumed.get(resource)) for resource in RESOURCES}
            sharing = None if self._quota is None else Sharing(self._quota, self._rates.shared_name(name))
            found = self._pools[name] = Pool(name, limits, sharing, headroom=self._headroom)
        return found


@dataclass(slots=True)
class _Waiter:
    future: "asyncio.Future[Lease]"
    estimate: Mapping[str, int]


class Pool:
    """Calls under the same limits, admitted evenly spaced, in the order in which they ask; jobs let others go first.

    All methods are for the thread of the event loop.
    """

    def __init__(
        self, name: str, limits: Mapping[str, Limit], sharing: Sharing | None, *, headroom: float = HEADROOM
    ) -> None:
        self.name = name
        self._meters = {resource: Meter(resource, limit) for resource, limit in limits.items()}
        self._sharing = sharing
        self._share = 1.0 - headroom
        self._congestion = Congestion()
        self._traffic = Traffic()
        self._answered = False
        self.under_way = 0
        """Calls that were admitted and have not ended."""
        self._waiting: Waiting[_Waiter] = Waiting()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def admit(self, estimate: Mapping[str, int], *, patient: bool = False) -> "Lease":
        """Wait for a turn. `estimate` says what the call will take: "tokens", ...; "requests" is 1 unless given.

        Who is `patient`, since nobody waits for the call, lets others go first.

        A caller that is cancelled while it waits takes nothing with it. Every lease has to be ended, by `settle` or
        `fail`, also when the call is cancelled.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if not self._waiting and self._ready_at(estimate, loop.time()) <= loop.time() + _TICK_S:
            return self._take(estimate, loop.time())
        waiter = _Waiter(loop.create_future(), estimate)
        self._waiting.put(waiter, patient=patient)
        self._pump()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():
                waiter.future.result().give_back()
            else:
                self._pump()  # the next one may need less
            raise

    def _move_to(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Work on another loop; who waited on one that is gone waits no more."""
        self._loop = loop
        self._waiting.clear()
        self._timer = None
        self.under_way = 0
        for meter in self._meters.values():
            meter.pending = 0.0
        if self._sharing is not None:
            self._sharing.start(loop, self._meters, waiting=self._waiting, on_news=self._pump)

    def _pump(self) -> None:
        """Admit all whose turn it is, and come back for the next."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            waiter = self._waiting.first()
            if waiter.future.done():  # cancelled
                self._waiting.take()
                continue
            now = self._loop.time()
            at = self._ready_at(waiter.estimate, now)
            if at > now + _TICK_S:
                if at != float("inf"):
                    self._timer = self._loop.call_at(at, self._pump)
                return
            self._waiting.take()
            waiter.future.set_result(self._take(waiter.estimate, now))

    def _ready_at(self, estimate: Mapping[str, int], now: float) -> float:
        """When such a call may start; infinite where an answer or the database has to say more first."""
        if not self._answered and self.under_way >= PROBES and not self._has_limit():
            return float("inf")
        at = self._congestion.paused_until
        paced: list[tuple[Meter, float, float]] = []
        for meter in self._meters.values():
            at = max(at, meter.limit.held_until)
            need = meter.need(estimate)
            interval_s = self._interval_s(meter, need, now)
            if interval_s is not None:
                paced.append((meter, need, interval_s))
        if at > now + _TICK_S:
            return at
        if self._sharing is not None and self._sharing.is_on(now):
            return self._sharing.ready_at(paced, now=now)
        return max((meter.local.next_s for meter, _, _ in paced), default=at)

    def _has_limit(self) -> bool:
        return any(meter.limit.per_minute is not None for meter in self._meters.values())

    def _interval_s(self, meter: Meter, need: float, now: float) -> float | None:
        """The time for each one of what a call needs; None where that is nothing, or not limited."""
        if need <= 0:
            return None
        return meter.limit.interval_s(need, share=self._share * self._congestion.share, now=now)

    def _take(self, estimate: Mapping[str, int], now: float) -> "Lease":
        shared = self._sharing is not None and self._sharing.is_on(now)
        taken = {
            name: meter.take(need, interval_s=self._interval_s(meter, need, now), shared=shared, now=now)
            for name, meter in self._meters.items()
            for need in [meter.need(estimate)]
        }
        self.under_way += 1
        self._traffic.count(now)
        return Lease(self, taken, now)

    def _ended(self, lease: "Lease", used: Mapping[str, float | None], report: CallReport) -> float:
        """A call is over: its true use counts, and what it learnt. Returns the time."""
        assert self._loop is not None
        now = self._loop.time()
        self.under_way -= 1
        for name, meter in self._meters.items():
            meter.settle(lease.taken[name], used[name], now=now)
        self._learn(report, now)
        return now

    def _learn(self, report: CallReport, now: float) -> None:
        news = {}
        for name, told in report.limits.items():
            meter = self._meters.get(name)
            if meter is None or told.per_minute <= 0:
                continue
            if meter.limit.learnt != told.per_minute:
                news[name] = float(told.per_minute)
            meter.limit.learn(told, pending=meter.pending, now=now)
            self._answered = True
        if news and self._sharing is not None:
            self._sharing.learn(news)

    def settled(self, lease: "Lease", report: CallReport) -> None:
        """A lease's call ended well. Called by the lease, as are the next two."""
        used = {name: true_use(report, name) for name in self._meters}
        used["requests"] = None if "requests" not in report.usage else used["requests"]
        now = self._ended(lease, used, report)
        self._answered = True
        self._congestion.answered(started=lease.admitted_at, now=now)
        self._pump()

    def failed(self, lease: "Lease", error: BaseException, report: CallReport) -> None:
        """A lease's call ended otherwise."""
        refused, asked_s = _refusal(error)
        used = {name: true_use(report, name) for name in self._meters}
        if refused:  # the request counts all the same, its tokens do not
            used |= {name: use or 0.0 for name, use in used.items() if name != "requests"}
        now = self._ended(lease, used, report)
        if refused or asked_s:
            self._refuse(lease, asked_s, now)
        self._pump()

    def _refuse(self, lease: "Lease", asked_s: float | None, now: float) -> None:
        if not self._has_limit():
            self._meters["requests"].limit.assumed = self._traffic.per_minute(now)
            self._congestion.without_limit()
        told = any(meter.limit.learnt is not None for meter in self._meters.values())
        before = self._congestion.paused_until
        self._congestion.refused(asked_s=asked_s, slower=not told, started=lease.admitted_at, now=now)
        if self._congestion.paused_until > before:
            pause_s = self._congestion.paused_until - now
            level = logging.WARNING if pause_s > _LONG_PAUSE_S else logging.INFO
            log.log(level, "%s: refused by the provider, all its calls wait for %.1f s", self.name, pause_s)
            if self._sharing is not None:
                self._sharing.pause(pause_s)

    def given_back(self, lease: "Lease") -> None:
        """A lease's call was never made."""
        assert self._loop is not None
        self.under_way -= 1
        now = self._loop.time()
        for name, meter in self._meters.items():
            taken = lease.taken[name]
            meter.pending -= taken.amount
            if taken.interval_s:
                meter.correct(taken, taken.amount, now=now)
        self._pump()


class Lease:
    """The right to make one call, from its admission to its end."""

    __slots__ = ("_ended", "_pool", "admitted_at", "taken")

    def __init__(self, pool: Pool, taken: Mapping[str, Taken], admitted_at: float) -> None:
        self._pool = pool
        self._ended = False
        self.taken = taken
        self.admitted_at = admitted_at
        """On the clock of the loop."""

    def settle(self, report: CallReport) -> None:
        """The call ended well; what it took and learnt is in the report."""
        if self._end():
            self._pool.settled(self, report)

    def fail(self, error: BaseException, report: CallReport) -> None:
        """The call ended with an exception, or was cancelled; being refused (429) makes the whole pool wait."""
        if self._end():
            self._pool.failed(self, error, report)

    def give_back(self) -> None:
        """The call was never made."""
        if self._end():
            self._pool.given_back(self)

    def _end(self) -> bool:
        first = not self._ended
        self._ended = True
        return first


def _refusal(error: BaseException) -> tuple[bool, float | None]:
    """Whether a provider refused for being called too often, and how long it asks to wait."""
    if isinstance(error, Error) and not isinstance(error, ExternalServiceError):
        return False, None
    failure = classify(error, "")
    asked = getattr(failure or error, "retry_after", None)
    asked_s = float(asked) if isinstance(asked, int | float) and asked > 0 else None
    return isinstance(failure, RateLimited), asked_s
