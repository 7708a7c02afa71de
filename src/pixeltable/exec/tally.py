"""`Tally`: what an operation did so far, counted while it runs: for its receipt, for whoever shows it or stops it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pixeltable.exceptions import JobCancelled


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

        self.parts: dict[str, Part] | None = None
        """The shares of columns by name, where they are wanted: then an empty dict is put here at the beginning."""

        self.stopping: str | None = None
        """What it is called, once it was asked to stop."""

        self.on_prepared: Callable[[], object] | None = None
        """Called when everything that can be wrong with the call is checked, and its rows are what takes long."""

        self.versions: list[int] = []
        """The versions of its table that it made by computing cells again."""

        self.count_total: Callable[[], int | None] | None = None
        """Finds that out where it has a price; called at most once, in another thread, if the operation lasts."""

    @property
    def operation(self) -> "Tally":
        """The counts of the whole operation."""
        return self

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

    def prepared(self) -> None:
        """Say that the operation has begun for good."""
        if self.on_prepared is not None:
            self.on_prepared()

    def check(self) -> None:
        """Look whether the operation is to stop.

        Raises:
            JobCancelled: it is.
        """
        if self.stopping is not None:
            raise JobCancelled(self.stopping)

    def part(self, name: str) -> "Tally":
        """The share of the column `name`, where shares are wanted; what is counted there counts here too."""
        if self.parts is None:
            return self
        with self._lock:
            return self.parts.setdefault(name, Part(self))

    def begin(self) -> None:
        """Work begins; what it does is nothing where no shares are wanted."""

    def end(self) -> None:
        """The work that `begin` announced is done."""


class Part(Tally):
    """The share that one column has in an operation. One thread begins and ends work."""

    def __init__(self, operation: Tally) -> None:
        super().__init__()
        self.seconds = 0.0
        """How long there was work on the column; that on several at once counts for each of them."""

        self._operation = operation
        self._under_way = 0
        self._since = 0.0

    @property
    def operation(self) -> Tally:
        return self._operation

    def add(self, calls: Calls) -> None:
        """Count calls, also for the operation."""
        super().add(calls)
        self._operation.add(calls)

    def begin(self) -> None:
        """Work begins: calls under way at the same time count once."""
        if not self._under_way:
            self._since = time.perf_counter()
        self._under_way += 1

    def end(self) -> None:
        """The work is done."""
        self._under_way -= 1
        if not self._under_way:
            self.seconds += time.perf_counter() - self._since
