"""`@udf`, which turns a Python function into a `Function`."""

from collections.abc import Callable
from typing import Any, overload

from pixeltable.exceptions import Unsupported
from pixeltable.udfs.function import Function, FunctionOptions, Parallel, declare
from pixeltable.udfs.retry import Retry


@overload
def udf(fn: Callable[..., Any], /) -> Function: ...


@overload
def udf(
    *,
    batch_size: int | None = None,
    substitute_fn: Callable[..., Any] | None = None,
    is_method: bool = False,
    is_property: bool = False,
    is_deterministic: bool = True,
    resource_pool: str | None = None,
    type_substitutions: Any = None,
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
    type_substitutions: Any = None,
    display_name: str | None = None,
    memo: bool = False,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    parallel: Parallel | None = None,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Declare a function for use in expressions. All parameters and the return value need type hints.

    Args:
        batch_size: the function takes and returns `Batch[T]`, lists of up to this many rows; parameters that are no
            Batch hold for the whole call.
        is_method: make it a method of expressions of its first parameter's type.
        is_property: the same, read without a call.
        is_deterministic: False if equal arguments may give different results.
        resource_pool: `request-rate:<name>`, for an async function whose calls are limited: the number a minute is set
            as `rate_limit` in the section `[<name>]` of the configuration file, and is 600 without that.
        display_name: the name that expressions and messages show.
        memo: remember results, so that equal arguments are computed once: in a batch, in other rows, columns and
            sessions. For what is slow or costs money. A function that is not deterministic is remembered only for the
            operation it is called in.
        retry: which exceptions are worth another try, and how many; without it an exception fails its cell at once.
        timeout_s: seconds after which a call counts as failed with a TimeoutError.
        parallel: "threads" if calls may run side by side in threads, "processes" to run them in processes of their own;
            without it calls of a plain function follow one another.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: the function cannot be declared like this.
        Unsupported: `substitute_fn` or `type_substitutions` is given.

    >>> @udf
    ... def repeat(text: str, times: int = 2) -> str:
    ...     return text * times
    >>> repeat("ab", 3)
    repeat('ab', 3)
    >>> repeat.body("ab")
    'abab'
    """
    reject_unsupported(substitute_fn=substitute_fn, type_substitutions=type_substitutions)
    options = FunctionOptions(
        is_method=is_method, is_property=is_property, display_name=display_name, deterministic=is_deterministic,
        memo=memo, retry=retry, timeout_s=timeout_s, parallel=parallel, resource_pool=resource_pool,
    )  # fmt: skip
    if fn is not None:
        return declare(fn, batch_size=batch_size, options=options)
    return lambda fn: declare(fn, batch_size=batch_size, options=options)


def reject_unsupported(**keywords: Any) -> None:
    """Refuse what would otherwise be ignored."""
    for name, value in keywords.items():
        if value is not None:
            raise Unsupported(f"@udf({name}=...) is not supported yet")
