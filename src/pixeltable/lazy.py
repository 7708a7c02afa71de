"""Large modules of others, imported when something of them is first used: a start pays only for what it needs.

A module of ours says `from pixeltable.lazy import np` in place of `import numpy as np`. Annotations that name such a
module are quoted: they, as base classes, decorators and default values, would import it at once.
"""

import gc
import importlib
import logging as logging  # first: a fork takes its lock, for which imports wait, after it has waited for these
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    import tomllib
    from importlib import metadata

    import numpy as np
    import psutil
    import psycopg.types.json
    import psycopg.types.numeric
    import sqlglot
    import sqlglot.dialects
    import sqlglot.errors

__all__ = ["LazyModule", "asyncio", "load", "load_beside", "metadata", "np", "psutil", "psycopg", "sqlglot", "tomllib"]


class LazyModule(ModuleType):
    """Stands for a module that is imported with the first attribute.

    >>> LazyModule("json").dumps([1])
    '[1]'
    """

    def __getattr__(self, name: str) -> Any:
        found = getattr(load(self.__name__), name)
        setattr(self, name, found)  # asked for once: from now on it costs what any attribute does
        return found


def load(name: str) -> ModuleType:
    """Import a module. Garbage collection waits: imports make none, and it takes a tenth of their time.

    So does a fork by another thread: its child would have the lock of a module that nobody in it is importing.
    """
    with _IMPORTS.one(), _without_collection():
        return importlib.import_module(name)


def load_beside(name: str) -> None:
    """Begin to import a module in a thread of its own; who needs it meanwhile waits for it, and meets its errors."""
    threading.Thread(target=_try_to_load, args=(name,), name=f"import {name}").start()


def _try_to_load(name: str) -> None:
    with suppress(ImportError):
        load(name)


class _Imports:
    """The imports under way, by thread: a fork waits for those of others, and new ones for the fork."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._by_thread: Counter[int] = Counter()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more import, of this thread."""
        thread = threading.get_ident()
        with self._changed:
            self._by_thread[thread] += 1
        try:
            yield
        finally:
            with self._changed:
                self._by_thread[thread] -= 1
                self._by_thread += Counter()  # forgets who has none
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait for the imports of other threads; one of them may wait for this thread, so not forever."""
        self._changed.acquire()
        self._changed.wait_for(lambda: not self._by_thread.keys() - {threading.get_ident()}, timeout=_FORK_WAITS_S)

    def after_fork(self) -> None:
        """Let imports begin again."""
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """As `after_fork`, where the other threads are no more."""
        self._changed = threading.Condition()
        self._by_thread.clear()


_FORK_WAITS_S = 10.0
_IMPORTS = _Imports()

os.register_at_fork(
    before=_IMPORTS.before_fork,
    after_in_parent=_IMPORTS.after_fork,
    after_in_child=_IMPORTS.after_fork_in_child,
)


@contextmanager
def _without_collection() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


if not TYPE_CHECKING:
    asyncio = LazyModule("asyncio")
    metadata = LazyModule("importlib.metadata")
    np = LazyModule("numpy")
    psutil = LazyModule("psutil")
    psycopg = LazyModule("psycopg")
    sqlglot = LazyModule("sqlglot")
    tomllib = LazyModule("tomllib")
