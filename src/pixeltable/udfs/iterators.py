"""`@pxt.iterator`: what makes several rows of one, for views that explode the rows of their base."""

import functools
import inspect
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from types import FunctionType
from typing import Any, Never, get_args, get_origin

from pixeltable.exceptions import Error, InvalidArgument, InvalidType, NoValueYet, Unsupported
from pixeltable.exprs.call import Call, FunctionSpec
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import JsonType
from pixeltable.udfs.arguments import show_parameters
from pixeltable.udfs.code import class_hash
from pixeltable.udfs.function import DECLARED, LIVE, Function, FunctionOptions, call_overload, forget_previous
from pixeltable.udfs.iterator_classes import (
    Hook,
    PxtIterator,
    check_class,
    class_hook,
    class_item,
    class_parameters,
)
from pixeltable.udfs.iterator_outputs import Outputs, outputs_of_item, outputs_of_schema, refuse_item
from pixeltable.udfs.paths import class_path
from pixeltable.udfs.signature import Signature, read_hints, read_parameter
from pixeltable.udfs.unstored_outputs import UnstoredOutput

_KINDS = (Iterator, Iterable, Generator)

_NO_SCHEMA = "Write Iterator[T] with a TypedDict T, or say which they are with {}."


@dataclass(frozen=True, slots=True, repr=False)
class IteratorCall:
    """What `create_view(iterator=...)` takes: an expression for the list of a row, and the columns its items have.

    Those in `unstored` are computed whenever they are read.
    """

    items: Expr
    outputs: Outputs
    unstored: tuple[UnstoredOutput, ...] = ()

    def __str__(self) -> str:
        return str(self.items)

    def __repr__(self) -> str:
        return f"{self.items}, which is for create_view(iterator=...)"


