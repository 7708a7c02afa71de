"""The limits of pools, shared by all processes of a database: each takes spans of time that no other one gets."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixeltable.storage.database import Connection, Database
from pixeltable.telemetry import log

_CLOCK_KEPT_S = 30.0
_FARTHEST_S = 600.0  # ahead of the clock: what a clock that was set back, or one mistaken estimate, can cost at most

# `start_s` and `tat` (theoretical arrival time) are what GCRA keeps; a conflict is the normal case. Rows are locked in
# the order in which they come, which is the same for all processes.
_RESERVE = """
WITH clock AS MATERIALIZED (SELECT extract(epoch FROM clock_timestamp())::float8 AS now_s)
INSERT INTO pixeltable.quotas AS q (pool, resource, start_s, tat)
SELECT %(pool)s, asked.resource, now_s + %(lead_s)s, now_s + %(lead_s)s + asked.cost_s
FROM clock, unnest(%(resources)s::text[], %(costs_s)s::float8[]) AS asked (resource, cost_s)
ON CONFLICT (pool, resource) DO UPDATE SET
    start_s = greatest(least(q.tat, excluded.start_s + %(farthest_s)s), excluded.start_s),
    tat = greatest(least(q.tat, excluded.start_s + %(farthest_s)s), excluded.start_s) + excluded.tat - excluded.start_s
RETURNING resource, start_s, tat, per_minute, (SELECT now_s FROM clock)
"""

_PAUSE = """
UPDATE pixeltable.quotas SET tat = greatest(tat, extract(epoch FROM clock_timestamp())::float8 + %s) WHERE pool = %s
"""

_LEARN = """
INSERT INTO pixeltable.quotas AS q (pool, resource, per_minute)
SELECT %s, learnt.* FROM unnest(%s::text[], %s::float8[]) AS learnt (resource, per_minute)
ON CONFLICT (pool, resource) DO UPDATE SET per_minute = excluded.per_minute
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """Time of one resource that a process wants, in seconds at its pace."""

    resource: str
    cost_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """A span of time on this process's monotonic clock, and what another process learnt of the limit."""

    start_s: float
    end_s: float
    per_minute: float | None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the database granted, by resource, and when, on this process's monotonic clock."""

    grants: Mapping[str, Grant]
    at_s: float


class Quota:
    """Pools as the database keeps them. Every method blocks for a round trip, and is safe in any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock: tuple[float, float, float] | None = None
        self._reachable = True

    def reserve(self, pool: str, asks: Sequence[Ask], *, lead_s: float) -> Reservation:
        """The next free spans of time, none of which begins sooner than `lead_s` from now."""
        ordered = sorted(asks, key=lambda ask: ask.resource)
        values = {
            "pool": pool,
            "resources": [ask.resource for ask in ordered],
            "costs_s": [ask.cost_s for ask in ordered],
            "lead_s": lead_s,
            "farthest_s": _FARTHEST_S,
        }

        def run(connection: Connection) -> Reservation:
            before = time.monotonic()
            rows = connection.execute(_RESERVE, values).fetchall()
            offset_s = self._offset_s(before, time.monotonic(), rows[0][4])
            grants = {
                resource: Grant(start_s + offset_s, tat + offset_s, limit) for resource, start_s, tat, limit, _ in rows
            }
            return Reservation(grants, rows[0][4] + offset_s)

        found = self._database.read(run)
        self._reachable = True
        return found

    def _offset_s(self, before: float, after: float, database_now: float) -> float:
        """What to add to the database's time; of late, the round trip that was shortest knew it best.

        Source: Cristian, "Probabilistic clock synchronization".
        """
        trip_s = after - before
        known = self._clock
        if known is None or trip_s <= known[1] or after - known[2] > _CLOCK_KEPT_S:
            known = self._clock = ((before + after) / 2 - database_now, trip_s, after)
        return known[0]

    def pause(self, pool: str, pause_s: float) -> None:
        """Nobody gets time of the pool that begins sooner."""
        self._database.read(lambda connection: connection.execute(_PAUSE, (pause_s, pool)))

    def learn(self, pool: str, limits: Mapping[str, float]) -> None:
        """Keep what a provider said of its limits, for processes that start later."""
        names = sorted(limits)
        values = (pool, names, [limits[name] for name in names])
        self._database.read(lambda connection: connection.execute(_LEARN, values))

    def learnt(self, pool: str) -> dict[str, float]:
        """Limits a minute by resource, as any process learnt them last."""
        rows = self._database.read(
            lambda connection: connection.execute(
                "SELECT resource, per_minute FROM pixeltable.quotas WHERE pool = %s AND per_minute IS NOT NULL", (pool,)
            ).fetchall()
        )
        return dict(rows)

    def lost(self, error: BaseException) -> None:
        """Say once that the database cannot be reached, until it could be again."""
        if self._reachable:
            log.warning("rate limits are kept by this process alone for now: the database does not answer (%r)", error)
        self._reachable = False
