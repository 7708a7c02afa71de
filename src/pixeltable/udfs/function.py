"""`Function`: a Python function that builds expressions when called, and what its declaration says about it."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidExpression, InvalidType, TypeMismatch
from pixeltable.exprs.call import Call, FunctionSpec, Parameter
from pixeltable.exprs.expr import METHODS, PROPERTIES, Expr
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.types.column_type import ColumnType
from pixeltable.types.hints import type_from_hint
from pixeltable.udfs.arguments import bind, fit, show_parameters
from pixeltable.udfs.code import code_hash, combined, file_time
from pixeltable.udfs.paths import function_path, overload_path
from pixeltable.udfs.retry import Retry, check_limits
from pixeltable.udfs.signature import Signature, Substitution, read_signature
from pixeltable.udfs.substitutes import substitute_body, substitute_code

Kind = typing.Literal["plain", "batched", "async", "async-batched"]
Parallel = typing.Literal["threads", "processes"]

LIVE: dict[str, "Function"] = {}
"""The functions of this process by path.

State outside of `session/`, because functions are declared when modules are imported, before there is any session.
"""

DECLARED: dict[str, "Function"] = {}
"""The function this process declared last under each name `module.qualname`; those that were loaded do not count."""


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What a declaration says beside the signature."""

    is_method: bool = False
    is_property: bool = False
    display_name: str | None = None
    deterministic: bool = True
    memo: bool = False
    """Whether results are remembered beyond the call: for what is slow, or costs money."""
    retry: Retry | None = None
    timeout_s: float | None = None
    parallel: Parallel | None = None
    """Where calls of a plain or batched function may run side by side: it says that its body stands that."""
    resource_pool: str | None = None
    """`request-rate:<name>` or `rate-limits:<provider>`: whose limits on calls and tokens hold."""
    keeps_zone: bool = False
    """Whether a timestamp that it returns stays in the zone it has, until it is stored; others are in the session's."""


