"""File locks between processes; the kernel drops them with the last process that holds them, also on kill -9."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable.exceptions import DatabaseUnavailable

if sys.platform != "win32":
    import fcntl

_POLL_S = 0.005


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Iterator[int]:
    """Hold the lock of `path` alone; yields its descriptor, for children that outlive this process.

    Raises:
        DatabaseUnavailable: another process kept the lock for `timeout_s`.
    """
    descriptor = _open(path)
    try:
        _wait(descriptor, fcntl.LOCK_EX, path=path, timeout_s=timeout_s)
        yield descriptor
    finally:
        # Not left to close(): a fork in another thread may have copied the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def try_exclusive(path: Path) -> int | None:
    """The descriptor that holds the lock of `path` alone, or None if anyone else has a share in it."""
    descriptor = _open(path)
    if _lock(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def shared(path: Path, *, timeout_s: float) -> int:
    """The descriptor that holds a share of the lock of `path`.

    Raises:
        DatabaseUnavailable: another process kept the lock alone for `timeout_s`.
    """
    descriptor = _open(path)
    try:
        _wait(descriptor, fcntl.LOCK_SH, path=path, timeout_s=timeout_s)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path) -> bool:
    """Whether no process has a share in the lock of `path`."""
    descriptor = try_exclusive(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _wait(descriptor: int, kind: int, *, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not _lock(descriptor, kind):
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"another process has held {str(path)!r} for {timeout_s:.0f} s to start or stop the database",
                hint="Try again, or end that process.",
            )
        time.sleep(_POLL_S)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # The owner of the folder must be able to open the file later, without root.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor
