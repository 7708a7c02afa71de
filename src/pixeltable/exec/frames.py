"""Messages between this process and one of its workers: bytes with their length before them, over a stream socket."""

import socket
import struct

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 20


class Frames:
    """One end of a connection. Each direction is for one thread at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._read = bytearray()

    def fileno(self) -> int:
        """The descriptor, for waiting on it."""
        return self._end.fileno()

    def send(self, message: bytes) -> None:
        """Send a message; returns when the system has taken all of it.

        Raises:
            OSError: the other end is closed.
        """
        self._end.settimeout(None)
        if len(message) < 65536:
            self._end.sendall(_LENGTH.pack(len(message)) + message)
        else:  # what is long is not copied
            self._end.sendall(_LENGTH.pack(len(message)))
            self._end.sendall(message)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next message, or None if it is not there in time.

        Raises:
            OSError: the other end is closed.
        """
        self._end.settimeout(timeout_s)
        while (message := self._buffered()) is None:
            try:
                read = self._end.recv(_READ_BYTES)
            except (TimeoutError, BlockingIOError):
                return None
            if not read:
                raise ConnectionResetError("the other end is closed")
            self._read += read
        return message

    def close(self) -> None:
        """Close this end; the other one reads that."""
        self._end.close()

    def _buffered(self) -> bytes | None:
        if len(self._read) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._read)[0]
        if len(self._read) < end:
            return None
        message = bytes(memoryview(self._read)[_LENGTH.size : end])
        del self._read[:end]
        return message
