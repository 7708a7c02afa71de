"""The law by which calls are paced: evenly (GCRA), over a process's own time or over time that the database granted.

Nothing here reads a clock: the time comes as an argument, in seconds, on any clock that only goes forward. An amount is
a number of requests or of tokens; `interval_s` is the time that one of them takes at the limit.

What holds: amounts admitted in any window of w seconds are at most `(w + CATCH_UP_S) / interval_s` and one call's.
Source: the generic cell rate algorithm, ITU-T I.371, in its form of virtual scheduling.
"""

from collections import deque
from dataclasses import dataclass, field

CATCH_UP_S = 0.01
"""How late a call may start and the next ones still keep to the old plan: what timers and a busy loop cost.

With 2 % below the limit, a server that counts by the second still sees no more than the limit (0.98 * 1.01 < 1).
"""

_SLACK_S = 2e-6  # what rounding may cost: the database's times are doubles of seconds since 1970


@dataclass(slots=True)
class LocalPace:
    """A plan of this process alone: `next_s` is when the next call may start."""

    next_s: float = float("-inf")

    def take(self, amount: float, *, interval_s: float, now: float) -> None:
        """Plan a call that starts now."""
        self.next_s = max(self.next_s, now - CATCH_UP_S) + amount * interval_s

    def give_back(self, amount: float, *, interval_s: float) -> None:
        """Return what a planned call did not use; time that has passed meanwhile is not kept (see `take`)."""
        self.next_s -= amount * interval_s


@dataclass(slots=True)
class Granted:
    """A plan over spans of time that are this process's own, since no other process is granted the same."""

    spans: deque[tuple[float, float]] = field(default_factory=deque)
    debt: float = 0.0
    """Used beyond what was granted: to be asked for with the next span."""
    wasted: bool = False
    """Whether time passed unused since `add`."""

    def add(self, start_s: float, end_s: float) -> None:
        """A further span, later than those before; one that begins where the last ends makes it longer."""
        self.wasted = False
        if self.spans and abs(self.spans[-1][1] - start_s) < _SLACK_S:
            start_s = self.spans.pop()[0]
        self.spans.append((start_s, end_s))

    def forget_past(self, *, interval_s: float, now: float) -> None:
        """Drop what was not used in time, and what is too little for one request."""
        while self.spans:
            start_s, end_s = self.spans[0]
            if start_s < now - CATCH_UP_S:
                self.wasted = True
                start_s = now - CATCH_UP_S
                self.spans[0] = (start_s, end_s)
            if end_s - start_s >= interval_s - _SLACK_S:
                return
            self.spans.popleft()

    def held_s(self) -> float:
        """All the time at hand."""
        return sum(end_s - start_s for start_s, end_s in self.spans)

    def has(self, amount: float, *, interval_s: float) -> bool:
        """Whether there is time enough for a call."""
        return self.held_s() >= amount * interval_s - _SLACK_S

    @property
    def next_s(self) -> float:
        """When the next call may start, if there is time for it at all."""
        return self.spans[0][0] if self.spans else float("-inf")

    @property
    def end_s(self) -> float:
        """When the last span ends."""
        return self.spans[-1][1] if self.spans else float("-inf")

    def take(self, amount: float, *, interval_s: float) -> float:
        """Use time for a call; returns where the used time ends. What is missing becomes debt."""
        left_s = amount * interval_s
        end_s = self.next_s
        while self.spans and left_s > _SLACK_S:
            start_s, stop_s = self.spans.popleft()
            end_s = min(start_s + left_s, stop_s)
            left_s -= end_s - start_s
            if stop_s - end_s > _SLACK_S:
                self.spans.appendleft((end_s, stop_s))
        if left_s > _SLACK_S:
            self.debt += left_s / interval_s
        return end_s

    def give_back(self, amount: float, *, interval_s: float, end_s: float) -> None:
        """Return the last part of what a call took, which ended at `end_s`."""
        paid = min(amount, self.debt)
        self.debt -= paid
        start_s = end_s - (amount - paid) * interval_s
        if start_s < end_s:
            self.spans.appendleft((start_s, end_s))
