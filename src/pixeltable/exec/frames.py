"""Messages between this process and one of its workers: bytes with their length before them, over a stream socket."""

import socket
import struct

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 18
_COPIED_BYTES = 1 << 16


class Frames:
    """One end of a connection. Each direction is for one thread at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._read = bytearray()
        """What was read and not returned yet."""
        self._long: bytearray | None = None
        """A message of which only a part was read, in its full length; `_filled` bytes of it are there."""
        self._filled = 0

    def send(self, message: bytes) -> None:
        """Send a message; returns when the system has taken all of it.

        Raises:
            OSError: the other end is closed.
        """
        self._end.settimeout(None)
        if len(message) < _COPIED_BYTES:
            self._end.sendall(_LENGTH.pack(len(message)) + message)
        else:
            self._end.sendall(_LENGTH.pack(len(message)))
            self._end.sendall(message)

    def receive(self, timeout_s: float | None = None) -> bytes | bytearray | None:
        """The next message, or None if nothing comes for `timeout_s` before it is complete.

        Raises:
            OSError: the other end is closed.
        """
        self._end.settimeout(timeout_s)
        while (message := self._complete()) is None:
            try:
                self._read_more()
            except (TimeoutError, BlockingIOError):
                return None
        return message

    def close(self) -> None:
        """Close this end; the other one reads that."""
        self._end.close()

    def _complete(self) -> bytes | bytearray | None:
        if self._long is not None:
            if self._filled < len(self._long):
                return None
            message, self._long = self._long, None
            return message
        if len(self._read) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._read)
        end = _LENGTH.size + length
        if len(self._read) >= end:
            short = bytes(memoryview(self._read)[_LENGTH.size : end])
            del self._read[:end]
            return short
        self._long, self._filled = bytearray(length), len(self._read) - _LENGTH.size
        self._long[: self._filled] = memoryview(self._read)[_LENGTH.size :]
        self._read = bytearray()
        return None

    def _read_more(self) -> None:
        if self._long is None:
            read = self._end.recv(_READ_BYTES)
            self._read += read
            count = len(read)
        else:
            count = self._end.recv_into(memoryview(self._long)[self._filled :])
            self._filled += count
        if not count:
            raise ConnectionResetError("the other end is closed")
