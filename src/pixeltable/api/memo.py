"""The functions of the package that work on the result memo."""

from typing import Any

from pixeltable.exceptions import InvalidArgument
from pixeltable.exec.memo import memo_name
from pixeltable.session.current import current_session
from pixeltable.storage.memo import MemoStats
from pixeltable.udfs.function import BoundFunction, Function


def memo_stats() -> MemoStats:
    """What is remembered of functions declared with `memo=True`, in all and for each of them.

    `hits` and `misses` count the look-ups of this process.
    """
    return current_session().memo.stats()


def clear_memo(function: Function | BoundFunction | str | None = None) -> int:
    """Forget the results of all functions, or of one, given as itself or by its path as in `memo_stats()`.

    Cells that were computed from them stay. Returns the number of results.

    Raises:
        InvalidArgument: `function` is neither a function nor a path.
    """
    memo = current_session().memo
    if function is None:
        return memo.clear()
    return sum(memo.clear(path) for path in _paths(function))


def _paths(function: Any) -> set[str]:
    if isinstance(function, BoundFunction):
        function = function.function
    if isinstance(function, Function):
        return {memo_name(overload.spec.path) for overload in function.overloads}
    if not isinstance(function, str):
        raise InvalidArgument(
            f"clear_memo() takes a function or its path, got {type(function).__name__}",
            hint="pxt.memo_stats().functions has the paths.",
        )
    return {memo_name(function)}
