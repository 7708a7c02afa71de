"""`@uda`, which turns a subclass of `Aggregator` into a function of many rows."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar, Never, TypeVar, overload

from pixeltable.exceptions import Error, InvalidArgument, InvalidExpression, InvalidType, TypeMismatch, Unsupported
from pixeltable.exprs.aggregate import Aggregate, Frame, Use, aggregates_in
from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal, as_expr, as_key
from pixeltable.types.column_type import ArrayType, ColumnType, JsonType, MediaType
from pixeltable.udfs.arguments import bind, fit, show_parameters
from pixeltable.udfs.code import class_hash
from pixeltable.udfs.function import LIVE, Function, FunctionOptions, Parallel, forget_previous
from pixeltable.udfs.paths import class_path
from pixeltable.udfs.signature import read_hints, read_parameter, read_result

Substitution = Mapping[TypeVar, Any]
"""From type variable to the hint that takes its place."""

_CALL_WORDS = ("asc", "frame", "group_by", "order_by")
"""Keywords of every call of an aggregate."""


class Aggregator:
    """The base of aggregates: an instance is made for each group of rows, sees its rows, and has the value of them.

    `update()` takes the arguments of one row, `value()` returns the result of the rows so far, without changing it.
    `__init__()`, if there is one, takes what is constant for a call.

    A subclass may have `merge(self, other)`: take in the rows of `other`, which follow those of `self`. It allows the
    rows of a group to be aggregated in parts, side by side.

    Where `value()` is annotated with Any, its result is of the type of the first argument, or null.
    """

    constants_by_place: ClassVar[bool] = False
    """Whether a call may give constants behind the arguments, without their names."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in one row."""
        raise NotImplementedError

    def value(self) -> Any:
        """The value of the rows so far."""
        raise NotImplementedError


class Placed(Aggregator):
    """The base of functions of a row's place in its window: `value()` is of the row at `place`, all of which were fed.

    `starts` has for each place that of the first row which is equal in `order_by`, `ranks` the number of rows before it
    that differ from one another there. Without `order_by` no two rows are equal.
    """

    place: int = 0
    starts: Sequence[int] = ()
    ranks: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class AggregateOptions:
    """What a declaration says beside the class."""

    requires_order_by: bool = False
    allows_std_agg: bool = True
    allows_window: bool = False
    parallel: Parallel | None = None


