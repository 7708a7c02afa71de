"""UDFs whose calls run side by side, in threads or processes, or whose results are remembered.

Where the declaration is not known, the functions are declared without it, and run as that implementation runs them.
"""

import time
from collections.abc import Callable
from typing import Any

import pixeltable as pxt

SLEEP_S = 0.02


def declared(**options: Any) -> Callable[..., Any]:
    try:
        decorator: Callable[..., Any] = pxt.udf(**options)
    except TypeError:
        return pxt.udf
    return decorator


@declared(parallel="threads")
def wait_in_thread(x: int) -> int:
    time.sleep(SLEEP_S)
    return x + 1


@declared(parallel="processes")
def burn_in_process(x: int) -> int:
    return burn(x)


@declared(memo=True)
def remembered(x: int) -> int:
    time.sleep(SLEEP_S)
    return x + 1


def burn(x: int) -> int:
    """About 5 ms of pure Python."""
    total = 0
    for i in range(60_000):
        total += i * i
    return x + total % 2
