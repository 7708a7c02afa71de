"""`Spool`: what waits to be written, in memory up to a bound, beyond it in a temporary file."""

import pickle
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import IO, Any, TypeVar

from pixeltable.exceptions import InvalidState

Value = TypeVar("Value")


class Spool:
    """Use it as a context manager: its file is gone at the end, also when the process dies."""

    def __init__(self, memory_bytes: int) -> None:
        self._room_bytes = memory_bytes
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def has_room(self, size_bytes: int) -> bool:
        """Whether so much more may stay in memory; it counts as taken if it may."""
        if size_bytes > self._room_bytes:
            return False
        self._room_bytes -= size_bytes
        return True

    def store(self, value: Value) -> Callable[[], Value]:
        """Put a value into the file; the function returned reads it back.

        Raises:
            InvalidState: there is no room for the file.
        """
        try:
            with self._lock:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="pixeltable-")  # noqa: SIM115  # closed by __exit__
                start = self._file.seek(0, 2)
                pickle.dump(value, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise InvalidState(
                f"what waits to be written does not fit into memory, nor into a temporary file: {error}",
                hint="Free disk space, set TMPDIR to a folder that has some, or raise the setting memory_mb.",
            ) from error
        return partial(self._load, start)

    def _load(self, start: int) -> Any:
        assert self._file is not None
        with self._lock:
            self._file.seek(start)
            return pickle.load(self._file)  # nobody else can have written to it: it has no name
