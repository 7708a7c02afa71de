"""What goes to a worker process and comes back: rows to run with the function, and how either is pickled."""

import os
import pickle
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import UnknownFunction
from pixeltable.exec.bodies import Body, body_of
from pixeltable.udfs.registry import find

HELLO = b"h"
"""The process has started."""
READY = b"r"
"""The function is loaded, the first row starts now."""
SPLIT = b"s"
"""The call for several rows raised; now its first half starts."""
VALUE = b"v"
FAILURE = b"f"
UNLOADABLE = b"u"
"""The function cannot be loaded; why follows, as text."""

KNOWN_FUNCTIONS = 32
"""As many functions are kept loaded in a worker; when one more comes, all are forgotten, here and there."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions may rely on and a program may change while its workers run."""

    folder: str
    path: tuple[str, ...]
    environment: dict[str, str]

    def apply(self) -> None:
        """Make this process have them."""
        os.chdir(self.folder)
        sys.path[:] = self.path
        for name in os.environ.keys() - self.environment.keys():
            del os.environ[name]
        os.environ.update(self.environment)


def surroundings() -> Surroundings:
    """Those of this process now."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # somebody deleted it
        folder = os.path.abspath(os.sep)
    return Surroundings(folder, tuple(map(str, sys.path)), dict(os.environ))


@dataclass(frozen=True, slots=True)
class ByPath:
    """A function that the worker imports; `code` is the hash of the code it has to have."""

    path: str
    code: str

    def load(self) -> Body:
        """The function's body.

        Raises:
            UnknownFunction: it is not there, or differs from the one in the process that sent it.
        """
        function = find(self.path)
        if function.spec.code != self.code:
            raise UnknownFunction(self.path, reason="its module has another version of it than this program loaded")
        return body_of(function)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows for one worker. `key` stands for the function; `function` is there if the worker has not got it yet."""

    key: str
    function: bytes | None
    names: tuple[str, ...]
    calls: tuple[int, ...]
    """How many rows each call takes, one after another."""
    rows: tuple[bytes, ...]
    surroundings: Surroundings | None
    """Given where they changed."""


def split(calls: "deque[int]") -> None:
    """Make two calls of the first one; both sides do it by the same rule."""
    size = calls.popleft()
    calls.appendleft(size - size // 2)
    calls.appendleft(size // 2)


def remember(known: dict[str, Any], key: str, value: Any) -> None:
    """Note a function as loaded; both sides forget by the same rule."""
    if len(known) >= KNOWN_FUNCTIONS:
        known.clear()
    known[key] = value


def pickled(value: Any) -> bytes:
    """A value as bytes; what another process does not find by import goes along by value.

    Raises:
        TypeError: it cannot be pickled.
    """
    import cloudpickle

    last: Exception | None = None
    dumps: Callable[..., bytes]
    for dumps in (pickle.dumps, cloudpickle.dumps):
        try:
            return dumps(value, protocol=5)
        except Exception as error:  # noqa: BLE001  # pickling runs code of the value
            last = error
    raise TypeError(f"a {type(value).__name__} cannot be passed between processes: {last}") from last
