"""The transaction of the user's that is open, if one is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional

from pixeltable.exceptions import Unsupported

if TYPE_CHECKING:
    from pixeltable.session.transactions import Transaction

running: ContextVar[Optional["Transaction"]] = ContextVar("pixeltable_transaction", default=None)


def refuse_in_transaction(what: str) -> None:
    """Check that none is open.

    Raises:
        Unsupported: one is.
    """
    if running.get() is not None:
        raise Unsupported(
            f"{what} cannot be part of a transaction",
            hint="In its block rows are inserted, updated, deleted and recomputed; do the rest before or after.",
        )


@contextmanager
def outside() -> Iterator[None]:
    """What is done in the block is no part of it."""
    token = running.set(None)
    try:
        yield
    finally:
        running.reset(token)
