"""A function as worker processes get it: the path to import it by, or a pickle of it with what it refers to."""

import contextlib
import hashlib
import pickle
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pixeltable.udfs.pickles  # noqa: F401  # says how a `Function` is pickled that another one refers to
from pixeltable.exceptions import UnknownFunction
from pixeltable.exec.bodies import body_of
from pixeltable.exec.chunk import ByPath
from pixeltable.udfs.function import Function
from pixeltable.udfs.paths import LOCAL

_BY_VALUE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Parcel:
    """Bytes for the worker, and the key under which it keeps what they give."""

    key: str
    data: bytes


class FunctionParcels:
    """The parcels of one function, tried in order until a worker can load one: the next takes more along.

    They hold what the function refers to as it was when they were made.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self.path = function.spec.path
        self._mutex = threading.Lock()
        self._makers = [_by_value, _by_value_with_module]
        if not self.path.startswith(LOCAL):
            self._makers.insert(0, _by_path)
        self._made: dict[int, Parcel] = {}

    @property
    def tries(self) -> range:
        """The numbers of the parcels."""
        return range(len(self._makers))

    def parcel(self, number: int) -> Parcel:
        """One of them; made at first use.

        Raises:
            UnknownFunction: it refers to something that cannot be pickled.
        """
        with self._mutex:
            if number not in self._made:
                self._made[number] = self._makers[number](self._function)
            return self._made[number]


def _by_path(function: Function) -> Parcel:
    spec = function.spec
    return Parcel(f"{spec.path} {spec.code}", pickle.dumps(ByPath(spec.path, spec.code)))


def _by_value(function: Function) -> Parcel:
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(body_of(function), protocol=5)
    except Exception as error:  # pickling runs code of the values the function refers to
        reason = f"it cannot be passed to another process: {type(error).__name__}: {error}"
        raise UnknownFunction(function.spec.path, reason=reason) from error
    return Parcel(hashlib.sha256(data).hexdigest(), data)


def _by_value_with_module(function: Function) -> Parcel:
    with _module_by_value(function.__module__):
        return _by_value(function)


@contextlib.contextmanager
def _module_by_value(name: str) -> Iterator[None]:
    """Have the functions and classes of a module pickled by value: importing it elsewhere gives others, or none."""
    import cloudpickle

    module = sys.modules.get(name)
    with _BY_VALUE:
        registered = module is not None and name not in cloudpickle.list_registry_pickle_by_value()
        if registered:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            if registered:
                cloudpickle.unregister_pickle_by_value(module)
