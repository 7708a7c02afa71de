"""Large modules of others, imported when something of them is first used: a start pays only for what it needs.

A module of ours says `from pixeltable.lazy import np` in place of `import numpy as np`. Annotations that name such a
module are quoted: they, as base classes, decorators and default values, would import it at once.
"""

import gc
import importlib
import threading
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
    """Import a module. Garbage collection waits: imports make none, and it takes a tenth of their time."""
    with _without_collection():
        return importlib.import_module(name)


def load_beside(name: str) -> None:
    """Begin to import a module in a thread of its own; who needs it meanwhile waits for it, and meets its errors."""
    threading.Thread(target=_try_to_load, args=(name,), name=f"import {name}").start()


def _try_to_load(name: str) -> None:
    with suppress(ImportError):
        load(name)


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
