"""Taking turns: a process waits while another one adds what it was to add itself, or does the whole work."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pixeltable.exceptions import BeingAdded
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection

Result = TypeVar("Result")

_LOOK_AGAIN_S = 0.02
"""How long after others are done that is noticed, about."""

_SPACE = 1_836_016_748
"""First number of the advisory lock of a turn; any constant of ours does."""


@contextmanager
def one_at_a_time(session: Session, name: str) -> Iterator[None]:
    """Wait until no other thread or process is within this, for that name; if one dies, the database ends its turn.

    Who waits asks again and again: a statement that waited would have a snapshot, for the end of which the database
    waits before it puts an index in service, and so would who has the turn.
    """
    connection = session.database.dedicated()
    try:
        while not _is_ours(connection, name):
            time.sleep(random.uniform(0.5, 1.5) * _LOOK_AGAIN_S)
        yield
    finally:
        session.database.release(connection)


def _is_ours(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_SPACE, name)).fetchone()
    return bool(row and row[0])


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
