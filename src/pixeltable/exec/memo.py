"""Calls whose results are remembered: which of a batch are known, which have to be made, and one of each at a time."""

import datetime
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for_any
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from pixeltable.exec.batch import Failure
from pixeltable.exec.memo_keys import FileDigests, Keys
from pixeltable.storage.cells import cell_texts, text_reader
from pixeltable.storage.memo import Memo, MemoEntry
from pixeltable.types.column_type import ColumnType, MediaType
from pixeltable.types.conform import CellRejected


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a call ended, for those who waited for it: in a value or a `Failure`, or `given_up` before its end."""

    value: Any = None
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """A call that somebody else waits for, the operation it belongs to, and the thread that has it made."""

    operation: object
    thread: int
    future: "Future[_Outcome]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.future.set_running_or_notify_cancel()  # nobody who waits can cancel it for the others


class InFlight:
    """The remembered calls that this process is making at the moment, by key; one for a session and all its threads."""

    def __init__(self) -> None:
        self.files = FileDigests()
        self._lock = threading.Lock()
        self._operations: dict[bytes, tuple[object, int]] = {}
        self._awaited: dict[bytes, _Claim] = {}  # most calls nobody else waits for, and a future takes its time

    def claim(self, keys: Sequence[bytes], operation: object) -> tuple[list[bytes], dict[bytes, _Claim]]:
        """Those of the keys that are the caller's now, to be released in any case; and the claims others have."""
        mine: list[bytes] = []
        theirs: dict[bytes, _Claim] = {}
        with self._lock:
            for key in keys:
                if key not in self._operations:
                    self._operations[key] = (operation, threading.get_ident())
                    mine.append(key)
                    continue
                if key not in self._awaited:
                    self._awaited[key] = _Claim(*self._operations[key])
                theirs[key] = self._awaited[key]
        return mine, theirs

    def release(self, values: dict[bytes, Any]) -> None:
        """Tell who waits how the caller's calls ended, in values or failures; then the keys are free."""
        for claim, value in self._forget(values):
            claim.future.set_result(_Outcome(value))

    def give_up(self, keys: Iterable[bytes]) -> None:
        """Free the keys of calls that did not end."""
        for claim, _ in self._forget(dict.fromkeys(keys)):
            claim.future.set_result(_Outcome(given_up=True))

    def _forget(self, values: dict[bytes, Any]) -> list[tuple[_Claim, Any]]:
        with self._lock:
            for key in values:
                del self._operations[key]
            return [(self._awaited.pop(key), values[key]) for key in self._awaited.keys() & values.keys()]


def memo_name(path: str) -> str:
    """The name under which results of a function are kept: its path, which its overloads share."""
    return path.partition("#")[0]


