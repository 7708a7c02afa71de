"""What is known of one resource of a pool, and of how crowded the pool is; the clock comes as an argument."""

import random
from dataclasses import dataclass

from pixeltable.udfs.report import LearntLimit

_WINDOW_S = 60.0
_LEAST_SHARE = 0.05
"""Of the limit: how slow a provider that refills all the time makes a pool by saying that little is left."""

_CUT = 0.5
_RECOVERY_PER_S = 0.02
_SLOWEST = 0.01
_LONGEST_BACKOFF_S = 60.0
_FIRST_BACKOFF_S = 1.0
_UNKNOWN_LEAST_PER_MINUTE = 60.0


@dataclass(slots=True)
class Limit:
    """How much of a resource there is a minute, by who says so, and how much of it is left at the moment."""

    configured: float | None = None
    assumed: float | None = None
    learnt: float | None = None
    held_until: float = float("-inf")
    _scarce_rate_hz: float = float("inf")
    _scarce_until: float = float("-inf")

    @property
    def per_minute(self) -> float | None:
        """The limit in force: what a provider says goes over what is assumed, but not beyond what is configured."""
        if self.configured is not None and self.learnt is not None:
            return min(self.configured, self.learnt)
        return next((found for found in (self.configured, self.learnt, self.assumed) if found is not None), None)

    def interval_s(self, amount: float, *, share: float, now: float) -> float | None:
        """The time for each one of `amount`, which begins now, taking `share` of the limit; None without any limit."""
        per_minute = self.per_minute
        if per_minute is None:
            return None
        interval_s = _WINDOW_S / (per_minute * share)
        if now >= self._scarce_until:
            return interval_s
        # However little is left, after the reset there is enough.
        longest_s = interval_s + (self._scarce_until - now) / amount
        return max(interval_s, min(1 / self._scarce_rate_hz, longest_s))

    def learn(self, told: LearntLimit, *, pending: float, now: float) -> None:
        """Take over what an answer said; `pending` is what calls under way may still take of what it said is left.

        Where less is left than the limit allows for, somebody else uses the same key: what is left is spread over the
        time until there is more. Nothing left means waiting for the end of the provider's window; one that refills all
        the time, which shows by a reset that is as far as the refill takes, is asked now and then instead.
        """
        self.learnt = float(told.per_minute)
        self._scarce_until = self.held_until = float("-inf")
        if told.remaining is None:
            return
        reset_s = _WINDOW_S if told.reset_s is None else min(told.reset_s, _WINDOW_S)
        left = told.remaining - pending
        full_hz = told.per_minute / _WINDOW_S
        if reset_s <= 0 or left >= full_hz * reset_s:
            return
        refill_s = (told.per_minute - told.remaining) / full_hz
        least_hz = _LEAST_SHARE * full_hz if abs(reset_s - refill_s) < 0.1 * _WINDOW_S else 0.0
        rate_hz = max(left / reset_s, least_hz)
        if rate_hz > 0:
            self._scarce_rate_hz, self._scarce_until = rate_hz, now + reset_s
        else:
            self.held_until = now + reset_s


@dataclass(slots=True)
class Congestion:
    """How a pool answers to being refused: a pause for all of it, and a slower pace that recovers slowly.

    Additive increase, multiplicative decrease; calls that started before the last refusal tell nothing new.
    """

    paused_until: float = float("-inf")
    share: float = 1.0
    _largest: float = 1.0
    _refused_at: float = float("-inf")
    _refusals: int = 0
    _eased_at: float = float("-inf")

    def refused(self, *, asked_s: float | None, slower: bool, started: float, now: float) -> None:
        """A call that started at `started` was refused, with a wish how long to wait; `slower` cuts the pace too."""
        pause_s = asked_s or 0.0
        if started >= self._refused_at:
            self._refused_at = self._eased_at = now
            self._refusals += 1
            if slower:
                self.share = max(self.share * _CUT, _SLOWEST)
            longest_s = min(_FIRST_BACKOFF_S * 2.0 ** min(self._refusals - 1, 10), _LONGEST_BACKOFF_S)
            pause_s = pause_s or longest_s * random.uniform(0.5, 1.0)
        self.paused_until = max(self.paused_until, now + pause_s)

    def answered(self, *, started: float, now: float) -> None:
        """A call ended well: the pace recovers with the time since."""
        if started < self._refused_at:
            return
        self._refusals = 0
        if self.share < self._largest:
            self.share = min(self.share + _RECOVERY_PER_S * (now - self._eased_at), self._largest)
        self._eased_at = now

    def without_limit(self) -> None:
        """The limit is a guess: the pace may recover to more than it."""
        self._largest = float("inf")


@dataclass(slots=True)
class Traffic:
    """Calls a minute of late, counted in two periods: a guess of a limit that a provider enforces and never told."""

    _since: float = float("-inf")
    _now: int = 0
    _before: int = 0
    _period_s: float = 10.0

    def count(self, now: float) -> None:
        """A call starts."""
        passed_s = now - self._since
        if passed_s > self._period_s:
            self._before = self._now if passed_s < 2 * self._period_s else 0
            self._since, self._now = now, 0
        self._now += 1

    def per_minute(self, now: float) -> float:
        """The rate, at least one a second."""
        passed_s = max(now - self._since, 1.0) + (self._period_s if self._before else 0.0)
        return max((self._now + self._before) / passed_s * 60.0, _UNKNOWN_LEAST_PER_MINUTE)
