"""Functions that run in place of the declared one, which gives name, signature and docstring."""

import functools
import hashlib
import inspect
import pickle
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.call import Parameter
from pixeltable.udfs.arguments import show_parameters
from pixeltable.udfs.code import captured_hash, class_hash, code_hash


def substitute_body(run: Callable[..., Any], parameters: Sequence[Parameter], *, name: str) -> Callable[..., Any]:
    """What runs for a function called `name`: `run`, given the arguments by place, and the keyword-only ones by name.

    So `run` may call its parameters otherwise, or have no signature at all. It gets every parameter that is declared,
    those without an argument as their default.

    Raises:
        InvalidArgument: it is nothing to call, or does not take as many arguments.
    """
    _check(run, parameters, name)
    placed = tuple(parameter for parameter in parameters if not parameter.keyword_only)
    named = tuple(parameter for parameter in parameters if parameter.keyword_only)

    def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        rest = (kwargs.get(parameter.name, parameter.default) for parameter in placed[len(args) :])
        return (*args, *rest), {p.name: kwargs.get(p.name, p.default) for p in named}

    if _is_async(run):

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = given(args, kwargs)
            return await run(*args, **kwargs)

        return awaited

    def called(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = given(args, kwargs)
        return run(*args, **kwargs)

    return called


def _check(run: Any, parameters: Sequence[Parameter], name: str) -> None:
    subject = f"function {name!r}: substitute_fn"
    if not callable(run):
        raise InvalidArgument(f"{subject} must be callable, got {type(run).__name__} {run!r}")
    kinds = (run, _method(run))
    if any(map(inspect.isgeneratorfunction, kinds)) or any(map(inspect.isasyncgenfunction, kinds)):
        raise InvalidArgument(f"{subject} yields values, but a udf returns one value for a row")
    try:
        signature = inspect.signature(run)
    except (ValueError, TypeError):
        return  # written in C without a text signature: what it takes shows when it is called
    try:
        signature.bind(
            *(parameter.name for parameter in parameters if not parameter.keyword_only),
            **{parameter.name: None for parameter in parameters if parameter.keyword_only},
        )
    except TypeError as error:
        raise InvalidArgument(
            f"{subject} takes {signature}, not {show_parameters(parameters)}: {error}",
            hint="It is given the arguments by place, and those behind a * by name.",
        ) from None


def _is_async(run: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(run) or inspect.iscoroutinefunction(_method(run))


def _method(run: Any) -> Any:
    """What runs when an object is called that is no function."""
    return type(run).__call__


def substitute_code(run: Any, *, captured: bool = False) -> str:
    """A hash of what a substitute does: of its source, if it is written in Python, with the data it `captured` too.

    Anything else stands for itself: a function in C by its name, an object by its class and its value.
    """
    plain = inspect.unwrap(run)
    if isinstance(plain, FunctionType):
        return captured_hash(plain) if captured else code_hash(plain)
    return hashlib.sha256("\0".join(_parts(run, captured)).encode(errors="surrogatepass")).hexdigest()[:16]


def _parts(run: Any, captured: bool) -> list[str]:
    if isinstance(run, functools.partial):
        return [substitute_code(run.func, captured=captured), _value(run.args), _value(sorted(run.keywords.items()))]
    if isinstance(run, MethodType):
        return [substitute_code(run.__func__, captured=captured), _value(run.__self__)]
    named = run if hasattr(run, "__qualname__") else type(run)
    name = f"{getattr(named, '__module__', '')}.{named.__qualname__}"
    return [name, class_hash(named) if isinstance(named, type) else "", _value(run)]


def _value(value: Any) -> str:
    """A text that differs where values differ; empty where that cannot be told in the same way by every process."""
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except Exception:  # noqa: BLE001  # pickling runs the value's own code
        return ""
