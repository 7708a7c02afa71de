"""The transaction of the user's that is open, if one is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional

from pixeltable.exceptions import Unsupported

if TYPE_CHECKING:
    from pixeltable.session.transactions import Transaction

_running: ContextVar[Optional["Transaction"]] = ContextVar("pixeltable_transaction", default=None)


def running() -> Optional["Transaction"]:
    """The transaction that is open in this context; a forked child has none of its parent's."""
    found = _running.get()
    return found if found is not None and found.pid == os.getpid() else None


@contextmanager
def as_running(block: Optional["Transaction"]) -> Iterator[None]:
    """Have a transaction, or none, be the one that is open."""
    token = _running.set(block)
    try:
        yield
    finally:
        if _running.get() is block:  # else a generator was left in one context and went on in another
            _running.reset(token)


@contextmanager
def outside() -> Iterator[None]:
    """What is done in the block is no part of the transaction."""
    with as_running(None):
        yield


def refuse_in_transaction(what: str) -> None:
    """Check that none is open.

    Raises:
        Unsupported: one is.
    """
    if running() is not None:
        raise Unsupported(
            f"{what} cannot be part of a transaction",
            hint="In its block rows are inserted, updated, deleted and recomputed; do the rest before or after.",
        )
