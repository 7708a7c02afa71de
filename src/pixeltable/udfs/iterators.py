"""`@pxt.iterator`: functions that make several rows of one, for views that explode the rows of their base."""

import functools
import inspect
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, get_args, get_origin

from pixeltable.exceptions import InvalidArgument, InvalidExpression, InvalidType, Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.types.column_type import ColumnType, JsonType
from pixeltable.types.hints import type_from_hint
from pixeltable.udfs.function import DECLARED, Function, FunctionOptions, forget_previous
from pixeltable.udfs.signature import Signature, read_hints, read_parameter

_KINDS = (Iterator, Iterable, Generator)


@dataclass(frozen=True, slots=True)
class IteratorCall:
    """What `create_view(iterator=...)` takes: an expression for the list of a row, and the columns its items have."""

    items: Expr
    outputs: Mapping[str, ColumnType]

    def __str__(self) -> str:
        return str(self.items)


class IteratorFunction(Function):
    """A declared iterator. Calling it never runs it: it says what a view is to be made of."""

    def __init__(self, fn: FunctionType, outputs: Mapping[str, ColumnType], signature: Signature) -> None:
        super().__init__(fn, options=FunctionOptions(keeps_zone=True), signature=signature)
        self.body = _listing(fn, self.name)
        self.outputs = outputs

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The iterator over these arguments, for `create_view(iterator=...)`.

        Raises:
            InvalidArgument: the arguments do not fit the parameters in number or name.
            TypeMismatch: an argument has the wrong type.
        """
        return IteratorCall(super().__call__(*args, **kwargs), self.outputs)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name}: {kind}" for name, kind in self.outputs.items())
        return f"<iterator {self.name}{self.signature.partition(' ->')[0]} -> {columns}>"


def _listing(fn: Callable[..., Iterable[Any]], name: str) -> Callable[..., list[Mapping[str, Any]]]:
    @functools.wraps(fn)
    def listed(*args: Any, **kwargs: Any) -> list[Mapping[str, Any]]:
        items = []
        for item in fn(*args, **kwargs):
            if not isinstance(item, Mapping):
                raise TypeError(f"{name}() yielded {type(item).__name__} {item!r}, expected a dict")
            items.append(item)
        return items

    return listed


@typing.overload
def iterator(fn: Callable[..., Any], /) -> IteratorFunction: ...


@typing.overload
def iterator(
    fn: None = None, /, *, unstored_cols: list[str] | None = None
) -> Callable[[Callable[..., Any]], IteratorFunction]: ...


def iterator(fn: Any = None, /, *, unstored_cols: list[str] | None = None) -> Any:
    """Declare a generator function that makes several rows of one; `create_view(iterator=fn(t.column))` uses it.

    Its parameters have type hints as those of a udf; it yields dicts, and its return hint is `Iterator[T]`, where the
    TypedDict `T` says which columns the view gets. The column `pos` comes first by itself: the place in the list.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: an output is called `pos`.

    >>> class Word(typing.TypedDict):
    ...     word: str
    >>> @iterator
    ... def words(text: str) -> Iterator[Word]:
    ...     for word in text.split():
    ...         yield {"word": word}
    >>> words
    <iterator words(text: String) -> word: String>
    >>> words.body("to be")
    [{'word': 'to'}, {'word': 'be'}]
    """
    if unstored_cols:
        raise Unsupported("iterator(unstored_cols=...) is not supported yet", hint="Leave it out: they are stored.")
    return _declare if fn is None else _declare(fn)


def _declare(fn: Any) -> IteratorFunction:
    if isinstance(fn, type):
        raise Unsupported(f"iterator {fn.__name__}: classes are not supported yet", hint="Write a generator function.")
    if not isinstance(fn, FunctionType):
        raise InvalidArgument(f"@iterator takes a generator function, got {type(fn).__name__} {fn!r}")
    name = fn.__name__
    hints = read_hints(fn, name=name)
    outputs = _outputs(hints.get("return"), name)
    parameters = tuple(read_parameter(p, hints, name) for p in inspect.signature(fn).parameters.values())
    function = IteratorFunction(fn, outputs, Signature(parameters, JsonType(), False))
    forget_previous(f"{fn.__module__}.{fn.__qualname__}")
    DECLARED[f"{fn.__module__}.{fn.__qualname__}"] = function
    return function


def _outputs(hint: Any, name: str) -> dict[str, ColumnType]:
    """The columns that the items have."""
    item = get_args(hint)[0] if get_origin(hint) in _KINDS and get_args(hint) else None
    if item is None or not typing.is_typeddict(item):
        raise InvalidType(
            f"iterator {name!r}: its return hint is {hint!r}, which does not say what it yields",
            hint="Write Iterator[T] with a TypedDict T.",
        )
    outputs: dict[str, ColumnType] = {}
    for key, part in typing.get_type_hints(item, include_extras=True).items():
        required = key in item.__required_keys__
        marked = get_origin(part) in (typing.NotRequired, typing.Required)
        found = type_from_hint(get_args(part)[0] if marked else part)
        if found is None:
            raise InvalidType(f"iterator {name!r}, output {key!r}: the hint `{part}` names no column type")
        outputs[key] = found if required else found.with_nullable(True)
    if "pos" in outputs:
        raise InvalidArgument(f"iterator {name!r}: `pos` is the place in the list, which every view has by itself")
    if not outputs:
        raise InvalidExpression(f"iterator {name!r}: its TypedDict has no keys")
    return outputs
