"""Hashes of what a function does: its source, the helpers and classes it uses and, if nested, what it captured."""

import ast
import hashlib
import inspect
import os
import pickle
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_SCALARS = (str, int, float, bool, bytes, type(None))


def file_time(fn: FunctionType) -> int | None:
    """When the file that has the function's source was last written, None if there is no file."""
    try:
        return os.stat(fn.__code__.co_filename).st_mtime_ns
    except (OSError, ValueError):
        return None


def code_hash(fn: FunctionType, *, readable: bool = True) -> str:
    """16 hex digits that change when the function, or what it uses of its module, is written differently.

    That is functions and classes which it names, directly or not, and classes of objects which it names. Comments,
    layout, docstrings and decorators do not count. Without source, or if it is not `readable` any more since its file
    was changed after it was loaded, the bytecode stands in for it.
    """
    return _digest(_source(member) if readable else _stand_in(member) for member in _reachable(fn))


def captured_hash(fn: FunctionType, *, readable: bool = True) -> str:
    """As `code_hash`, but it also changes with the data the function captured: closure, defaults, plain globals.

    Two functions made by one factory have the same source and do different things.
    """
    members = _reachable(fn)
    sources = [_source(member) if readable else _stand_in(member) for member in members]
    return _digest([*sources, *(text for member in members for text in _captured(member))])


def class_hash(cls: type) -> str:
    """As `code_hash`, for a class."""
    return _digest(map(_source, _reachable(cls)))


def captured_class_hash(cls: type) -> str:
    """As `captured_hash`, for a class."""
    members = _reachable(cls)
    return _digest([*map(_source, members), *(text for member in members for text in _captured(member))])


def combined(code: str, further: str) -> str:
    """A hash of two hashes; the first, where the other is empty."""
    return _digest([code, further]) if further else code


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()[:16]


Member = FunctionType | type


def _reachable(root: Member) -> list[Member]:
    """The function or class, and what it refers to of the functions and classes of its module, each once."""
    found: list[Member] = [root]
    for member in found:  # grows while it is walked
        for value in _references(member):
            used = _plain_function(value) or _class_of(value)
            if _is_of_module(used, root) and used not in found:
                found.append(used)
    return found


def _class_of(value: Any) -> type:
    """The value, if it is a class, else its class; a proxy is not asked what it stands for."""
    return value if issubclass(type(value), type) else type(value)


def _references(member: Member) -> Iterator[Any]:
    if isinstance(member, FunctionType):
        yield from _bindings(member).values()
        return
    yield from member.__bases__
    for _, method in _methods(member):
        yield from _bindings(method).values()


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """The functions in the body of a class, also those behind properties and the like."""
    for name, value in vars(cls).items():
        wrapped = (getattr(value, part, None) for part in ("__func__", "fget", "fset", "fdel", "func"))
        for part in (value, *wrapped):
            method = _plain_function(part)
            if method is not None:
                yield name, method


def _is_of_module(member: Member, root: Member) -> bool:
    if isinstance(member, FunctionType) and isinstance(root, FunctionType):
        return member.__globals__ is root.__globals__
    return _module_name(member) == _module_name(root)


def _module_name(member: Member) -> str | None:
    # Not a function's __module__, which a decorator may have changed.
    return member.__globals__.get("__name__") if isinstance(member, FunctionType) else member.__module__


def _plain_function(value: Any) -> FunctionType | None:
    """The Python function behind a function, a udf or a wrapper such as functools.cache makes."""
    unwrapped = inspect.unwrap(value) if "__wrapped__" in getattr(value, "__dict__", ()) else value
    return unwrapped if isinstance(unwrapped, FunctionType) else None


def _bindings(fn: FunctionType) -> dict[str, Any]:
    """What the free names of the function refer to at the moment, in order of name."""
    found = {name: fn.__globals__[name] for name in _names(fn.__code__) if name in fn.__globals__}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue  # not assigned yet: the function itself, while it is being decorated
    return dict(sorted(found.items()))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _source(member: Member) -> str:
    """The source without what does not run; without any, what stands in for it."""
    try:
        source = inspect.getsource(member)
        # What is nested is indented; to dedent its text would also change the strings within.
        tree = _parsed(f"if True:\n{source}" if source[0].isspace() else source)
    except (OSError, TypeError, SyntaxError, IndexError):
        return _stand_in(member)
    kinds = ast.ClassDef if isinstance(member, type) else ast.FunctionDef | ast.AsyncFunctionDef
    node = next((node for node in ast.walk(tree) if isinstance(node, kinds)), None)
    if node is None or node.name != _own_name(member):
        return _stand_in(member)
    node.decorator_list = []
    for inner in ast.walk(node):
        _drop_docstring(inner)
    return ast.unparse(node)


def _parsed(source: str) -> ast.Module:
    """As `ast.parse`, which can fail in Python 3.11 and 3.12 when threads parse at the same time (gh-106905)."""
    try:
        return ast.parse(source)
    except SystemError:
        return ast.parse(source)


def _own_name(member: Member) -> str:
    return member.__name__ if isinstance(member, type) else member.__code__.co_name


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def _stand_in(member: Member) -> str:
    if isinstance(member, FunctionType):
        return _bytecode(member.__code__)
    methods = [f"{name}={_bytecode(method.__code__)}" for name, method in _methods(member)]
    return "\0".join(methods + [f"{name}={value!r}" for name, value in vars(member).items() if _is_data(value)])


def _bytecode(code: CodeType) -> str:
    constants = [_bytecode(c) if isinstance(c, CodeType) else _describe(c) for c in code.co_consts]
    return "\0".join([code.co_code.hex(), *constants, *code.co_names])


def _captured(member: Member) -> Iterator[str]:
    if isinstance(member, type):
        for _, method in _methods(member):
            yield from _captured(method)
        return
    for name, value in _bindings(member).items():
        if name in member.__code__.co_freevars or _is_data(value):
            yield f"{name}={_describe(value)}"
    yield _describe([*(member.__defaults__ or ()), *sorted((member.__kwdefaults__ or {}).items())])


def _is_data(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_data, value)) and all(map(_is_data, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_data, value))
    return isinstance(value, _SCALARS)


def _describe(value: Any) -> str:
    """A text that differs where values differ, and is the same in every process where that is possible."""
    helper = _plain_function(value)
    if helper is not None:
        return helper.__qualname__  # what it does is hashed as a function of its own
    if isinstance(value, ModuleType | type):
        return f"{getattr(value, '__module__', '')}.{value.__name__}"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_describe, value)))}}}"
    if _is_data(value):
        return repr(value)
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except Exception:  # noqa: BLE001  # pickling runs the value's own code; such a value is itself and no other
        return f"{type(value).__qualname__} {id(value)}"
