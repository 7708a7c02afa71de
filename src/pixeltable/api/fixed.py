"""Handles of what stays as it is, versions and snapshots: methods that would change a table are refused."""

from collections.abc import Callable
from typing import Any

from pixeltable.api.extension import Extension
from pixeltable.exceptions import FixedVersion

CHANGING = (
    "insert", "compute", "update", "recompute_columns", "delete", "add_computed_column", "drop_column", "revert",
    "add_embedding_index", "add_btree_index", "drop_index", "drop_embedding_index", "stale", "restore", "annotate",
    "add_column", "add_columns", "alter_column", "alter_computed_column", "batch_update", "rename_column",
    "vacuum", "forget", "alter_view", "merge",
)  # fmt: skip
"""The methods of a table that change it, or are about computing it."""


def fixed_version(method: str, alias: str) -> FixedVersion:
    """The error for a call that would change a version of a table; `alias` is its path and the version."""
    return FixedVersion(method, what=f"{alias!r}, a version of the table,", source=alias.partition(":")[0])


def fixed_snapshot(method: str, path: str, base_path: str | None) -> FixedVersion:
    """The error for a call that would change a snapshot of what is at `base_path`."""
    return FixedVersion(method, what=f"snapshot {path!r},", source=(base_path or path).partition(":")[0])


class Fixed:
    """Something that stays as it is."""

    def _fixed(self, method: str) -> FixedVersion:
        """The error for a call that would change it."""
        raise NotImplementedError


def refuse_changes(handle: type[Fixed]) -> None:
    """Have the methods that change a table say that this one stays as it is."""
    for name in CHANGING:
        gives_way = any(isinstance(vars(base).get(name), Extension) for base in handle.__mro__)
        setattr(handle, name, Extension(_refusing(name)) if gives_way else _refusing(name))


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(self: Fixed, *_: Any, **__: Any) -> Any:
        raise self._fixed(name)  # a method of it

    refuse.__name__ = name
    refuse.__doc__ = "Not to be used on what stays as it is."
    return refuse
