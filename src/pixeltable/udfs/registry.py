"""Finding the function that a stored expression calls, and checking that it still fits what was stored."""

import importlib.util
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from pixeltable.exceptions import UnknownFunction
from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.lazy import load
from pixeltable.types.column_type import ColumnType, JsonType
from pixeltable.udfs.function import DECLARED, LIVE, Function
from pixeltable.udfs.paths import LOCAL, stem
from pixeltable.udfs.signature import Signature

MAKERS: dict[str, Callable[[FunctionSpec], Function]] = {}
"""From how a path starts to what makes such a function of its spec alone; filled by who starts sessions."""


def register(function: Function) -> None:
    """Make a function that was stored by value, and its overloads, findable under the paths it was stored with."""
    for overload in function.overloads:
        LIVE[overload.spec.path] = overload


def find(wanted: FunctionSpec | str) -> Function:
    """The function a spec or a path refers to: the one declared in this process, or the one its module declares.

    Raises:
        UnknownFunction: it is gone, was stored by value and not loaded yet, or does not accept what the spec recorded.
    """
    path = wanted if isinstance(wanted, str) else wanted.path
    if isinstance(wanted, str):
        return LIVE.get(path) or _imported(path)
    make = _maker(path)
    function = make(wanted) if make is not None else LIVE.get(path) or _imported(path)
    _check_compatible(function, wanted)
    return function


def glance(wanted: FunctionSpec) -> None:
    """As `find`, but nothing is imported or loaded for it: what does not show at a glance is taken to be fine.

    Raises:
        UnknownFunction: the module is gone; or it is loaded, and the function is gone or does not fit.
    """
    module = wanted.path.partition("#")[0].rpartition(".")[0]
    if wanted.path in LIVE or module in sys.modules or _maker(wanted.path) is not None:
        find(wanted)
    elif not wanted.path.startswith(LOCAL) and not _may_exist(module.partition(".")[0]):
        raise UnknownFunction(wanted.path, reason=f"there is no module {module!r}")


def _maker(path: str) -> Callable[[FunctionSpec], Function] | None:
    return next((make for start, make in MAKERS.items() if path.startswith(start)), None)


def _may_exist(package: str) -> bool:
    try:
        return package in sys.modules or importlib.util.find_spec(package) is not None
    except ValueError:  # made by hand, as notebooks make theirs
        return True


def declared_anew(path: str) -> Function | None:
    """The function that this process declared under the name of one stored by value, if it is another one."""
    found = DECLARED.get(stem(path)) if path.startswith(LOCAL) else None
    if found is None or path in {overload.spec.path for overload in found.overloads}:
        return None
    if "<locals>" in stem(path):
        return None  # the same lines may make many: which of them stands for the stored one, nobody knows
    number = int(path.partition("#")[2] or 0)
    return found.overloads[number] if number < len(found.overloads) else None


def _imported(path: str) -> Function:
    if path.startswith(LOCAL):
        raise UnknownFunction(path, reason="it is stored by value, not loaded")
    name, _, number = path.partition("#")
    module, qualname = _import_module(name, path)
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    function = found if isinstance(found, Function) else _wrapper_of(found, module)
    if function is None:
        reason = "is not there" if found is None else "is not a udf"
        raise UnknownFunction(path, reason=f"{qualname!r} {reason} in module {module.__name__!r}")
    if int(number or 0) >= len(function.overloads):
        raise UnknownFunction(path, reason=f"it has only {len(function.overloads)} signatures")
    return function.overloads[int(number or 0)]


def _import_module(name: str, path: str) -> tuple[ModuleType, str]:
    """The longest leading part of `name` that is a module, and the rest."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        candidate = ".".join(parts[:cut])
        try:
            return load(candidate), ".".join(parts[cut:])
        except ModuleNotFoundError as error:
            if error.name is None or not f"{candidate}.".startswith(f"{error.name}."):
                raise UnknownFunction(path, reason=f"importing {candidate!r} failed: {error}") from error
        except Exception as error:  # importing runs the user's module, which may raise anything
            raise UnknownFunction(
                path, reason=f"importing {candidate!r} failed: {type(error).__name__}: {error}"
            ) from error
    raise UnknownFunction(path, reason=f"there is no module {'.'.join(parts[:-1])!r}")


def _wrapper_of(found: Any, module: ModuleType) -> Function | None:
    """The udf made of a plain function, or the iterator of a class, under another name: `g = udf(f)`."""
    if not isinstance(found, FunctionType | type):
        return None
    declared = (value for value in vars(module).values() if isinstance(value, Function))
    return next((function for function in declared if function.declared is found), None)


def _check_compatible(function: Function, recorded: FunctionSpec) -> None:
    reasons = incompatibilities(function, recorded)
    if reasons:
        raise UnknownFunction(recorded.path, reason="; ".join(reasons))


def incompatibilities(function: Function | Signature, recorded: FunctionSpec) -> list[str]:
    """Why calls that were recorded for one function do not fit another.

    Wider parameters, further ones with a default and a narrower return type are fine: stored calls still work.
    """
    now = {parameter.name: parameter for parameter in function.parameters}
    before = {parameter.name for parameter in recorded.parameters}
    reasons = [_parameter_problem(now.get(parameter.name), parameter) for parameter in recorded.parameters]
    reasons += [
        f"parameter `{name}` is new and has no default"
        for name, parameter in now.items()
        if name not in before and not parameter.has_default
    ]
    if not _covers(recorded.returns, function.returns):
        reasons.append(f"it returns `{function.returns}` where it returned `{recorded.returns}`")
    return [reason for reason in reasons if reason is not None]


def _parameter_problem(now: Parameter | None, before: Parameter) -> str | None:
    if now is None:
        return f"parameter `{before.name}` is gone"
    if now.type is None or (before.type is not None and _covers(now.type, before.type)):
        return None
    if _tells_more(now.type, before.type):
        return None
    return f"parameter `{now.name}` takes `{now.type}` where it took `{before.type or 'any'}`"


def _tells_more(now: ColumnType, before: ColumnType | None) -> bool:
    """Whether a Json parameter says what is in it where it did not: arguments of unknown content are still accepted."""
    if not isinstance(now, JsonType) or not isinstance(before, JsonType):
        return False
    return before.schema is None and (now.nullable or not before.nullable)


def _covers(wide: ColumnType, narrow: ColumnType) -> bool:
    return wide.accepts(narrow) and (wide.nullable or not narrow.nullable)
