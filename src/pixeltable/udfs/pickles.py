"""Functions stored by value: signed pickles of those that no import leads to."""

import copyreg
import hashlib
import hmac
import pickle
import secrets
import sys
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import ForeignPickle, UnknownFunction, Unsupported
from pixeltable.udfs.aggregate import AggregateFunction
from pixeltable.udfs.function import Function
from pixeltable.udfs.iterators import IteratorFunction
from pixeltable.udfs.paths import LOCAL
from pixeltable.udfs.registry import find
from pixeltable.udfs.unstored_outputs import UnstoredOutput


@dataclass(frozen=True, slots=True)
class StoredFunction:
    """A function by value. `body` starts with the Python version and a newline, because bytecode is tied to it."""

    path: str
    body: bytes
    signature: bytes


def new_key() -> bytes:
    """A key with which one installation signs what it stores; to be kept secret."""
    return secrets.token_bytes(32)


def dump(function: Function, key: bytes) -> StoredFunction:
    """The function with everything it refers to: helpers, imports, globals of its script, captured values.

    Raises:
        Unsupported: it refers to something that cannot be pickled.
    """
    import cloudpickle

    path = function.spec.path
    try:
        pickled: bytes = cloudpickle.dumps(function)
    except Exception as error:  # pickling runs code of the values the function refers to
        raise Unsupported(
            f"function {function.name!r} cannot be stored: {type(error).__name__}: {error}",
            hint="Move it into an importable module, or create what cannot be stored inside of it.",
        ) from error
    body = b"%s\n%s" % (_python_version().encode(), pickled)
    return StoredFunction(path, body, _sign(path, body, key))


def load(stored: StoredFunction, key: bytes) -> Function:
    """The function that `dump` stored; it is not registered yet.

    Raises:
        ForeignPickle: it was not signed with `key`. Nothing of it was run.
        UnknownFunction: it cannot be rebuilt here.
    """
    if not hmac.compare_digest(stored.signature, _sign(stored.path, stored.body, key)):
        raise ForeignPickle(stored.path)
    version, _, pickled = stored.body.partition(b"\n")
    if version.decode() != _python_version():
        raise UnknownFunction(
            stored.path, reason=f"it was stored by Python {version.decode()}, and this is {_python_version()}"
        )
    try:
        loaded = pickle.loads(pickled)
    except Exception as error:  # rebuilding runs the imports of the function, which may raise anything
        raise UnknownFunction(stored.path, reason=f"{type(error).__name__}: {error}") from error
    assert isinstance(loaded, Function)
    return loaded


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _sign(path: str, body: bytes, key: bytes) -> bytes:
    name = path.encode()
    # The length keeps bytes from moving between path and body.
    return hmac.new(key, len(name).to_bytes(8) + name + body, hashlib.sha256).digest()


def _reduce(function: Function) -> Any:
    """Pickle a function by its path where an import finds it, else by value with its spec, which holds its path."""
    path = function.spec.path
    return function.__reduce_ex__(2) if path.startswith(LOCAL) else (find, (path,))


copyreg.pickle(Function, _reduce)
copyreg.pickle(AggregateFunction, _reduce)
copyreg.pickle(IteratorFunction, _reduce)
copyreg.pickle(UnstoredOutput, _reduce)