class IteratorFunction(Function):
    """A declared iterator. Calling it never runs it: it says what a view is to be made of.

    `outputs` are the columns that its items have, None where the arguments of a call decide; some may be `unstored`.
    """

    def __init__(
        self,
        declared: Callable[..., Iterable[Any]],
        outputs: Outputs | None,
        signature: Signature,
        *,
        name: str,
        unstored: tuple[str, ...],
    ) -> None:
        run = _listing(self, declared)
        options = FunctionOptions(display_name=name, keeps_zone=True)
        super().__init__(declared if isinstance(declared, FunctionType) else run, options=options, signature=signature)
        self.declared = declared
        self.body = run
        self.outputs = outputs
        self.unstored = unstored
        self.validation: Hook | None = None
        self.schema_rule: Hook | None = None
        if isinstance(declared, type) and issubclass(declared, PxtIterator):
            self.validation = class_hook(declared, "validate")
            self.schema_rule = class_hook(declared, "conditional_output_schema")
        self._overloads += [UnstoredOutput(self, number) for number in range(1, 1 + len(unstored))]

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The iterator as data. Taken at first use, as that of a udf."""
        if not isinstance(self.declared, type):
            return super().spec
        path = class_path(self.declared)
        LIVE[path] = self
        return FunctionSpec(path, self.name, self.parameters, self.returns, class_hash(self.declared))

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The iterator over these arguments, for `create_view(iterator=...)`.

        Raises:
            InvalidArgument: the arguments do not fit the parameters in number or name, or the iterator refuses them.
            TypeMismatch: an argument has the wrong type.
        """
        items = call_overload(self, args, kwargs)
        assert isinstance(items, Call)
        given = {parameter.name: arg for parameter, arg in zip(self.parameters, items.call_args, strict=True)}
        constants = {name: arg.value for name, arg in given.items() if isinstance(arg, Literal)}
        if self.validation is not None:
            _asked(self.validation, constants, f"{self.name}()", "validate")
        outputs = self._outputs_for({**given, **constants})
        if self.unstored and outputs.keys() != (self.outputs or {}).keys():
            raise InvalidArgument(
                f"{self.name}(): its outputs are {', '.join(outputs)} by conditional_output_schema, and "
                f"{', '.join(self.outputs or {})} by its declaration",
                hint="With unstored_cols they have to be the same.",
            )
        stored = {key: outputs[key] for key in self.outputs or outputs if key in outputs and key not in self.unstored}
        return IteratorCall(items, stored, tuple(f for f in self.overloads if isinstance(f, UnstoredOutput)))

    def _outputs_for(self, given: dict[str, Any]) -> Outputs:
        schema = None
        if self.schema_rule is not None:
            schema = _asked(self.schema_rule, given, f"{self.name}()", "conditional_output_schema")
        if schema is not None:
            return outputs_of_schema(schema, self.name)
        if self.outputs is None:
            hint = _NO_SCHEMA.format(f"@{self.name}.conditional_output_schema")
            raise InvalidType(f"iterator {self.name!r} does not say what is in the dicts that it yields", hint=hint)
        return self.outputs

    def validate(self, rule: Hook) -> Hook:
        """Set a check of arguments; for use as a decorator.

        The rule takes a dict, from names to arguments, and raises a ValueError. It is called with the constant ones
        when the iterator is called, and with all of them before each row.
        """
        self.validation = self._checked_rule(rule, "validate")
        return rule

    def conditional_output_schema(self, rule: Hook) -> Hook:
        """Set how arguments decide the columns; for use as a decorator.

        The rule takes a dict, from names to arguments, and returns one from names of columns to types. Arguments that
        are not constant are expressions.
        """
        self.schema_rule = self._checked_rule(rule, "conditional_output_schema")
        return rule

    def _checked_rule(self, rule: Hook, hook: str) -> Hook:
        if isinstance(self.declared, type):
            raise InvalidArgument(f"{self.name}.{hook}: class {self.name} has a {hook}() of its own, as a classmethod")
        if len(inspect.signature(rule).parameters) != 1:
            raise InvalidArgument(f"{self.name}.{hook}: the rule takes bound_args alone, a dict of the arguments")
        return rule

    def using(self, **constants: Any) -> Never:  # noqa: ARG002  # as Function has it
        """Not supported: an iterator is called with all of its arguments."""
        raise Unsupported(f"{self.name}.using(): an iterator takes all arguments in the call")

    def overload(self, body: Callable[..., Any]) -> Never:  # noqa: ARG002  # as Function has it
        """Not supported: an iterator has one signature."""
        raise Unsupported(f"{self.name}.overload: an iterator has one signature", hint="Declare another one.")

    def check_arguments(self, args: Sequence[Any]) -> None:
        """Refuse the arguments of a row as `validate` does.

        Raises:
            ValueError: it does.
        """
        if self.validation is not None:
            self.validation(dict(zip((parameter.name for parameter in self.parameters), args, strict=False)))

    @property
    def signature(self) -> str:
        """Parameters and the columns of the items, for people."""
        columns = "dict"
        if self.outputs is not None:
            columns = ", ".join(f"{name}: {kind}" for name, kind in self.outputs.items())
        return f"{show_parameters(self.parameters)} -> {columns}"

    def __repr__(self) -> str:
        return f"<iterator {self.name}{self.signature}>"


def _asked(rule: Hook, given: dict[str, Any], subject: str, hook: str) -> Any:
    """What a rule says of arguments; errors of this library go on as they are."""
    try:
        return rule(given)
    except NoValueYet as error:
        raise InvalidArgument(f"{subject}: {hook} needs a constant: {error.message}") from error
    except Error:
        raise
    except ValueError as error:
        raise InvalidArgument(f"{subject}: {error}") from error
    except Exception as error:  # the rule is the user's, and may raise anything
        raise InvalidArgument(f"{subject}: {hook} failed: {type(error).__name__}: {error}") from error


def _listing(function: IteratorFunction, make: Callable[..., Iterable[Any]]) -> FunctionType:
    """What runs for a row: it gives all items at once."""

    @functools.wraps(make, updated=())
    def listed(*args: Any, **kwargs: Any) -> list[Mapping[str, Any]]:
        if function.validation is not None:
            names = (parameter.name for parameter in function.parameters)
            function.validation({**dict(zip(names, args, strict=False)), **kwargs})
        made = make(*args, **kwargs)
        close = getattr(made, "close", _nothing_to_do)
        try:
            items = [_checked_item(item, function) for item in made]
        except BaseException:
            with suppress(Exception):  # what came first is what is told
                close()
            raise
        close()
        return items

    assert isinstance(listed, FunctionType)
    return listed


def _nothing_to_do() -> None:
    pass


def _checked_item(item: Any, function: IteratorFunction) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise TypeError(f"{function.name}() yielded {type(item).__name__} {item!r}, expected a dict")
    # A new one: the iterator may go on to use the one that it yields.
    return {key: value for key, value in item.items() if key not in function.unstored}


