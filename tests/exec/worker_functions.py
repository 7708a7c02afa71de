"""Functions that worker processes import, and what tests check of their results."""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import pixeltable as pxt
from pixeltable.exec.batch import Failure
from pixeltable.exec.workers import Workers
from pixeltable.func import Batch
from pixeltable.udfs.function import Function

LOADED = os.getpid()


class OwnError(Exception):
    """An exception that cannot be rebuilt from its `args`."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@pxt.udf(parallel="processes")
def double(x: int) -> int:
    return 2 * x


@pxt.udf(parallel="processes")
def process(x: int) -> int:  # noqa: ARG001  # one result a row
    return os.getpid()


@pxt.udf(parallel="processes")
def loaded_in(x: int) -> int:  # noqa: ARG001  # one result a row
    return LOADED


@pxt.udf(parallel="processes")
def minus(a: int, b: int = 1, *, c: int = 0) -> int:
    return a - b - c


@pxt.udf(parallel="processes")
def reciprocal(x: int) -> float:
    return 1 / x


@pxt.udf(parallel="processes")
def picky(x: int) -> int:
    raise OwnError(f"not {x}", 7)


@pxt.udf(parallel="processes")
def inverted(image: Image.Image) -> Image.Image:
    return image.point(lambda value: 255 - value)


@pxt.udf(parallel="processes")
def scaled(values: pxt.Array) -> pxt.Array:
    return values * 2


@pxt.udf(parallel="processes")
def lock(x: int) -> pxt.Json:
    return threading.Lock() if x == 1 else x


class Treacherous:
    """Pickled without complaint, it cannot be rebuilt."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@pxt.udf(parallel="processes")
def treacherous(x: int) -> pxt.Json:
    return Treacherous() if x == 1 else x


@pxt.udf(parallel="processes")
def ends(x: int, how: str, calls: str) -> int:
    """Appends `x` to the file `calls`, and for 3 ends its process."""
    with Path(calls).open("a") as file:
        file.write(f"{x} ")
    if x == 3:
        end_process(how)
    return x


def end_process(how: str) -> None:
    if how == "exit":
        os._exit(4)
    if how == "sys.exit":
        sys.exit("enough")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "forked exit":  # a child of its own keeps the connection open
        if os.fork() == 0:
            signal.alarm(5)
            signal.pause()
        os._exit(4)
    while how == "loop":
        pass


@pxt.udf(batch_size=10, parallel="processes")
def batch_of(x: Batch[int], how: str, calls: str) -> Batch[str]:
    """Each value with the size of its batch; appends the batch to the file `calls`; for 3 it fails as `how` says."""
    with Path(calls).open("a") as file:
        file.write(f"{len(x)} ")
    if 3 in x and how == "raise":
        raise ValueError("a three")
    if 3 in x:
        end_process(how)
    return ["short"] if how == "short" and len(x) > 1 else [f"{value} of {len(x)}" for value in x]


@pxt.udf(parallel="processes")
def environment(name: str) -> pxt.Json:
    return [os.environ.get(name), os.getcwd(), name in sys.path]


def summary(values: Sequence[Any]) -> list[Any]:
    """Values as they are, failures as `type: message`."""
    return [f"{v.error.type}: {v.error.message}" if isinstance(v, Failure) else v for v in values]


def results(workers: Workers, function: Function, *rows: Any, timeout_s: float | None = None) -> list[Any]:
    """The summary of one chunk; a row that is no tuple is its only value."""
    given = [row if isinstance(row, tuple) else (row,) for row in rows]
    return summary(workers.submit(function, given, timeout_s).result(60))


def is_portable(error: BaseException) -> bool:
    """Whether an exception survives being pickled."""
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except TypeError:
        return False
