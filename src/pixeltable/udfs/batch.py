"""`Batch[T]`, the hint by which a batched function says that it takes or returns a list of values."""

from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

T = TypeVar("T")

_MARK: Final = "pixeltable.Batch"

Batch = Annotated[list[T], _MARK]
"""One `T` for each row of a batch. A type checker sees `list[T]`."""


def batch_item(hint: Any) -> Any | None:
    """The `T` of a `Batch[T]`, or None for any other hint.

    >>> batch_item(Batch[int]), batch_item(list[int])
    (<class 'int'>, None)
    """
    if get_origin(hint) is Annotated and _MARK in hint.__metadata__:
        return get_args(get_args(hint)[0])[0]
    return None
