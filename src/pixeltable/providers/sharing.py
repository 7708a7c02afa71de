"""A pool's dealings with the database: asking for time in small pieces ahead of need, off the event loop."""

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence, Sized
from math import floor
from typing import Any

from pixeltable.lazy import asyncio
from pixeltable.providers.meter import Meter
from pixeltable.providers.pacing import CATCH_UP_S
from pixeltable.providers.quota import Ask, Quota, Reservation

_PIECE_S = 0.25
"""At most so much time is asked for at once, unless a single call needs more: what a process may leave unused."""

_AHEAD_S = 0.1
_PATIENCE_S = 2.0
_ALONE_S = 5.0
_LONGEST_LEAD_S = 1.0

Need = tuple[Meter, float, float]
"""A meter, how much a call needs of it, and the time that one unit takes, in seconds."""


class Sharing:
    """What one pool shares with the pools of the same name in other processes.

    Where the database does not answer, the pool goes on by itself for a while (`is_on` is False) and then asks again.
    """

    def __init__(self, quota: Quota, name: str) -> None:
        self._quota = quota
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_news: Callable[[], None] = lambda: None
        self._waiting: Sized = ()
        self._meters: Mapping[str, Meter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = False
        self._is_known = False
        self._alone_until = float("-inf")
        self._lead_s = 0.0
        """How far ahead a span has to begin, so that it is here in time; some lateness is allowed anyway."""
        self._piece_s: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def start(
        self,
        loop: "asyncio.AbstractEventLoop",
        meters: Mapping[str, Meter],
        *,
        waiting: Sized,
        on_news: Callable[[], None],
    ) -> None:
        """Work for a pool on a loop; `on_news` is called whenever more of the calls in `waiting` may be possible."""
        self._loop = loop
        self._waiting = waiting
        self._meters = meters
        self._on_news = on_news
        self._tasks.clear()
        self._asking = False
        for meter in meters.values():
            meter.granted.spans.clear()  # after a fork they are the parent's

    def is_on(self, now: float) -> bool:
        """Whether the database is asked; otherwise it did not answer lately."""
        return now >= self._alone_until

    def ready_at(self, needs: Sequence[Need], *, now: float) -> float:
        """When a call may start, by the time at hand; infinite while the database is asked for more."""
        if not self._is_known:
            self._ask(self._load)
            return float("inf")
        missing = []
        at = float("-inf")
        for meter, amount, interval_s in needs:
            meter.granted.forget_past(interval_s=interval_s, now=now)
            if meter.granted.has(amount, interval_s=interval_s):
                at = max(at, meter.granted.next_s)
            else:
                missing.append((meter, amount, interval_s))
        if missing:
            if at > now + _PIECE_S:  # time asked for now would pass before the call can use it
                return at - _PIECE_S
            self._ask(lambda: self._reserve(missing))
            return float("inf")
        self._look_ahead(needs, now)
        return at

    def _look_ahead(self, needs: Sequence[Need], now: float) -> None:
        """Ask for the next piece before the present one ends, where more calls wait than it is enough for."""
        if self._asking or len(self._waiting) < 2:
            return
        ending = [
            (meter, amount, interval_s)
            for meter, amount, interval_s in needs
            if meter.granted.end_s - now < _AHEAD_S + self._lead_s
            and not meter.granted.has(amount * len(self._waiting), interval_s=interval_s)
        ]
        if ending:
            self._ask(lambda: self._reserve(ending))

    def _ask(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` beside the calls, unless something is being asked already; then look at what is possible now."""
        if not self._asking:
            self._asking = True
            self._spawn(self._asked(work))

    async def _asked(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await asyncio.wait_for(work(), _PATIENCE_S)
        except Exception as error:  # noqa: BLE001  # whatever it is, calls must not wait for a database that fails
            self._go_alone(error)
        finally:
            self._asking = False
        self._on_news()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _go_alone(self, error: BaseException) -> None:
        assert self._loop is not None
        self._alone_until = self._loop.time() + _ALONE_S
        self._quota.lost(error)
        for meter in self._meters.values():
            meter.local.next_s = max(meter.local.next_s, meter.granted.next_s)
            meter.granted.spans.clear()

    async def _load(self) -> None:
        for resource, per_minute in (await asyncio.to_thread(self._quota.learnt, self._name)).items():
            self._adopt(resource, per_minute)
        self._is_known = True

    async def _reserve(self, needs: Sequence[Need]) -> None:
        asks = [Ask(meter.resource, self._cost_s(meter, amount, interval_s)) for meter, amount, interval_s in needs]
        paid = {meter.resource: meter.granted.debt for meter, _, _ in needs}
        found = await asyncio.to_thread(self._quota.reserve, self._name, asks, lead_s=self._lead_s)
        self._take_over(found, {meter.resource: interval_s for meter, _, interval_s in needs}, paid)

    def _cost_s(self, meter: Meter, amount: float, interval_s: float) -> float:
        """How much time to ask for: what waits, and twice as much as before where that was used up, up to a piece."""
        before_s = self._piece_s.get(meter.resource, 0.0)
        habit_s = before_s / 2 if meter.granted.wasted else before_s * 2
        wanted_s = min(max(amount * interval_s * len(self._waiting), habit_s), _PIECE_S)
        self._piece_s[meter.resource] = wanted_s
        missing_s = (amount + meter.granted.debt) * interval_s - meter.granted.held_s()
        whole_s = floor(wanted_s / interval_s) * interval_s if meter.resource == "requests" else wanted_s
        return max(whole_s, missing_s, interval_s)

    def _take_over(self, found: Reservation, intervals: Mapping[str, float], paid: Mapping[str, float]) -> None:
        assert self._loop is not None
        now = self._loop.time()
        shift_s = now - time.monotonic()
        took_s = now - (found.at_s + shift_s)
        self._lead_s = min(max(1.5 * took_s - CATCH_UP_S / 2, 0.8 * self._lead_s), _LONGEST_LEAD_S)
        for resource, grant in found.grants.items():
            granted = self._meters[resource].granted
            debt_s = paid[resource] * intervals[resource]
            granted.debt = max(granted.debt - paid[resource], 0.0)
            granted.add(grant.start_s + shift_s + debt_s, grant.end_s + shift_s)
            if grant.per_minute is not None:
                self._adopt(resource, grant.per_minute)

    def _adopt(self, resource: str, per_minute: float) -> None:
        """Take over a limit that another process learnt since the last look."""
        if self._seen.get(resource) != per_minute and resource in self._meters:
            self._seen[resource] = per_minute
            self._meters[resource].limit.learnt = per_minute

    def learn(self, limits: Mapping[str, float]) -> None:
        """Tell the other processes what a provider said."""
        self._seen |= limits
        self._spawn(self._tell(self._quota.learn, dict(limits)))

    def pause(self, pause_s: float) -> None:
        """Have the other processes wait too."""
        for meter in self._meters.values():
            meter.granted.spans.clear()
        self._spawn(self._tell(self._quota.pause, pause_s))

    async def _tell(self, say: Callable[[str, Any], None], what: object) -> None:
        try:
            await asyncio.to_thread(say, self._name, what)
        except Exception as error:  # noqa: BLE001  # what others do not learn, they learn from the provider
            self._quota.lost(error)
