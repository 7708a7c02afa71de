"""`Pace`: how many rows the next batch has, from how quickly those before it were done."""

import time

_FIRST = 64
_LARGEST = 20_000
_GROWTH = 4
_BATCH_S = 0.25
"""What a batch should take: few round trips for quick functions, little to lose in a crash for slow ones."""

_BATCH_BYTES = 32 * 2**20


class Pace:
    """Sizes of successive batches of an operation; a `limit` below the first size is kept to: it was set on purpose.

    Where batches are worked on side by side they come out in bursts, which say nothing: how quick they are shows over
    the time `look_s`.
    """

    def __init__(self, limit: int, *, first: int = _FIRST, look_s: float = 0.0) -> None:
        self._look_s = look_s
        self._rows = 0
        self._limit = _LARGEST if limit >= _FIRST else limit
        self._size = min(first, self._limit)
        self._last: float | None = None

    @property
    def size(self) -> int:
        """Rows for the next batch."""
        return self._size

    def begin(self) -> None:
        """The first batch is there: time counts from now on."""
        if self._last is None:
            self._last = time.perf_counter()

    def done(self, rows: int, *, size_bytes: int = 0) -> None:
        """A batch of `rows` came out, holding about so many bytes."""
        now = time.perf_counter()
        self._rows += rows
        elapsed_s = now - (self._last or 0)
        if elapsed_s < self._look_s:
            return
        rate = self._rows / max(elapsed_s, 1e-6)
        self._last, self._rows = now, 0
        largest = self._limit
        if size_bytes > _BATCH_BYTES:
            largest = max(1, rows * _BATCH_BYTES // size_bytes)
        # Not much smaller for one that was slow: it may have waited for something else.
        wanted = max(int(rate * _BATCH_S), self._size // _GROWTH)
        self._size = max(1, min(largest, self._size * _GROWTH, wanted))
