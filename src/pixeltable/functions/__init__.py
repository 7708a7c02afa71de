"""The function library: a module for each subject, imported when first named; some functions are names here."""

import importlib
import pkgutil
from typing import Any

_HOMES = {
    name: module
    for module, names in {
        "aggregates": "all any count first last make_list max mean min sum",
        "distinct": "approx_count_distinct count_distinct",
        "distributions": "median mode percentile stddev variance",
        "conversion": "cast",
        "elements": "filter map sort",
        "windows": "dense_rank lag lead rank row_number",
    }.items()
    for name in names.split()
}
"""From the names that stand here too to their modules: aggregates, what is about any type, and about elements."""

_MODULES = frozenset(found.name for found in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted(_MODULES | _HOMES.keys())
