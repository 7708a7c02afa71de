"""The floor of calls side by side: a pool of threads, one core, or `asyncio.gather`; the cells are not stored."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from timing import emit, parse, timed

SLEEP_S = 0.02


def burn(x: int) -> int:
    total = 0
    for i in range(60_000):
        total += i * i
    return x + total % 2


async def wait_all(n: int) -> None:
    at_once = asyncio.Semaphore(256)

    async def one() -> None:
        async with at_once:
            await asyncio.sleep(SLEEP_S)

    await asyncio.gather(*(one() for _ in range(n)))


args = parse(2_000, kind="threads")
n = args.n
if args.kind == "processes":
    seconds, _ = timed(lambda: [burn(i) for i in range(n)])
elif args.kind == "async":
    seconds, _ = timed(lambda: asyncio.run(wait_all(n)))
elif args.kind == "memo":
    seconds, _ = timed(lambda: [time.sleep(SLEEP_S) for _ in range(10)])
else:
    with ThreadPoolExecutor(32) as pool:
        seconds, _ = timed(lambda: list(pool.map(lambda _: time.sleep(SLEEP_S), range(n))))
emit(f"parallel_{args.kind}", n, seconds, value=n / seconds, unit="1/s")
