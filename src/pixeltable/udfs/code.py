"""Hashes of what a function does: its source, the helpers it calls and, for nested functions, what it captured."""

import ast
import hashlib
import inspect
import pickle
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_SCALARS = (str, int, float, bool, bytes, type(None))


def code_hash(fn: FunctionType) -> str:
    """16 hex digits that change when the function, or a helper of its module that it names, is written differently.

    Comments, layout, docstrings and decorators do not count. Without source the bytecode stands in for it.
    """
    return _digest(_source(member) for member in _reachable(fn))


def captured_hash(fn: FunctionType) -> str:
    """As `code_hash`, but it also changes with the data the function captured: closure, defaults, plain globals.

    Two functions made by one factory have the same source and do different things.
    """
    members = _reachable(fn)
    return _digest([*map(_source, members), *(text for member in members for text in _captured(member))])


def class_hash(cls: type) -> str:
    """As `code_hash`, of the methods of a class and of its bases in the same module, and of its data."""
    return _digest([*map(_source, _class_functions(cls)), *_class_data(cls)])


def captured_class_hash(cls: type) -> str:
    """As `captured_hash`, for a class."""
    members = _class_functions(cls)
    captured = [text for member in members for text in _captured(member)]
    return _digest([*map(_source, members), *captured, *_class_data(cls)])


def _class_functions(cls: type) -> list[FunctionType]:
    """The methods, and the functions that those refer to, each once."""
    found: dict[FunctionType, None] = {}
    for value in _class_members(cls).values():
        method = getattr(value, "__func__", getattr(value, "fget", value))  # of a class or static method, or a property
        if isinstance(method, FunctionType):
            found |= dict.fromkeys(_reachable(method))
    return list(found)


def _class_data(cls: type) -> list[str]:
    return [f"{name}={value!r}" for name, value in _class_members(cls).items() if _is_data(value)]


def _class_members(cls: type) -> dict[str, Any]:
    """What the class and its bases in the same module define, by name in order; of the same name the first counts."""
    bases = [base for base in reversed(cls.__mro__) if base.__module__ == cls.__module__]
    members = {name: value for base in bases for name, value in vars(base).items()}
    return {name: value for name, value in sorted(members.items()) if not name.startswith("__") or name == "__init__"}


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()[:16]


def _reachable(fn: FunctionType) -> list[FunctionType]:
    """The function and the functions of the same module it refers to, directly or not, each once."""
    found = [fn]
    for member in found:  # grows while it is walked
        for value in _bindings(member).values():
            helper = _plain_function(value)
            if helper is not None and helper.__globals__ is fn.__globals__ and helper not in found:
                found.append(helper)
    return found


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


def _source(fn: FunctionType) -> str:
    try:
        source = inspect.getsource(fn)
        # A nested function is indented; to dedent its text would also change the strings within.
        tree = ast.parse(f"if True:\n{source}" if source[0].isspace() else source)
    except (OSError, TypeError, SyntaxError, IndexError):
        return _bytecode(fn.__code__)
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    node = next(functions, None)
    if node is None or node.name != fn.__code__.co_name:
        return _bytecode(fn.__code__)
    node.decorator_list = []
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(node)


def _bytecode(code: CodeType) -> str:
    constants = [_bytecode(c) if isinstance(c, CodeType) else _describe(c) for c in code.co_consts]
    return "\0".join([code.co_code.hex(), *constants, *code.co_names])


def _captured(fn: FunctionType) -> Iterator[str]:
    for name, value in _bindings(fn).items():
        if name in fn.__code__.co_freevars or _is_data(value):
            yield f"{name}={_describe(value)}"
    yield _describe([*(fn.__defaults__ or ()), *sorted((fn.__kwdefaults__ or {}).items())])


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
