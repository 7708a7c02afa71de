"""`@udf`, which turns a Python function into a `Function`."""

from collections.abc import Callable, Sequence
from typing import Any, overload

from pixeltable.exceptions import InvalidArgument
from pixeltable.udfs.function import Function, FunctionOptions, Parallel, declare
from pixeltable.udfs.retry import Retry
from pixeltable.udfs.signature import Substitution

CONVERTERS: dict[type, Callable[[Any, Any, str | None], Function]] = {}
"""From a class to what makes a function of an object of it, a result and a description; filled by who defines it."""


@overload
def udf(fn: Callable[..., Any], /) -> Function: ...


@overload
def udf(table: Any, /, *, return_value: Any = None, description: str | None = None) -> Function: ...


@overload
def udf(
    *,
    batch_size: int | None = None,
    substitute_fn: Callable[..., Any] | None = None,
    is_method: bool = False,
    is_property: bool = False,
    is_deterministic: bool = True,
    resource_pool: str | None = None,
    type_substitutions: Sequence[Substitution] | None = None,
    display_name: str | None = None,
    memo: bool = False,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    parallel: Parallel | None = None,
) -> Callable[[Callable[..., Any]], Function]: ...


def udf(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    batch_size: int | None = None,
    substitute_fn: Callable[..., Any] | None = None,
    is_method: bool = False,
    is_property: bool = False,
    is_deterministic: bool = True,
    resource_pool: str | None = None,
    type_substitutions: Sequence[Substitution] | None = None,
    display_name: str | None = None,
    memo: bool = False,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    parallel: Parallel | None = None,
    return_value: Any = None,
    description: str | None = None,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Declare a function for use in expressions. All parameters and the return value need type hints.

    Of a table, `udf(table)` makes the function that computes its columns: its parameters are the columns that are not
    computed, first those that accept no null, the others None by default. Its result is a Json object of all columns.
    Nothing is inserted.

    Args:
        substitute_fn: what runs in place of the function, which then only says what it is called, takes and returns:
            for callables of libraries, without hints or a signature. It is given the arguments by place, those of
            keyword-only parameters by name.
        batch_size: the function takes and returns `Batch[T]`, lists of up to this many rows; parameters that are no
            Batch hold for the whole call.
        is_method: make it a method of expressions of its first parameter's type.
        is_property: the same, read without a call.
        is_deterministic: False if equal arguments may give different results.
        resource_pool: `request-rate:<name>`, for an async function whose calls are limited: the number a minute is set
            as `rate_limit` in the section `[<name>]` of the configuration file, and is 600 without that.
        type_substitutions: for each signature what takes the place of the type variables in the hints, such as
            `({T: str}, {T: int})`; the first that accepts the arguments of a call holds.
        display_name: the name that expressions and messages show.
        memo: remember results, so that equal arguments are computed once: in a batch, in other rows, columns and
            sessions. For what is slow or costs money. A function that is not deterministic is remembered only for the
            operation it is called in.
        retry: which exceptions are worth another try, and how many; without it an exception fails its cell at once.
        timeout_s: seconds after which a call counts as failed with a TimeoutError.
        parallel: "threads" if calls may run side by side in threads, "processes" to run them in processes of their own;
            without it calls of a plain function follow one another.
        return_value: of a table: what the function yields instead, an expression over the table or a dict of such.
        description: of a table: what a model is told about the function.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: the function cannot be declared like this.

    >>> @udf
    ... def repeat(text: str, times: int = 2) -> str:
    ...     return text * times
    >>> repeat("ab", 3)
    repeat('ab', 3)
    >>> repeat.body("ab")
    'abab'
    """
    options = FunctionOptions(
        is_method=is_method, is_property=is_property, display_name=display_name, deterministic=is_deterministic,
        memo=memo, retry=retry, timeout_s=timeout_s, parallel=parallel, resource_pool=resource_pool,
    )  # fmt: skip
    convert = next((convert for kind, convert in CONVERTERS.items() if isinstance(fn, kind)), None)
    if convert is not None:
        return convert(fn, return_value, description)
    if return_value is not None or description is not None:
        raise InvalidArgument("@udf(return_value=..., description=...) is for tables: pxt.udf(table, ...)")
    if fn is not None:
        return declare(fn, batch_size=batch_size, options=options, substitute=substitute_fn)
    given = tuple(type_substitutions or ())
    return lambda fn: declare(fn, batch_size=batch_size, options=options, substitutions=given, substitute=substitute_fn)
