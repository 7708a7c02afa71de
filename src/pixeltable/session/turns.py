"""Taking turns: a process waits while another one adds what it was to add itself."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pixeltable.exceptions import BeingAdded

Result = TypeVar("Result")

_LOOK_AGAIN_S = 0.02
"""How long after others are done that is noticed, about."""


def after_others(work: Callable[[], Result], *, if_exists: str) -> Result:
    """`work`, which adds something; where that is being added by another process, it waits for it if that will do.

    Nothing is held meanwhile. If the other process dies, `work` takes up what it left.

    Raises:
        BeingAdded: it will not: the call is not to ignore what exists.
    """
    while True:
        try:
            return work()
        except BeingAdded:
            if if_exists != "ignore":
                raise
        time.sleep(random.uniform(0.5, 1.5) * _LOOK_AGAIN_S)
