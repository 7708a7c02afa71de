"""Saying on the terminal what an operation did."""

import sys
from collections.abc import Mapping

from pixeltable.api.terminals import is_terminal
from pixeltable.exec.tally import Part
from pixeltable.session.session import Session
from pixeltable.types.status import UpdateStatus


def announce(session: Session, status: UpdateStatus, *, parts: Mapping[str, Part] | None = None) -> None:
    """Print the receipt in one line on a terminal; with the shares of columns it is printed anywhere, they below it."""
    wanted = session.settings.progress
    lines = [] if parts is None else stats_table(parts)
    if parts is not None or wanted == "on" or (wanted == "auto" and is_terminal(sys.stdout)):
        print("\n".join([status.summary(), *lines]))  # noqa: T201  # the one place that talks to the terminal


def stats_table(parts: Mapping[str, Part]) -> list[str]:
    """A line for each column or index that was computed, below a head; nothing if none was.

    >>> print(stats_table({}))
    []
    """
    if not parts:
        return []
    head = ("column", "rows", "failed", "seconds", "calls", "from cache", "retries")
    rows = [head, *(_figures(name, part) for name, part in parts.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows]


def _figures(name: str, part: Part) -> tuple[str, ...]:
    calls = part.calls
    numbers = (part.rows, part.failed, part.seconds, calls.made, calls.cached, calls.retries)
    return (name, *(f"{number:.2f}" if isinstance(number, float) else f"{number:,}" for number in numbers))