class AggregateFunction(Function):
    """A declared aggregate. Calling it builds the expression; `body` is the class, of which the engine makes instances.

    `parameters` are those of `update()`, the `arguments`, and after them those of `__init__()`, the `constants`.
    """

    def __init__(
        self,
        cls: type[Aggregator],
        options: AggregateOptions,
        substitutions: Sequence[Substitution],
        *,
        number: int = 0,
        primary: "AggregateFunction | None" = None,
    ) -> None:
        # Not by way of Function.__init__, which reads the signature of one function; a class has three.
        functools.update_wrapper(self, cls, updated=())
        self.declared = self.body = cls
        self.name = cls.__name__
        self.aggregate_options = options
        self.options = FunctionOptions(parallel=options.parallel)
        self.batch_size = None
        self.sql = self.pool_rule = self.estimate_rule = self._result_rule = None
        self.window_sql: Callable[..., Any] | None = None
        self._constants_rule: Callable[..., None] | None = None
        self._number = number
        hints = substitutions[number] if substitutions else {}
        self.arguments = _method_parameters(cls, "update", hints)
        self.constants = _constants(cls, hints, taken=self.arguments)
        self.parameters = (*self.arguments, *self.constants)
        self.yields_argument = _method_hints(cls, "value", hints).get("return") is Any
        self.returns = _result(cls, hints)
        self._primary = primary
        self._overloads = [self]
        further = range(1, len(substitutions)) if primary is None else ()
        self._overloads += [
            AggregateFunction(cls, options, substitutions, number=other, primary=self) for other in further
        ]

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The function as data. Taken at first use, as that of a udf."""
        cls: type = self.body  # type: ignore[assignment]  # a class, here
        path = class_path(cls) if self._primary is None else f"{self._primary.spec.path}#{self._number}"
        LIVE[path] = self
        return FunctionSpec(path, self.name, self.parameters, self.returns, class_hash(cls))

    def __repr__(self) -> str:
        return f"<uda {self.name}{self.signature}>"

    def __call__(
        self,
        *args: Any,
        order_by: Any = None,
        group_by: Any = None,
        asc: bool = True,
        frame: Frame = "running",
        **kwargs: Any,
    ) -> Aggregate:
        """The expression that aggregates the arguments; `order_by` and `group_by` take one expression each.

        Args:
            order_by: the order in which rows are fed, ascending unless `asc` is off. Null is last ascending, first
                descending, and rows that are equal keep the order of insertion.
            group_by: makes it a window, whose value in a row is that of rows of its group.
            frame: of a window, "running" for the rows up to its own, "all" for all of the group, or of all rows.

        Raises:
            InvalidArgument: the arguments do not fit in number or name, or the aggregate has no windows.
            TypeMismatch: an argument has the wrong type.
            InvalidExpression: an argument is itself an aggregate.
        """
        order, args = self._order(args, order_by)
        group = () if group_by is None else (as_key(group_by, role=f"{self.name}(): group_by"),)
        self._check_words(asc, frame, ordered=bool(order))
        use = self._use(windowed=bool(group) or frame == "all", ordered=order_by is not None)
        function, fitted = self._resolve(args, kwargs)
        for expr in (*order, *group, *fitted):
            for inner in aggregates_in(expr):
                raise InvalidExpression(f"{self.name}(): the argument `{inner}` is itself an aggregate")
        for expr in (*order, *group):
            if isinstance(expr.col_type, ArrayType | MediaType):
                raise TypeMismatch(f"{self.name}(): `{expr}` has type `{expr.col_type}`, which has no order")
        count = len(function.arguments)
        constants = tuple(_constant(self.name, p, e) for p, e in zip(function.constants, fitted[count:], strict=True))
        function.check_constants(fitted[:count], constants)
        result = function.result_type(fitted)
        return Aggregate(function.spec, fitted[:count], constants, order, group, use, result, asc, frame)

    def _check_words(self, asc: Any, frame: Any, *, ordered: bool) -> None:
        if not isinstance(asc, bool):
            raise InvalidArgument(f"{self.name}(): asc is True or False, got {asc!r}")
        if not asc and not ordered:
            raise InvalidArgument(f"{self.name}(): asc=False needs an order_by")
        if frame not in ("running", "all"):
            raise InvalidArgument(f"{self.name}(): frame is 'running' or 'all', got {frame!r}")
        if frame == "all" and issubclass(self.body, Placed):  # type: ignore[arg-type]  # a class, here
            raise InvalidArgument(f"{self.name}() is about the place of a row in its window, so it takes no frame")

    def check_constants(self, arguments: Sequence[Expr], constants: Sequence[Literal]) -> None:
        """Hold the constants of a call against the rule that was set for them.

        Raises:
            RequestError: the rule refuses them.
        """
        if self._constants_rule is not None:
            values = {parameter.name: found.value for parameter, found in zip(self.constants, constants, strict=True)}
            self._constants_rule(*arguments, **values)

    def result_type(self, args: Sequence[Expr]) -> ColumnType:
        """The type of a call with these arguments."""
        return args[0].col_type.with_nullable(True) if self.yields_argument else self.returns

    def _order(self, args: tuple[Any, ...], order_by: Any) -> tuple[tuple[Expr, ...], tuple[Any, ...]]:
        """The order of the rows, and the arguments without it."""
        if not self.aggregate_options.requires_order_by:
            return (() if order_by is None else (as_key(order_by, role=f"{self.name}(): order_by"),)), args
        if order_by is not None or not args:
            raise InvalidArgument(
                f"{self.name}() takes the order of its rows as its first argument",
                hint=f"{self.name}(t.pos, ...)",
            )
        return (as_expr(args[0]),), args[1:]

    def _use(self, *, windowed: bool, ordered: bool) -> Use:
        options = self.aggregate_options
        if not options.allows_window:
            if windowed:
                raise InvalidArgument(
                    f"{self.name}() has no windows, so it takes neither group_by nor a frame",
                    hint="Group the query with .group_by(...), or declare it with @pxt.uda(allows_window=True).",
                )
            return "aggregate"
        if windowed or not options.allows_std_agg:
            return "window"
        return "either" if ordered else "aggregate"

    def _resolve(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> "tuple[AggregateFunction, tuple[Expr, ...]]":
        """The first overload that takes arguments of just these types, else the first to which they can be fitted."""
        if len(self._overloads) == 1:
            return self, self.fitted(args, kwargs)
        known = [found for found in self._overloads if isinstance(found, AggregateFunction)]
        attempts: list[tuple[AggregateFunction, tuple[Expr, ...]]] = []
        errors: list[Error] = []
        for function in known:
            try:
                attempts.append((function, function.fitted(args, kwargs)))
            except Error as error:
                errors.append(error)
        exact = (attempt for attempt in attempts if _is_exact(*attempt))
        widened = (attempt for attempt in attempts if not _is_json_made(*attempt))
        found = next(exact, None) or next(widened, None)
        if found is not None:
            return found
        if isinstance(errors[0] if errors else None, InvalidArgument):
            raise errors[0]
        given = ", ".join(str(as_expr(value).col_type) for value in (*args, *kwargs.values()))
        signatures = "; ".join(function.signature for function in known)
        raise TypeMismatch(
            f"{self.name}({given}): no signature accepts these arguments", hint=f"Signatures: {signatures}"
        )

    def fitted(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Expr, ...]:
        """The arguments of a call, one expression for each parameter, if this signature accepts them."""
        given = bind(self.parameters, args, kwargs, function=self.name)
        return tuple(fit(given.get(p.name, p.default), p, function=self.name) for p in self.parameters)

    def to_sql(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set how the aggregate is written in SQL; for use as a decorator.

        The rule takes an SQL element for each argument, the values of the constants, and by the name of `row` an
        element that ascends in the order of insertion. It returns an element that leaves out nulls, or None where SQL
        means something else.
        """
        for function in self._overloads:
            function.sql = rule
        return rule

    def to_window_sql(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set how the aggregate is written in SQL as a window; for use as a decorator.

        As for `to_sql`, but in the place of `row` it gets `over`: called with an SQL aggregate it makes that a window
        over the rows which `frame` says, in their order. `over.peers` does so in the order of `order_by` alone, for the
        functions of SQL to which rows are equal.
        """
        for function in self._overloads:
            assert isinstance(function, AggregateFunction)
            function.window_sql = rule
        return rule

    def require(self, rule: Callable[..., None]) -> Callable[..., None]:
        """Set a check of what a call is given; for use as a decorator.

        The rule takes the arguments, which are expressions, and the values of the constants by name, and raises a
        RequestError.
        """
        for function in self._overloads:
            assert isinstance(function, AggregateFunction)
            function._constants_rule = rule  # noqa: SLF001  # of its own class
        return rule

    def using(self, **constants: Any) -> Never:  # noqa: ARG002  # as Function has it
        """Not supported: the constants of an aggregate are given in the call."""
        raise Unsupported(f"{self.name}.using(): an aggregate takes its constants in the call")

    def overload(self, body: Callable[..., Any]) -> Never:  # noqa: ARG002  # as Function has it
        """Not supported: `type_substitutions` gives an aggregate further signatures."""
        raise Unsupported(f"{self.name}.overload: an aggregate has one class", hint="Use type_substitutions.")


def _is_exact(function: AggregateFunction, fitted: Sequence[Expr]) -> bool:
    arguments = fitted[: len(function.arguments)]
    return all(
        parameter.type is None or type(parameter.type) is type(expr.col_type)
        for parameter, expr in zip(function.arguments, arguments, strict=True)
    )


def _is_json_made(function: AggregateFunction, fitted: Sequence[Expr]) -> bool:
    """Whether a scalar would be taken as Json: types that are listed leave out those that are not."""
    return any(
        isinstance(parameter.type, JsonType) and not isinstance(expr.col_type, JsonType)
        for parameter, expr in zip(function.arguments, fitted, strict=False)
    )


def _constant(name: str, parameter: Parameter, expr: Expr) -> Literal:
    if not isinstance(expr, Literal):
        raise InvalidArgument(f"{name}(): `{parameter.name}` is for a constant, not for the expression `{expr}`")
    return expr


@overload
def uda(cls: type[Aggregator], /) -> AggregateFunction: ...


@overload
def uda(
    *,
    requires_order_by: bool = False,
    allows_std_agg: bool = True,
    allows_window: bool = False,
    type_substitutions: Sequence[Substitution] | None = None,
    parallel: Parallel | None = None,
) -> Callable[[type[Aggregator]], AggregateFunction]: ...


def uda(
    cls: type[Aggregator] | None = None,
    /,
    *,
    requires_order_by: bool = False,
    allows_std_agg: bool = True,
    allows_window: bool = False,
    type_substitutions: Sequence[Substitution] | None = None,
    parallel: Parallel | None = None,
) -> AggregateFunction | Callable[[type[Aggregator]], AggregateFunction]:
    """Declare an aggregate: a subclass of `Aggregator` whose `update` and `value` have type hints.

    A row with a null for a parameter of `update` that accepts none is left out.

    Args:
        requires_order_by: the first argument of a call is the order in which rows are fed.
        allows_std_agg: False if it can only be a window.
        allows_window: calls may have `group_by` and `order_by`: the value in a row is then that of the rows of its
            group up to it.
        type_substitutions: for each signature what takes the place of the type variables in the hints.
        parallel: "threads" to aggregate parts of a group side by side, in threads; the class needs `merge`.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: the class cannot be declared like this.

    >>> @uda
    ... class longest(Aggregator):
    ...     def __init__(self) -> None:
    ...         self.best = ""
    ...     def update(self, text: str) -> None:
    ...         self.best = max(self.best, text, key=len)
    ...     def value(self) -> str:
    ...         return self.best
    >>> longest("a word")
    longest('a word')
    """
    options = AggregateOptions(requires_order_by, allows_std_agg, allows_window, parallel)
    substitutions = tuple(type_substitutions or ())

    def declare(cls: type[Aggregator]) -> AggregateFunction:
        _check_class(cls)
        _check_options(cls, options)
        function = AggregateFunction(cls, options, substitutions)
        forget_previous(f"{cls.__module__}.{cls.__qualname__}")
        return function

    return declare if cls is None else declare(cls)


def _check_class(cls: Any) -> None:
    if not isinstance(cls, type) or not issubclass(cls, Aggregator):
        raise InvalidArgument(
            f"@uda takes a subclass of Aggregator, got {getattr(cls, '__name__', cls)!r}",
            hint="class total(pxt.Aggregator): ...",
        )
    for name in ("update", "value"):
        if getattr(cls, name) is getattr(Aggregator, name):
            raise InvalidArgument(f"aggregate {cls.__name__!r} has no method {name}()")
    for name in ("__init__", "update", "value", "merge"):
        method = getattr(cls, name, None)
        if method is None or method is object.__init__:
            continue
        if not isinstance(method, FunctionType):
            raise InvalidArgument(f"aggregate {cls.__name__!r}: {name} is no plain method")
        if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
            raise InvalidArgument(
                f"aggregate {cls.__name__!r}: {name}() must be a plain method, not async or a generator"
            )
    takes_rows = bool(_own_parameters(cls, "update")) or issubclass(cls, Placed)
    if len(_own_parameters(cls, "value")) or not takes_rows:
        raise InvalidArgument(f"aggregate {cls.__name__!r}: update() takes the arguments of a row, value() takes none")
    if hasattr(cls, "merge") and len(_own_parameters(cls, "merge")) != 1:
        raise InvalidArgument(f"aggregate {cls.__name__!r}: merge() takes one other instance")


def _check_options(cls: type[Aggregator], options: AggregateOptions) -> None:
    subject = f"aggregate {cls.__name__!r}"
    if not options.allows_std_agg and not options.allows_window:
        raise InvalidArgument(f"{subject}: with neither allows_std_agg nor allows_window it could not be used at all")
    if options.parallel not in (None, "threads"):
        raise Unsupported(f"{subject}: parallel={options.parallel!r} is not supported yet", hint="Use 'threads'.")
    if options.parallel is not None and not hasattr(cls, "merge"):
        raise InvalidArgument(f"{subject}: parallel needs a method merge()")


def _own_parameters(cls: type[Aggregator], method: str) -> list[inspect.Parameter]:
    """The parameters after `self`."""
    return list(inspect.signature(getattr(cls, method)).parameters.values())[1:]


def _method_hints(cls: type[Aggregator], method: str, substitution: Substitution) -> dict[str, Any]:
    found = read_hints(getattr(cls, method), name=f"{cls.__name__}.{method}")
    return {name: _substituted(hint, substitution) for name, hint in found.items()}


def _substituted(hint: Any, substitution: Substitution) -> Any:
    """The hint with types in the place of its type variables."""
    if isinstance(hint, TypeVar):
        return substitution.get(hint, hint)
    variables = getattr(hint, "__parameters__", ())
    return hint[tuple(substitution.get(variable, variable) for variable in variables)] if variables else hint


def _method_parameters(cls: type[Aggregator], method: str, substitution: Substitution) -> tuple[Parameter, ...]:
    hints = _method_hints(cls, method, substitution)
    return tuple(_read(parameter, hints, f"{cls.__name__}.{method}") for parameter in _own_parameters(cls, method))


def _read(parameter: inspect.Parameter, hints: dict[str, Any], name: str) -> Parameter:
    """As for a udf; `Any` takes values of every type."""
    if parameter.name in _CALL_WORDS:
        raise InvalidArgument(
            f"function {name!r}, parameter {parameter.name!r}: this name is reserved",
            hint=f"Calls of aggregates have {', '.join(_CALL_WORDS)}; choose another name.",
        )
    if hints.get(parameter.name) is Any and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        has_default = parameter.default is not parameter.empty
        return Parameter(parameter.name, None, has_default, parameter.default if has_default else None)
    found = read_parameter(parameter, hints, name)
    if found.batched:
        raise InvalidType(f"function {name!r}, parameter {found.name!r}: an aggregate takes one row at a time")
    return found


def _constants(cls: type[Aggregator], hints: Substitution, *, taken: Sequence[Parameter]) -> tuple[Parameter, ...]:
    if cls.__init__ is object.__init__:
        return ()
    parameters = _method_parameters(cls, "__init__", hints)
    clash = {parameter.name for parameter in parameters} & {parameter.name for parameter in taken}
    if clash:
        raise InvalidArgument(
            f"aggregate {cls.__name__!r}: both __init__() and update() have a parameter {min(clash)!r}",
            hint=f"Parameters of update(): {show_parameters(taken)}",
        )
    named = not cls.constants_by_place
    return tuple(Parameter(p.name, p.type, p.has_default, p.default, keyword_only=named) for p in parameters)


def _result(cls: type[Aggregator], substitution: Substitution) -> ColumnType:
    hints = _method_hints(cls, "value", substitution)
    if hints.get("return") is Any:
        return JsonType(nullable=True)  # stands for what an argument decides
    return read_result(hints, f"{cls.__name__}.value")[0]
