"""The function library: a module for each subject, imported when first named; aggregates and `cast` are names here."""

import importlib
import pkgutil
from typing import Any

_AGGREGATES = frozenset({"count", "make_list", "max", "mean", "min", "sum"})
_HOMES = {**dict.fromkeys(_AGGREGATES, "aggregates"), "cast": "conversion"}
_MODULES = frozenset(found.name for found in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted(_MODULES | _HOMES.keys())
