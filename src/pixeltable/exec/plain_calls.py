"""Making the calls of functions that are not async, in the thread that asks for it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pixeltable.exec.batch import failure_of
from pixeltable.exec.calls import NOT_AWAITED, Invocation, Values, close_coroutine
from pixeltable.exec.engine import Engine
from pixeltable.exprs.expr import structure


def run_rows(body: Callable[..., Any], invocation: Invocation) -> Values:
    """The results of one call for each row."""
    values: Values = []
    append = values.append
    rows = invocation.rows()
    while len(values) < invocation.count:
        # The loop is inside the try, and goes on with the next row after a failure: a try a row would cost more.
        try:
            for row in rows:
                append(body(*row))
        except Exception as error:  # noqa: BLE001  # becomes the cell's error
            append(failure_of(error, inputs=invocation.show(len(values))))
    return values


def run_batches(invocation: Invocation, engine: Engine, *, largest: int) -> Values:
    """The results of calls that take up to `largest` rows at once."""
    values: Values = []
    for part in parts(invocation, lambda: engine.batch_limit(invocation.function.spec.path, largest)):
        values += _run_batch(arguments(invocation, part), invocation, part, engine)
    return values


def parts(invocation: Invocation, size: Callable[[], int]) -> Iterator[range]:
    """Rows that can go into one call: at most `size()`, with the same values for the parameters that are not batched.

    The size is asked for with each part, since it shrinks where memory does not suffice.
    """
    columns = zip(invocation.columns, invocation.calling.parameters, strict=True)
    constant = [column for column, parameter in columns if not parameter.batched]
    varying = [column for column in constant if any(value is not column[0] for value in column)]
    start, most = 0, size()
    for row in range(1, invocation.count + 1):
        is_end = row == invocation.count or row - start >= most
        if is_end or any(structure(column[row]) != structure(column[start]) for column in varying):
            yield range(start, row)
            start, most = row, size()


def arguments(invocation: Invocation, part: range) -> list[Any]:
    """The arguments of a batched call for some rows: lists, and for parameters that are not batched one value."""
    return [
        column[part.start : part.stop] if parameter.batched else column[part.start]
        for column, parameter in zip(invocation.columns, invocation.calling.parameters, strict=True)
    ]


def _run_batch(given: Sequence[Any], invocation: Invocation, part: range, engine: Engine) -> Values:
    """One call for some rows. If it raises, each half is tried, so that in the end only the rows at fault fail."""
    try:
        return checked_batch(invocation.calling.body(*given), invocation, part)
    except Exception as error:  # noqa: BLE001  # becomes the cell's error
        if len(part) == 1:
            return [failure_of(error, inputs=invocation.show(part.start))]
        if is_out_of_memory(error):
            engine.lower_batch_limit(invocation.function.spec.path, len(part))
    return [
        value for half in halves(part) for value in _run_batch(arguments(invocation, half), invocation, half, engine)
    ]


def halves(part: range) -> tuple[range, range]:
    """The first and the second half of some rows."""
    middle = part.start + len(part) // 2
    return range(part.start, middle), range(middle, part.stop)


def checked_batch(found: Any, invocation: Invocation, part: range) -> Values:
    """The results of a batched call as a list, if there are as many as rows; else a failure for each."""
    if close_coroutine(found):
        raise TypeError(NOT_AWAITED)
    values = list(found)
    if len(values) == len(part):
        return values
    message = f"{invocation.function.name}() returned {len(values)} values for a batch of {len(part)}"
    return [failure_of(ValueError(message))] * len(part)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a call failed for want of memory, of the machine's or of a GPU's."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
