"""Watching an operation while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from pixeltable.exec.tally import Tally
from pixeltable.session.session import Session


@contextmanager
def watched(session: Session, title: str) -> Iterator[Tally]:  # noqa: ARG001
    """Counts of an operation called `title`, shown while it runs."""
    yield Tally()
