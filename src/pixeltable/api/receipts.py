"""Saying on the terminal what an operation did."""

import sys

from pixeltable.api.terminals import is_terminal
from pixeltable.session.session import Session
from pixeltable.types.status import UpdateStatus


def announce(session: Session, status: UpdateStatus, *, always: bool = False) -> None:
    """Print the receipt in one line: on a terminal, or when asked to."""
    wanted = session.settings.progress
    if always or wanted == "on" or (wanted == "auto" and is_terminal(sys.stdout)):
        print(status.summary())  # noqa: T201  # the one place that talks to the terminal