class Function:
    """A declared function. Calling it never runs it: it builds the expression that does; `body` is what runs.

    That is what was `declared`, or what was given to run in its place.
    The hooks (`overload`, `to_sql`, `conditional_return_type`, ...) belong to its declaration; then it does not change.
    """

    def __init__(
        self,
        body: FunctionType,
        *,
        batch_size: int | None = None,
        options: FunctionOptions = FunctionOptions(),
        primary: "Function | None" = None,
        signature: Signature | None = None,
        substitute: Callable[..., Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, body)
        self.declared: Callable[..., Any] = body
        self.body: Callable[..., Any] = body
        self.options = options
        self.batch_size = batch_size
        self.name = options.display_name or body.__name__
        signature = signature or read_signature(body, name=self.name)
        self.parameters = signature.parameters
        self.returns = signature.returns
        self._substitute = substitute
        if substitute is not None:
            self.body = substitute_body(substitute, self.parameters, name=self.name)
        self.parameter_schemas: Mapping[str, Mapping[str, Any]] = {}
        self.sql: Callable[..., Any] | None = None
        self.sql_by_clock = False
        self._primary = primary
        self._file_time = file_time(body)
        self.pool_rule: Callable[..., str] | None = None
        self.estimate_rule: Callable[..., Mapping[str, int]] | None = None
        self._result_rule: Callable[..., Any] | None = None
        self._overloads: list[Function] = [self]
        _check_batch(self, returns_batch=signature.batched)
        _check_receiver(self)
        _check_options(self)

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The function as data. Taken at first use: helpers defined below the function count in its hash."""
        declared, run = self.declared, self._substitute
        assert isinstance(declared, FunctionType)
        readable = file_time(declared) == self._file_time  # else the file has what will run, not what runs
        further = "" if run is None else substitute_code(run, captured=True)
        if self._primary is None:
            path = function_path(declared, readable=readable, further=further)
        else:
            number = self._primary.overloads.index(self)
            path = overload_path(self._primary.spec.path, declared, number, readable=readable, further=further)
        code = combined(code_hash(declared, readable=readable), "" if run is None else substitute_code(run))
        spec = FunctionSpec(path, self.name, self.parameters, self.returns, code, self.options.deterministic)
        LIVE[path] = self
        return spec

    @property
    def kind(self) -> Kind:
        """How the body wants to be run."""
        if inspect.iscoroutinefunction(self.body):
            return "async" if self.batch_size is None else "async-batched"
        return "plain" if self.batch_size is None else "batched"

    @property
    def overloads(self) -> tuple["Function", ...]:
        """This function and its overloads, in the order in which they are tried."""
        return tuple(self._overloads)

    @property
    def arity(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    @property
    def signature(self) -> str:
        """Parameters and return type, for people."""
        return f"{show_parameters(self.parameters)} -> {self.returns}"

    @property
    def signatures(self) -> list[str]:
        """The signatures of all overloads."""
        return [overload.signature for overload in self._overloads]

    def help_str(self) -> str:
        """The signatures and the docstring."""
        heads = "\n".join(f"{self.name}{signature}" for signature in self.signatures)
        text = inspect.getdoc(self.declared)
        return f"{heads}\n\n{text}" if text else heads

    def __repr__(self) -> str:
        return f"<udf {self.name}{self.signature}>"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Expr:
        """The expression that calls this function on the arguments.

        Raises:
            InvalidArgument: the arguments do not fit the parameters in number or name, or fit no overload.
            TypeMismatch: an argument has the wrong type.
        """
        return build_call(self, args, kwargs)

    def node(self, args: tuple[Expr, ...]) -> Expr:
        """The expression of a call with these arguments, one for each parameter."""
        return Call(self.spec, args, self.result_type(args))

    def using(self, /, **constants: Any) -> "BoundFunction":
        """This function with some arguments fixed.

        Raises:
            InvalidArgument: it has no parameter of that name, or the value is an expression.
        """
        return BoundFunction(self, {}).using(**constants)

    def overload(self, body: Callable[..., Any]) -> "Function":
        """Add a signature, tried after those before it; for use as a decorator."""
        # An overload with Batch hints takes the batch size of the first; the others run row by row.
        return self._add(_python_function(body), read_signature(_python_function(body), name=self.name))

    def _add(
        self, body: FunctionType, signature: Signature, substitute: Callable[..., Any] | None = None
    ) -> "Function":
        size = self.batch_size if signature.batched else None
        added = Function(
            body, batch_size=size, options=self.options, primary=self, signature=signature, substitute=substitute
        )
        added.name = self.name
        self._overloads.append(added)
        expose(added, as_function=self)
        return self

    def substitute(self, substitution: Substitution) -> "Function":
        """Add the signature in which types take the place of type variables; the body is the same."""
        declared = self.declared
        assert isinstance(declared, FunctionType)
        signature = read_signature(declared, name=self.name, substitution=substitution)
        return self._add(declared, signature, self._substitute)

    def to_sql(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set how the function is written in SQL; for use as a decorator.

        The rule takes one SQL element for each parameter and returns one, or None where SQL means something else.
        """
        self.sql = rule
        return rule

    def to_sql_by_clock(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """As `to_sql`, of a rule that lets the database say what clocks of the session's zone show."""
        self.sql_by_clock = True
        return self.to_sql(rule)

    def conditional_return_type(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set how constant arguments decide the return type; for use as a decorator.

        The rule takes some of the parameters by name and returns a type. Where one of them is not a constant in a call,
        the annotated type holds.
        """
        self._check_rule(rule, "conditional_return_type")
        self._result_rule = rule
        return rule

    def resource_pool(self, rule: Callable[..., str]) -> Callable[..., str]:
        """Set how the arguments of a call decide its resource pool; for use as a decorator.

        The rule takes some of the parameters by name and returns the name of a pool.
        """
        self._check_rule(rule, "resource_pool")
        self.pool_rule = rule
        return rule

    def resource_estimator(self, rule: Callable[..., Mapping[str, int]]) -> Callable[..., Mapping[str, int]]:
        """Set how much a call is expected to take of its pool's resources; for use as a decorator.

        The rule takes some of the parameters by name and returns a number for each resource, such as `{"tokens": 120}`.
        """
        self._check_rule(rule, "resource_estimator")
        self.estimate_rule = rule
        return rule

    def _check_rule(self, rule: Callable[..., Any], hook: str) -> None:
        known = {parameter.name for parameter in self.parameters}
        unknown = sorted(set(inspect.signature(rule).parameters) - known)
        if unknown:
            raise InvalidArgument(
                f"{self.name}(): {hook} takes {', '.join(unknown)}, which the function does not",
                hint=f"Parameters: {show_parameters(self.parameters)}",
            )

    def result_type(self, args: Sequence[Expr]) -> ColumnType:
        """The type of a call with these arguments, one for each parameter."""
        if self._result_rule is None:
            return self.returns
        wanted = set(inspect.signature(self._result_rule).parameters)
        pairs = zip(self.parameters, args, strict=True)
        found = {p.name: arg.value for p, arg in pairs if p.name in wanted and isinstance(arg, Literal)}
        if found.keys() != wanted:
            return self.returns
        decided = type_from_hint(self._result_rule(**found))
        if decided is None:
            raise InvalidType(f"{self.name}(): conditional_return_type did not return a column type")
        return decided


@dataclass(frozen=True, eq=False)
class BoundFunction:
    """A function with some of its arguments fixed; called with the others, it builds a call of that function."""

    function: Function
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those still open."""
        return tuple(p for p in self.function.parameters if p.name not in self.constants)

    @property
    def arity(self) -> int:
        return len(self.parameters)

    @property
    def signature(self) -> str:
        return f"{show_parameters(self.parameters)} -> {self.function.returns}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Expr:
        return build_call(self.function, args, kwargs, constants=self.constants)

    def using(self, /, **constants: Any) -> "BoundFunction":
        """As `Function.using`, in addition to what is fixed."""
        merged = {**self.constants, **constants}
        for name, value in constants.items():
            if not isinstance(as_expr(value), Literal):
                raise InvalidArgument(f"{self.name}.using(): `{name}` must be a plain value, not an expression")
        open_to_all = (overload for overload in self.function.overloads if merged.keys() <= _names(overload))
        first = next(open_to_all, None)
        if first is None:
            unknown = ", ".join(sorted(merged.keys() - _names(self.function)))
            raise InvalidArgument(
                f"{self.name}.using(): unknown parameter {unknown}",
                hint=f"Parameters: {show_parameters(self.function.parameters)}",
            )
        if len(self.function.overloads) == 1:
            for parameter in first.parameters:
                if parameter.name in constants:
                    fit(constants[parameter.name], parameter, function=self.name)
        return BoundFunction(self.function, merged)


def build_call(
    function: Function, args: Sequence[Any], kwargs: Mapping[str, Any], *, constants: Mapping[str, Any] | None = None
) -> Expr:
    """A call of the first overload that accepts the arguments; `constants` are arguments fixed before."""
    if len(function.overloads) == 1:
        return call_overload(function, args, kwargs, constants)
    for overload in function.overloads:
        try:
            return call_overload(overload, args, kwargs, constants)
        except (InvalidArgument, InvalidExpression, InvalidType, TypeMismatch):
            continue  # the next one may accept them; other errors, as of a missing model, are not about the signature
    given = [str(as_expr(value).col_type) for value in args]
    given += [f"{name}: {as_expr(value).col_type}" for name, value in {**(constants or {}), **kwargs}.items()]
    raise InvalidArgument(
        f"{function.name}({', '.join(given)}): no signature accepts these arguments",
        hint=f"Signatures: {'; '.join(function.signatures)}",
    )


def call_overload(
    function: Function, args: Sequence[Any], kwargs: Mapping[str, Any], constants: Mapping[str, Any] | None = None
) -> Expr:
    """A call of one signature.

    Raises:
        InvalidArgument, TypeMismatch: it does not accept the arguments.
    """
    constants = constants or {}
    given = bind([p for p in function.parameters if p.name not in constants], args, kwargs, function=function.name)
    values = {**constants, **given}
    if not values.keys() <= _names(function):
        raise InvalidArgument(f"{function.name}(): unknown parameter among {', '.join(constants)}")
    fitted = tuple(
        fit(values.get(parameter.name, parameter.default), parameter, function=function.name)
        for parameter in function.parameters
    )
    return function.node(fitted)


def _names(function: Function) -> set[str]:
    return {parameter.name for parameter in function.parameters}


def declare(
    fn: Any,
    *,
    batch_size: int | None,
    options: FunctionOptions,
    substitutions: Sequence[Substitution] = (),
    substitute: Callable[..., Any] | None = None,
) -> Function:
    """A Function for a Python function, reachable as a method or property where the options say so.

    `substitutions` give it a signature each, by the types that take the place of type variables. `substitute` runs in
    its place.
    """
    body = _python_function(fn)
    name = options.display_name or body.__name__
    if isinstance(substitute, Function):
        substitute = substitute.body
    first = read_signature(body, name=name, substitution=substitutions[0]) if substitutions else None
    function = Function(body, batch_size=batch_size, options=options, signature=first, substitute=substitute)
    forget_previous(f"{fn.__module__}.{fn.__qualname__}")
    DECLARED[f"{body.__module__}.{body.__qualname__}"] = function
    expose(function, as_function=function)
    for substitution in substitutions[1:]:
        function.substitute(substitution)
    return function


def forget_previous(path: str) -> None:
    """Drop what was declared under a path before (its module was reloaded): it is out of date."""
    previous = LIVE.pop(path, None)
    for overload in previous.overloads if previous else ():
        LIVE.pop(overload.spec.path, None)


def expose(function: Function, *, as_function: Function) -> None:
    """Make `as_function` a method or property of expressions of the type of `function`'s first parameter."""
    if not (function.options.is_method or function.options.is_property):
        return
    receiver, name = function.parameters[0].type, as_function.declared.__name__
    assert receiver is not None
    if function.options.is_method:
        METHODS[receiver.name, name] = as_function
    else:
        PROPERTIES[receiver.name, name] = as_function


def _check_options(function: Function) -> None:
    options = function.options
    subject = f"function {function.name!r}"
    if options.parallel not in (None, "threads", "processes"):
        raise InvalidArgument(f"{subject}: parallel must be 'threads' or 'processes', got {options.parallel!r}")
    is_async = function.kind.startswith("async")
    if options.parallel is not None and is_async:
        raise InvalidArgument(f"{subject} is async: its calls run side by side as it is", hint="Leave out parallel.")
    if options.resource_pool is not None and not is_async:
        raise InvalidArgument(f"{subject}: a resource_pool needs an async function", hint="Use async def.")
    try:
        check_limits(options.retry, options.timeout_s)
    except InvalidArgument as error:
        raise InvalidArgument(f"{subject}: {error.message}") from None


def _python_function(fn: Any) -> FunctionType:
    if not isinstance(fn, FunctionType):
        raise InvalidArgument(f"@udf takes a Python function, got {type(fn).__name__} {fn!r}")
    if fn.__name__ == "<lambda>":
        raise InvalidArgument("@udf cannot take a lambda: it has no name and no type hints", hint="Use def.")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidArgument(f"function {fn.__name__!r} yields values, but a udf returns one value for a row")
    return fn


def _check_batch(function: Function, *, returns_batch: bool) -> None:
    batched = [parameter.name for parameter in function.parameters if parameter.batched]
    if function.batch_size is None and (batched or returns_batch):
        hint = "Declare it with @udf(batch_size=...)."
        raise InvalidArgument(f"function {function.name!r} has Batch hints, but no batch_size", hint=hint)
    if function.batch_size is None:
        return
    if type(function.batch_size) is not int or function.batch_size < 1:
        raise InvalidArgument(f"function {function.name!r}: batch_size must be an int of at least 1")
    if not (batched and returns_batch):
        missing = "its return value" if batched else "at least one parameter"
        raise InvalidArgument(
            f"function {function.name!r} has a batch_size, but not Batch[...] as the hint of {missing}",
            hint="from pixeltable.func import Batch",
        )


def _check_receiver(function: Function) -> None:
    options = function.options
    if options.is_method and options.is_property:
        raise InvalidArgument(f"function {function.name!r} cannot be both a method and a property")
    if (options.is_method or options.is_property) and not function.parameters:
        raise InvalidArgument(f"function {function.name!r} needs a parameter for what it is called on or read from")
    if options.is_property and not all(parameter.has_default for parameter in function.parameters[1:]):
        raise InvalidArgument(f"function {function.name!r}: a property takes nothing but what it is read from")
