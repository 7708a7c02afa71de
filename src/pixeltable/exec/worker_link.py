"""The side of this process of one worker process: starting it, sending chunks, waiting for results, ending it."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from pixeltable.exceptions import InvalidState, Unsupported
from pixeltable.exec.chunk import Chunk, Surroundings, remember, surroundings
from pixeltable.exec.frames import Frames

_PROGRAM = "import sys; _, fd, parent, *sys.path = sys.argv; del sys.argv[1:]; \
from pixeltable.exec.worker import main; main(int(fd), int(parent))"
_LOOK_S = 0.5
_GRACE_S = 1.0


class WorkerDied(Exception):
    """The worker's process ended; the message says how."""


class WorkerLink:
    """A worker process. All but `kill` is for the thread that started it: the system ends the worker with that."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise Unsupported("parallel='processes' does not run on Windows", hint="Use parallel='threads'.")
        mine, theirs = socket.socketpair()
        self._surroundings: Surroundings = surroundings()
        self.greeted = False
        self._known: dict[str, None] = {}
        self._loading: Chunk | None = None
        # Not run by `-m`: `__main__` stays empty, so that nothing of a script is taken for something of the worker's.
        options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001  # as multiprocessing
        numbers = [str(theirs.fileno()), str(os.getpid())]
        command = [sys.executable, *options, "-c", _PROGRAM, *numbers, *self._surroundings.path]
        try:
            with theirs:
                # A process group of its own: it is killed with what the function started, and gets no Ctrl-C.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0
                )
        except OSError as error:
            mine.close()
            raise InvalidState(f"a worker process could not be started: {error}") from error
        self._frames = Frames(mine)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def greet(self) -> None:
        """Wait until the process is ready for its first chunk.

        Raises:
            WorkerDied: the process ended.
        """
        if not self.greeted:
            self.receive(None)
            self.greeted = True

    def send(self, chunk: Chunk) -> None:
        """Send a chunk, without what the worker has already.

        Raises:
            WorkerDied: the process ended.
        """
        now = surroundings()
        chunk = replace(
            chunk,
            function=None if chunk.key in self._known else chunk.function,
            surroundings=None if now == self._surroundings else now,
        )
        self._surroundings = now
        self._loading = None if chunk.function is None else chunk
        try:
            self._frames.send(pickle.dumps(chunk, protocol=5))
        except OSError:
            raise WorkerDied(self._ended()) from None

    def loaded(self) -> None:
        """Note that the worker has loaded the function of the chunk."""
        if self._loading is not None:
            remember(self._known, self._loading.key, None)

    def receive(self, timeout_s: float | None) -> bytes | bytearray | None:
        """The next message, or None if it does not come within `timeout_s`.

        Raises:
            WorkerDied: the process ended.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = _LOOK_S if deadline is None else min(_LOOK_S, max(deadline - time.monotonic(), 0.0))
            message = self._read(left)
            if message is not None:
                return message
            if not self.alive:  # and something it forked keeps the connection open
                message = self._read(0.0)  # sent just before
                if message is None:
                    raise WorkerDied(self._ended())
                return message
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def _read(self, timeout_s: float) -> bytes | bytearray | None:
        try:
            return self._frames.receive(timeout_s)
        except OSError:
            raise WorkerDied(self._ended()) from None

    def kill(self) -> None:
        """End the process and what it started, at once. Can be called from any thread."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where all are zombies
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process: in good order if it is idle, else by killing it."""
        self._frames.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def discard(self) -> None:
        """Kill the process and wait until it is gone."""
        self.kill()
        self.close()

    def forget(self) -> None:
        """Let go of the process in a fork of the process it belongs to."""
        self._frames.close()
        self._process.returncode = 0  # nobody's child here: not waited for, not complained about

    def _ended(self) -> str:
        """How the process ended, which it is about to if it has not yet."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
        return f"killed by {name}{hint}"


def value_of(data: bytes | memoryview) -> Any:
    """A value that a worker sent.

    Raises:
        TypeError: it cannot be rebuilt here.
    """
    try:
        return pickle.loads(data)
    except Exception as error:  # runs code of the value's class
        raise TypeError(f"the function's result cannot be rebuilt in this process: {error}") from error
