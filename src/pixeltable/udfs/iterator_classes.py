"""`PxtIterator`, the base of iterators that are classes, and what the declaration of one says."""

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Generic, Self, TypeVar, get_args, get_origin

from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.call import Parameter
from pixeltable.udfs.signature import read_hints, read_parameter

Item = TypeVar("Item")

Hook = Callable[[dict[str, Any]], Any]
"""A rule over the arguments of a call, by name."""


class PxtIterator(Generic[Item]):
    """The base of iterators: an instance is made for each row, with the arguments of the call.

    `__next__()` returns one item after the other, a dict with the keys of the TypedDict `Item`, and raises
    StopIteration at the end.
    """

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        """The next item."""
        raise NotImplementedError

    def close(self) -> None:
        """Called when the list of a row ends, also if it ends with a failure."""

    @classmethod
    def validate(cls, bound_args: dict[str, Any]) -> None:
        """Refuse arguments with a ValueError.

        It is called with the constant ones when the iterator is called, and with all of them before each row.
        """

    @classmethod
    def conditional_output_schema(cls, bound_args: dict[str, Any]) -> Mapping[str, Any] | None:  # noqa: ARG003
        """The columns of a call, from names to types; None if they are those of the TypedDict.

        Arguments that are not constant are expressions.
        """
        return None


def check_class(cls: type) -> None:
    """Check that a class can be an iterator.

    Raises:
        InvalidArgument: it is no PxtIterator, or has a method of another kind than is called.
    """
    if not issubclass(cls, PxtIterator):
        raise InvalidArgument(
            f"@iterator takes a generator function or a subclass of PxtIterator, got class {cls.__name__!r}",
            hint=f"class {cls.__name__}(pxt.PxtIterator[T]), with a TypedDict T.",
        )
    if cls.__next__ is PxtIterator.__next__:
        raise InvalidArgument(f"iterator {cls.__name__!r} has no method __next__()")
    for name in ("__init__", "__next__", "close"):
        method = getattr(cls, name)
        if method is object.__init__:
            continue
        is_plain = isinstance(method, FunctionType) and not inspect.isgeneratorfunction(method)
        if not is_plain or inspect.iscoroutinefunction(method):
            raise InvalidArgument(f"iterator {cls.__name__!r}: {name}() must be a plain method")
    for name in ("validate", "conditional_output_schema"):
        if not isinstance(inspect.getattr_static(cls, name), classmethod | staticmethod):
            raise InvalidArgument(f"iterator {cls.__name__!r}: {name}() must be a classmethod")


def class_parameters(cls: type) -> tuple[Parameter, ...]:
    """The parameters of `__init__()`.

    Raises:
        InvalidType, InvalidArgument, Unsupported: as for a udf.
    """
    make: Any = cls.__init__  # type: ignore[misc]  # of this class, which is all that is asked for
    if make is object.__init__:
        return ()
    hints = read_hints(make, name=cls.__name__)
    return tuple(read_parameter(p, hints, cls.__name__) for p in list(inspect.signature(make).parameters.values())[1:])


def class_item(cls: type[PxtIterator[Any]]) -> Any:
    """The hint for an item: what the base has in brackets, else what `__next__()` returns."""
    bases = (base for owner in cls.__mro__ for base in vars(owner).get("__orig_bases__", ()))
    for base in bases:
        origin, args = get_origin(base), get_args(base)
        if isinstance(origin, type) and issubclass(origin, PxtIterator) and _is_known(args[0]):
            return args[0]
    step = cls.__next__
    assert isinstance(step, FunctionType)
    return read_hints(step, name=f"{cls.__name__}.__next__").get("return")


def class_hook(cls: type[PxtIterator[Any]], name: str) -> Hook | None:
    """A class method that the class has for itself."""
    mine, inherited = getattr(cls, name), getattr(PxtIterator, name)
    return None if getattr(mine, "__func__", mine) is inherited.__func__ else mine


def _is_known(item: Any) -> bool:
    """Whether it is a type, not a type variable or a name that is written as text."""
    return isinstance(item, type) or get_origin(item) is not None
