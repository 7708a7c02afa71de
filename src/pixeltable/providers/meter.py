"""One resource of a pool: its limit, and the plan by which it is used up, alone or shared with other processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pixeltable.providers.limits import Limit
from pixeltable.providers.pacing import Granted, LocalPace
from pixeltable.udfs.report import CallReport

_WEIGHT_OF_NEWEST = 0.1


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call was admitted with: so much of a resource, at this pace, in time that ends at `end_s`."""

    amount: float
    interval_s: float
    end_s: float | None
    """None where the plan is this process's own."""


@dataclass(slots=True)
class Meter:
    """What is used of one resource."""

    resource: str
    limit: Limit
    local: LocalPace = field(default_factory=LocalPace)
    granted: Granted = field(default_factory=Granted)
    pending: float = 0.0
    """Taken by calls under way."""
    mean_use: float = 0.0
    """Of calls that ended, for those of which nothing is estimated."""

    def need(self, estimate: Mapping[str, int]) -> float:
        """What a call is expected to take; never more than there is in a minute, or it would wait for ever."""
        amount = float(estimate.get(self.resource, 1 if self.resource == "requests" else self.mean_use))
        if self.resource == "tokens" and "tokens" not in estimate:
            parts = [estimate[name] for name in ("input_tokens", "output_tokens") if name in estimate]
            amount = float(sum(parts)) if parts else amount
        return max(min(amount, self.limit.per_minute or amount), 0.0)

    def take(self, amount: float, *, interval_s: float | None, shared: bool, now: float) -> Taken:
        """Use up `amount`; without a limit it is only counted as under way."""
        self.pending += amount
        if interval_s is None or amount == 0:
            return Taken(amount, 0.0, None)
        if shared:
            return Taken(amount, interval_s, self.granted.take(amount, interval_s=interval_s))
        self.local.take(amount, interval_s=interval_s, now=now)
        return Taken(amount, interval_s, None)

    def settle(self, taken: Taken, used: float | None, *, now: float) -> None:
        """The call ended, and took `used`; None where that is not known: then it was what it was admitted with."""
        self.pending -= taken.amount
        if used is None:
            return
        self.mean_use += _WEIGHT_OF_NEWEST * (used - self.mean_use) if self.mean_use else used
        if taken.interval_s:
            self.correct(taken, taken.amount - used, now=now)

    def correct(self, taken: Taken, unused: float, *, now: float) -> None:
        """Give back what a call did not use, or use up what it took beyond that."""
        if taken.end_s is None:
            if unused >= 0:
                self.local.give_back(unused, interval_s=taken.interval_s)
            else:
                self.local.take(-unused, interval_s=taken.interval_s, now=now)
        elif unused > 0:
            self.granted.give_back(unused, interval_s=taken.interval_s, end_s=taken.end_s)
        elif unused < 0:
            self.granted.take(-unused, interval_s=taken.interval_s)


def true_use(report: CallReport, resource: str) -> float | None:
    """What a report says a call took of a resource; None where it says nothing.

    >>> true_use(CallReport(input_tokens=7, output_tokens=3), "tokens")
    10.0
    """
    if resource in report.usage:
        return float(report.usage[resource])
    told = {
        "tokens": report.input_tokens + report.output_tokens,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
    }
    return float(told.get(resource, 0)) or None