@typing.overload
def iterator(fn: Callable[..., Any], /) -> IteratorFunction: ...


@typing.overload
def iterator(
    fn: None = None, /, *, unstored_cols: list[str] | None = None
) -> Callable[[Callable[..., Any]], IteratorFunction]: ...


def iterator(fn: Any = None, /, *, unstored_cols: list[str] | None = None) -> Any:
    """Declare what makes several rows of one: a generator function, or a subclass of `PxtIterator`.

    `create_view(iterator=fn(t.column))` uses it. Its parameters, or those of `__init__()`, have type hints as those of
    a udf; it yields dicts. Its return hint is `Iterator[T]`, or its base `PxtIterator[T]`, where the TypedDict `T` says
    which columns the view gets. In the place of `T` may be `dict`, if `conditional_output_schema` says it for the
    arguments of a call. The column `pos` comes first by itself: the place in the list.

    Args:
        unstored_cols: outputs that are not stored, for what is large and quickly made again. Whenever one is read, an
            instance is made with the arguments of the row, `seek(pos, **stored outputs)` brings it to the item, and it
            yields that again; rows that follow one another share an instance. What has no `seek()`, as a generator
            function, yields all items up to that one.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: an output is called `pos`; there is no output of a name in `unstored_cols`; or a
            class has not the methods that it needs.

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

    >>> @iterator
    ... class Words(PxtIterator[Word]):
    ...     def __init__(self, text: str):
    ...         self.words = iter(text.split())
    ...     def __next__(self) -> Word:
    ...         return {"word": next(self.words)}
    >>> Words.body("to be")
    [{'word': 'to'}, {'word': 'be'}]
    """

    def declare(fn: Any) -> IteratorFunction:
        function = _declared(fn, tuple(unstored_cols or ()))
        forget_previous(f"{fn.__module__}.{fn.__qualname__}")
        DECLARED[f"{fn.__module__}.{fn.__qualname__}"] = function
        return function

    return declare if fn is None else declare(fn)


def _declared(fn: Any, unstored: tuple[str, ...]) -> IteratorFunction:
    if isinstance(fn, type):
        return _declared_class(fn, unstored)
    if not isinstance(fn, FunctionType):
        raise InvalidArgument(
            f"@iterator takes a generator function or a subclass of PxtIterator, got {type(fn).__name__} {fn!r}"
        )
    name = fn.__name__
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise Unsupported(f"iterator {name!r} is async", hint="Write it with def; what it awaits can be an async udf.")
    hints = read_hints(fn, name=name)
    result = hints.get("return")
    is_iterator = get_origin(result) in _KINDS and get_args(result)
    outputs = outputs_of_item(get_args(result)[0], name) if is_iterator else refuse_item(result, name)
    parameters = tuple(read_parameter(p, hints, name) for p in inspect.signature(fn).parameters.values())
    _check_unstored(unstored, outputs, name)
    return IteratorFunction(fn, outputs, Signature(parameters, JsonType(), False), name=name, unstored=unstored)


def _declared_class(cls: type, unstored: tuple[str, ...]) -> IteratorFunction:
    check_class(cls)
    assert issubclass(cls, PxtIterator)
    name = cls.__name__
    outputs = outputs_of_item(class_item(cls), name)
    if outputs is None and class_hook(cls, "conditional_output_schema") is None:
        raise InvalidType(
            f"iterator {name!r}: `dict` does not say what it yields",
            hint=_NO_SCHEMA.format("the classmethod conditional_output_schema()"),
        )
    _check_unstored(unstored, outputs, name)
    signature = Signature(class_parameters(cls), JsonType(), False)
    return IteratorFunction(cls, outputs, signature, name=name, unstored=unstored)


def _check_unstored(unstored: tuple[str, ...], outputs: Outputs | None, name: str) -> None:
    if not unstored:
        return
    if outputs is None:
        raise InvalidArgument(
            f"iterator {name!r}, unstored_cols: what it yields is not known before it is called",
            hint="Name the outputs by a TypedDict.",
        )
    wrong = next((key for key in unstored if key not in outputs), None)
    if wrong is not None:
        near = get_close_matches(wrong, outputs, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Outputs: {', '.join(outputs)}."
        raise InvalidArgument(f"iterator {name!r}, unstored_cols: it has no output {wrong!r}", hint=hint)
