"""Methods whose names columns may have, since the public API of other implementations does not know them."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

PLANNED_METHODS = frozenset({"to_coco_dataset", "to_pytorch_dataset"})
"""Methods that tables will have."""

Method = TypeVar("Method", bound=Callable[..., Any])


def extension(method: Method) -> Method:
    """A method that gives way: in a table with a column of that name, `t.name` is the column.

    The method is `Table.name(t, ...)` there.
    """
    return cast("Method", Extension(method))


class Extension:
    """The descriptor that looks for a column first."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    def __get__(self, table: Any, owner: type) -> Any:
        if table is None:
            return self._method
        name = self._method.__name__
        if any(column.name == name for column in table._record.ready_columns):  # noqa: SLF001  # a friend
            return table[name]
        return self._method.__get__(table, owner)


def reserved_names(cls: type) -> frozenset[str]:
    """The names of a class's public attributes that do not give way to columns."""
    found = {name: attribute for base in cls.__mro__ for name, attribute in vars(base).items()}
    return frozenset(
        name for name, kind in found.items() if not name.startswith("_") and not isinstance(kind, Extension)
    )
