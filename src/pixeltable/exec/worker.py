"""The program of a worker process: takes chunks, runs the function on their rows, sends each result at once.

It ends when its connection does, thus also when the process that started it died.
"""

import contextlib
import ctypes
import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pixeltable.exec.batch import Failure, failure_of
from pixeltable.exec.bodies import Body, Row, Values, call_row, call_together, failed_row
from pixeltable.exec.chunk import (
    FAILURE,
    HELLO,
    READY,
    SPLIT,
    UNLOADABLE,
    VALUE,
    ByPath,
    Chunk,
    pickled,
    remember,
    split,
)
from pixeltable.exec.frames import Frames

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG in linux/prctl.h
_GRACE_S = 1.0


def main(descriptor: int, parent: int) -> None:
    """Serve the process `parent` over the socket `descriptor`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    _die_with(parent)
    end = socket.socket(fileno=descriptor)
    frames = Frames(end)
    # What a function forks must not keep the connection open.
    os.register_at_fork(after_in_child=frames.close)
    threading.Thread(target=_watch, args=(descriptor,), daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    with contextlib.suppress(OSError):
        frames.send(HELLO)
        _serve(frames)


def _serve(frames: Frames) -> None:
    known: dict[str, Body] = {}
    while True:
        message = frames.receive()
        assert message is not None
        chunk: Chunk = pickle.loads(message)
        del message  # the rows in it can be large
        if chunk.surroundings is not None:
            with contextlib.suppress(OSError):  # the folder is gone
                chunk.surroundings.apply()
        try:
            body = known.get(chunk.key) or _loaded(chunk)
        except Exception as error:  # noqa: BLE001  # loading runs the imports of the function; the parent reports it
            frames.send(UNLOADABLE + str(error).encode(errors="replace"))
            continue
        if chunk.function is not None:
            remember(known, chunk.key, body)
        frames.send(READY)
        for answer in _answers(body, chunk):
            _flush()
            frames.send(answer)


def _loaded(chunk: Chunk) -> Body:
    assert chunk.function is not None
    found: Body | ByPath = pickle.loads(chunk.function)
    return found.load() if isinstance(found, ByPath) else found


def _answers(body: Body, chunk: Chunk) -> Iterator[bytes]:
    rows = [_row(given) for given in chunk.rows]
    calls = deque(chunk.calls)
    done = 0
    while calls:
        part = rows[done : done + calls[0]]
        values = _results(body, chunk.names, part)
        if values is None:
            split(calls)
            yield SPLIT
        else:
            done += calls.popleft()
            yield from map(_answer, values)


def _results(body: Body, names: tuple[str, ...], part: list[Row | Failure]) -> Values | None:
    """The results of one call; None if it was for several rows and raised."""
    complete = [row for row in part if not isinstance(row, Failure)]
    if len(complete) < len(part):
        return None if len(part) > 1 else list(part)
    if not body.batched:
        return [call_row(body.by_place(names), row) for row in complete]
    values = call_together(body, names, complete)
    if not isinstance(values, BaseException):
        return values
    return [failed_row(values, complete[0])] if len(part) == 1 else None


def _row(given: bytes) -> Row | Failure:
    try:
        row: Row = pickle.loads(given)
    except Exception as error:  # noqa: BLE001  # runs code of the argument's class; becomes the cell's error
        return failure_of(TypeError(f"an argument cannot be rebuilt in a worker process: {error}"))
    return row


def _answer(result: Any) -> bytes:
    if type(result) is not Failure:
        try:
            return VALUE + pickled(result)
        except TypeError as error:
            result = failed_row(error, ())
    exception = None if result.exception is None else _portable(result.exception)
    return FAILURE + pickle.dumps((replace(result, exception=None), exception))


def _portable(error: BaseException) -> bytes | None:
    """The exception as bytes, with where it was raised as a note; None if it would not survive the way."""
    try:
        error.add_note("In the worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))
        data = pickled(error)
        # Exceptions with arguments of their own in __init__ are pickled, but cannot be loaded.
        return data if type(pickle.loads(data)) is type(error) else None
    except Exception:  # noqa: BLE001  # the class's own code; its type and message travel all the same
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or replaced by the function
            stream.flush()


def _die_with(parent: int) -> None:
    """Have the system kill this process when the thread that started it ends, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _watch(descriptor: int) -> None:
    """End the process when its connection is closed while a function runs; when none does, `main` returns first."""
    connection = select.poll()
    connection.register(descriptor, 0)  # reports nothing but the end
    connection.poll()
    time.sleep(_GRACE_S)
    os._exit(1)
