"""Who waits for a turn in a resource pool, and whose turn it is."""

from collections import deque
from typing import Generic, TypeVar

_IN_A_ROW = 3
"""After so many of those who are in a hurry, one who is patient has a turn: else steady traffic would stop a job."""

Waiter = TypeVar("Waiter")


class Waiting(Generic[Waiter]):
    """Two lines, each in the order of coming: of calls that somebody waits for, and of calls of a job.

    >>> line = Waiting()
    >>> for number in range(3):
    ...     line.put(f"job {number}", patient=True)
    >>> for number in range(4):
    ...     line.put(f"user {number}", patient=False)
    >>> [line.take() for _ in range(len(line))]
    ['user 0', 'user 1', 'user 2', 'job 0', 'user 3', 'job 1', 'job 2']
    """

    def __init__(self) -> None:
        self._hurried: deque[Waiter] = deque()
        self._patient: deque[Waiter] = deque()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._hurried) + len(self._patient)

    def put(self, waiter: Waiter, *, patient: bool) -> None:
        """Add one at the end of its line."""
        (self._patient if patient else self._hurried).append(waiter)

    @property
    def _next(self) -> deque[Waiter]:
        if self._hurried and (self._in_a_row < _IN_A_ROW or not self._patient):
            return self._hurried
        return self._patient

    def first(self) -> Waiter:
        """Whose turn it is."""
        return self._next[0]

    def take(self) -> Waiter:
        """As `first`, who then waits no more."""
        line = self._next
        self._in_a_row = self._in_a_row + 1 if line is self._hurried and self._patient else 0
        return line.popleft()

    def clear(self) -> None:
        """Nobody waits any more."""
        self._hurried.clear()
        self._patient.clear()
