"""The path under which a function is found again: by import, or by value where no import leads to it."""

import sys
from types import FunctionType

from pixeltable.udfs.code import captured_class_hash, captured_hash, combined

LOCAL = "local:"


def function_path(fn: FunctionType, *, readable: bool = True, further: str = "") -> str:
    """`module.qualname`, or `local:module.qualname:<hash>` for functions of scripts, notebooks and other functions.

    `further` is a hash of what runs in its place.
    """
    name = f"{fn.__module__}.{fn.__qualname__}"
    return name if is_importable(fn) else f"{LOCAL}{name}:{combined(captured_hash(fn, readable=readable), further)}"


def class_path(cls: type) -> str:
    """As `function_path`, for the class of an aggregate."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    return name if is_importable(cls) else f"{LOCAL}{name}:{captured_class_hash(cls)}"


def overload_path(primary: str, fn: FunctionType, number: int, *, readable: bool = True, further: str = "") -> str:
    """The path of the `number`th overload of the function at `primary`."""
    if primary.startswith(LOCAL):
        primary = f"{primary.rpartition(':')[0]}:{combined(captured_hash(fn, readable=readable), further)}"
    return f"{primary}#{number}"


def stem(path: str) -> str:
    """The name that a path gives a function: without hash, kind of storage and number of overload.

    >>> stem("local:__main__.f:0123456789abcdef#1")
    '__main__.f'
    """
    path = path.partition("#")[0]
    return path.removeprefix(LOCAL).rpartition(":")[0] if path.startswith(LOCAL) else path


def is_importable(fn: FunctionType | type) -> bool:
    """Whether another process gets the same function or class by importing its module."""
    module = sys.modules.get(fn.__module__)
    # Only what the import system loaded has a spec; notebooks and consoles make their modules by hand.
    found = module is not None and getattr(module, "__spec__", None) is not None
    return found and fn.__module__ != "__main__" and "<locals>" not in fn.__qualname__
