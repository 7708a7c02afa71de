"""A program that is admitted to a pool as often as it can be, and prints when: `URL LIMIT SECONDS [LOSSES]`."""

import asyncio
import sys
import time

from pixeltable.providers.pools import Pools
from pixeltable.providers.quota import Quota
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections
from pixeltable.udfs.report import CallReport
from tests.providers.conftest import open_database

WAITING = 64


async def admissions(url: str, limit: float, duration_s: float) -> list[float]:
    """When calls were admitted, on the machine's monotonic clock, of a pool on which many are always waiting."""
    sections = Sections({"acme": {"rate_limit": limit}})
    database = open_database(url)
    pool = Pools(Rates(sections), Quota(database)).pool("request-rate:acme")
    found: list[float] = []
    ends = time.monotonic() + duration_s

    async def call_again() -> None:
        while time.monotonic() < ends:
            lease = await pool.admit({})
            found.append(lease.admitted_at)
            lease.settle(CallReport())

    await asyncio.gather(*(call_again() for _ in range(WAITING)))
    database.close()
    return found


if __name__ == "__main__":
    url, limit, duration = sys.argv[1:4]
    print(*asyncio.run(admissions(url, float(limit), float(duration))), sep="\n")  # noqa: T201
