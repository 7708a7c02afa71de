"""`Tally`: what an operation did so far, counted while it runs, for its receipt and for whoever shows progress."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of expensive functions: models, providers, and others whose results are remembered."""

    made: int = 0
    cached: int = 0
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(
            self.made + other.made, self.cached + other.cached, self.retries + other.retries,
            self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens,
        )  # fmt: skip


class Tally:
    """Counts of one operation; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = Calls()
        self._rows = 0
        self._failed = 0
        self.total: int | None = None
        """How many rows there are to do, once that is known."""

        self.count_total: Callable[[], int | None] | None = None
        """Finds that out where it has a price; called at most once, in another thread, if the operation lasts."""

    @property
    def calls(self) -> Calls:
        return self._calls

    @property
    def rows(self) -> int:
        """Rows whose cells are computed."""
        return self._rows

    @property
    def failed(self) -> int:
        """Cells that failed, among those rows."""
        return self._failed

    def add(self, calls: Calls) -> None:
        """Count calls."""
        with self._lock:
            self._calls += calls

    def advance(self, rows: int, *, failed: int = 0) -> None:
        """Count rows that are done."""
        with self._lock:
            self._rows += rows
            self._failed += failed