class Remembered:
    """How one call of an expression is made in one operation, a batch of rows at a time.

    Equal calls are made once: within a batch, because results are remembered, and because whoever needs one that is
    being made waits for it. A failure is never remembered. Who waited for a call that failed gets the same failure if
    it belongs to the same `operation`, and makes the call itself if not: another operation has a right to its own try.

    With `bypass` nothing is known but what this operation has found itself: each call is made once more, and its result
    replaces the one remembered. Values that have no text, media, are shared while they are made, but not remembered.
    """

    def __init__(
        self,
        memo: Memo,
        in_flight: InFlight,
        *,
        function: str,
        result: ColumnType,
        zone: datetime.tzinfo,
        operation: object,
        bypass: bool = False,
    ) -> None:
        self._memo = memo
        self.in_flight = in_flight
        self.operation = operation
        self.bypass = bypass
        self._function = memo_name(function)
        self._result = result
        self._read = text_reader(result, zone)
        self._has_text = not isinstance(result, MediaType)
        self._fresh: set[bytes] = set()

    def batch(self, keys: Keys) -> "RememberedBatch":
        """The calls of some rows, by their keys (`call_keys`); None for a row whose call is not remembered."""
        return RememberedBatch(self, keys)

    def run(self, keys: Keys, compute: Callable[[list[int]], Sequence[Any]]) -> "RememberedBatch":
        """The batch, done: `compute` makes the calls of the rows it is given; for those of others this thread waits.

        For who records results as they come, there is `batch`.
        """
        with self.batch(keys) as batch:
            while not batch.done:
                rows = batch.missing()
                if rows:
                    batch.record(rows, compute(rows))
                else:
                    batch.wait()
        return batch

    def look_up(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """The values remembered for these keys."""
        if self.bypass:
            keys = [key for key in keys if key in self._fresh]
        found = self._memo.get(keys) if self._has_text else {}
        return {key: None if text is None else self._read(text) for key, text in found.items()}

    def remember(self, values: dict[bytes, Any]) -> None:
        """Write results into the memo, in one statement; failures, and values without a text, are left out."""
        kept = {key: value for key, value in values.items() if type(value) is not Failure}
        if not kept or not self._has_text:
            return
        entries = [
            MemoEntry(key, self._function, text)
            for key, text in zip(kept, self._texts(list(kept.values())), strict=True)
            if text is not _NO_TEXT
        ]
        if self.bypass:
            self._memo.replace(entries)
            self._fresh.update(entry.key for entry in entries)
        else:
            self._memo.put(entries)

    def _texts(self, values: list[Any]) -> list[Any]:
        try:
            return cell_texts(self._result, values)
        except CellRejected:
            return [self._text(value) for value in values]

    def _text(self, value: Any) -> Any:
        try:
            return cell_texts(self._result, [value])[0]
        except CellRejected:
            return _NO_TEXT


_NO_TEXT = object()


class RememberedBatch:
    """The rows of a batch, until each has its value or `Failure`.

        with remembered.batch(keys) as batch:
            while not batch.done:
                rows = batch.missing()  # looks up what is remembered
                if rows:
                    batch.record(rows, ...)  # all at once, or some at a time in several calls
                else:
                    batch.wait()  # for calls that others make
        batch.values

    It is used by one thread at a time. Leaving the block early gives up the calls it has not recorded: who waits for
    them makes them. Who drives several batches in one thread records what is missing in all of them before it waits.
    """

    def __init__(self, owner: Remembered, keys: Keys) -> None:
        self.values: list[Any] = [None] * len(keys)
        self._owner = owner
        self._keys = list(keys)
        self._rows: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            if key is not None:
                self._rows.setdefault(key, []).append(row)
        self._open = set(self._rows)  # keys without a value
        self._unkeyed = {row for row, key in enumerate(keys) if key is None}  # rows to compute that have no key
        self._mine: set[bytes] = set()
        self._theirs: dict[bytes, _Claim] = {}
        self._computed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._give_up()

    @property
    def done(self) -> bool:
        """Whether every row has its value."""
        return not self._open and not self._unkeyed

    @property
    def cached(self) -> int:
        """The number of rows that have their value, or failure, without a call of their own."""
        return len(self.values) - self._computed - len(self._unkeyed) - sum(len(self._rows[key]) for key in self._open)

    def missing(self) -> list[int]:
        """The rows that have to be computed here, of equal calls the first one; none if all that is left others make.

        Rows stay missing until they are recorded.
        """
        self._adopt()
        self._claim([key for key in self._open if key not in self._mine and key not in self._theirs])
        return sorted([*self._unkeyed, *(self._rows[key][0] for key in self._mine)])

    @property
    def waiting(self) -> "list[Future[_Outcome]]":
        """The calls of others that this batch needs, for waiting in another way; their results are internal."""
        return [claim.future for claim in self._theirs.values()]

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until one of the calls that others make has ended; then ask for what is `missing` again.

        Calls that this very thread is to make, once it returns from the function it is in, are `missing` at once.
        """
        own = [key for key, claim in self._theirs.items() if claim.thread == threading.get_ident()]
        for key in own:
            self._forgo(key)
        if self._theirs and not own:
            wait_for_any(self.waiting, timeout=timeout_s, return_when=FIRST_COMPLETED)
            self._adopt()

    def record(self, rows: Sequence[int], values: Sequence[Any]) -> None:
        """What the calls of these rows, all of them missing, returned: values of the result's type, or a `Failure`.

        The values are in the memo, and other threads have them, when this returns.
        """
        found: dict[bytes, Any] = {}
        for row, value in zip(rows, values, strict=True):
            key = self._keys[row]
            if key is None:
                self._unkeyed.remove(row)
                self.values[row] = value
            else:
                found[key] = value
        self._owner.remember(found)  # before the keys are free: who comes next must find it
        self._computed += len(rows)
        self._settle(found)

    def _claim(self, keys: list[bytes]) -> None:
        if not keys:
            return
        mine, theirs = self._owner.in_flight.claim(keys, self._owner.operation)
        self._mine.update(mine)
        self._theirs.update(theirs)
        # Only now, with the keys claimed: else a call could be made between the look-up and the claim.
        self._settle(self._owner.look_up(mine))

    def _forgo(self, key: bytes) -> None:
        """Make the calls of a key as if they were not remembered."""
        del self._theirs[key]
        self._open.discard(key)
        self._unkeyed.update(self._rows[key])
        for row in self._rows[key]:
            self._keys[row] = None

    def _settle(self, found: dict[bytes, Any]) -> None:
        """Take these values of keys that are claimed here, and pass them on."""
        for key, value in found.items():
            self._fill(key, value)
        self._mine.difference_update(found)
        self._owner.in_flight.release(found)

    def _fill(self, key: bytes, value: Any) -> None:
        for row in self._rows[key]:
            self.values[row] = value
        self._open.discard(key)

    def _adopt(self) -> None:
        """Take over what others have computed; what they could not is open again."""
        for key, claim in [item for item in self._theirs.items() if item[1].future.done()]:
            del self._theirs[key]
            outcome = claim.future.result()
            same = claim.operation is self._owner.operation
            usable = same or (type(outcome.value) is not Failure and not self._owner.bypass)
            if usable and not outcome.given_up:
                self._fill(key, outcome.value)

    def _give_up(self) -> None:
        mine, self._mine = self._mine, set()
        self._owner.in_flight.give_up(mine)
