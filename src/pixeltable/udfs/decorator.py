"""`@udf`, which turns a Python function into a `Function`."""

from collections.abc import Callable
from typing import Any, overload

from pixeltable.exceptions import Unsupported
from pixeltable.udfs.function import Function, FunctionOptions, declare


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
    memo: bool | None = None,
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
    memo: bool | None = None,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Declare a function for use in expressions. All parameters and the return value need type hints.

    Args:
        batch_size: the function takes and returns `Batch[T]`, lists of up to this many rows; parameters that are no
            Batch hold for the whole call.
        is_method: make it a method of expressions of its first parameter's type.
        is_property: the same, read without a call.
        is_deterministic: False if equal arguments may give different results.
        display_name: the name that expressions and messages show.

    Raises:
        InvalidType: a hint is missing or names no column type.
        InvalidArgument: the function cannot be declared like this.
        Unsupported: `substitute_fn`, `resource_pool`, `type_substitutions` or `memo` is given.

    >>> @udf
    ... def repeat(text: str, times: int = 2) -> str:
    ...     return text * times
    >>> repeat("ab", 3)
    repeat('ab', 3)
    >>> repeat.body("ab")
    'abab'
    """
    reject_unsupported(
        substitute_fn=substitute_fn, resource_pool=resource_pool, type_substitutions=type_substitutions, memo=memo
    )
    options = FunctionOptions(
        is_method=is_method, is_property=is_property, display_name=display_name, deterministic=is_deterministic
    )
    if fn is not None:
        return declare(fn, batch_size=batch_size, options=options)
    return lambda fn: declare(fn, batch_size=batch_size, options=options)


def reject_unsupported(**keywords: Any) -> None:
    """Refuse what would otherwise be ignored."""
    for name, value in keywords.items():
        if value is not None:
            raise Unsupported(f"@udf({name}=...) is not supported yet")
