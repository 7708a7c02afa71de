"""A call over columns: which rows need it, with which arguments, and how results get back into their rows.

Rows with a null for a parameter that accepts none yield null without a call. A cell fails alone. Where and how bodies
run is in `lanes` and its neighbours.
"""

import datetime
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from types import CoroutineType
from typing import Any

from pixeltable.exec.batch import Failure, any_null, failure_of
from pixeltable.exprs.call import Call, FunctionSpec, Parameter
from pixeltable.types.column_type import ColumnType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.udfs.function import Function

Values = list[Any]

Ended = Callable[[int, Any], None]
"""Called with the number of a row and its result, in any thread, when its call has ended."""


def unheard(row: int, value: object) -> None:
    """An `Ended` where nobody wants to be told."""


@dataclass(frozen=True, slots=True)
class Calling:
    """How a function is called: the first `positional` arguments by place, the others by `names`.

    Arguments are those of the call as it was recorded; since then the function may have got more parameters, or others
    first.
    """

    function: Function
    parameters: tuple[Parameter, ...]
    positional: int

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters[self.positional :]]

    @property
    def body(self) -> Callable[..., Any]:
        """The function's body, taking all arguments by place."""
        body, positional, names = self.function.body, self.positional, self.names
        if not names:
            return body
        return lambda *row: body(*row[:positional], **dict(zip(names, row[positional:], strict=True)))


def calling(function: Function, recorded: FunctionSpec) -> Calling:
    """How to call a function as it is now with the arguments of a call as it was recorded."""
    live = function.parameters
    positional = 0
    for mine, theirs in zip(recorded.parameters, live, strict=False):
        if mine.name != theirs.name or theirs.keyword_only:
            break
        positional += 1
    batched = {parameter.name: parameter.batched for parameter in live}
    parameters = tuple(replace(p, batched=batched.get(p.name, p.batched)) for p in recorded.parameters)
    return Calling(function, parameters, positional)


@dataclass(frozen=True, slots=True)
class Line:
    """A place in a line of calls that threads begin: each waits until those before it have begun.

    Else batches would overtake one another, and what is done could not be written, since those before it are not.
    """

    before: threading.Event | None
    begun: threading.Event

    def wait(self) -> None:
        """Wait until those before have begun."""
        if self.before is not None:
            self.before.wait()


@dataclass(frozen=True, slots=True)
class Invocation:
    """Calls to be made: one for each of `count` rows of `columns`.

    `places` are the numbers of these rows among the `total` of the batch, None if they are all. Of the calls of an
    operation that wait for the same threads, those of the lowest `turn` come first.
    """

    calling: Calling
    result: ColumnType
    columns: Sequence[Values]
    count: int
    places: Sequence[int] | None
    total: int
    turn: int = 0
    line: Line | None = None

    @property
    def function(self) -> Function:
        return self.calling.function

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The arguments, row by row."""
        return zip(*self.columns, strict=True) if self.columns else repeat((), self.count)

    def only(self, rows: Sequence[int]) -> "Invocation":
        """The calls for some of the rows, taken for themselves."""
        columns = [[column[row] for row in rows] for column in self.columns]
        return replace(self, columns=columns, count=len(rows), places=None, total=len(rows))

    def show(self, row: int) -> str:
        """The arguments of a row, for an error message."""
        return ", ".join(repr(column[row]) for column in self.columns)


def prepare(function: Function, node: Call, columns: Sequence[Values], count: int) -> Invocation:
    """The calls that a node asks for over its argument columns."""
    how = calling(function, node.call_function)
    strict = [
        column
        for column, parameter in zip(columns, how.parameters, strict=True)
        if parameter.type is not None and not parameter.type.nullable and any_null(column)
    ]
    if not strict:
        return Invocation(how, node.call_result, columns, count, None, count)
    skipped = {row for column in strict for row, value in enumerate(column) if value is None}
    kept = [row for row in range(count) if row not in skipped]
    return Invocation(
        how, node.call_result, [[column[row] for row in kept] for column in columns], len(kept), kept, count
    )


def place(invocation: Invocation, results: Values, *, zone: datetime.tzinfo) -> Values:
    """The results in their rows of the batch, a `Failure` where the call failed or its result is not of its type."""
    kept = invocation.function.options.keeps_zone
    checked = results if kept else _checked(results, invocation.result, zone)
    if invocation.places is None:
        return checked
    values: Values = [None] * invocation.total
    for row, value in zip(invocation.places, checked, strict=True):
        values[row] = value
    return values


def _checked(values: Values, result: ColumnType, zone: datetime.tzinfo) -> Values:
    """Results in the form of their type; one that is of another type is a failure of its cell."""
    failed = {row for row, value in enumerate(values) if type(value) is Failure} if has_failures(values) else set()
    if not failed:
        try:
            return conform(result, values, zone=zone)
        except CellRejected:
            pass  # which cells are at fault is found below
    checked: Values = []
    for row, value in enumerate(values):
        try:
            checked.append(value if row in failed else conform(result, [value], zone=zone)[0])
        except CellRejected as error:
            checked.append(_misfit(value, result, error.reason))
    return checked


def _misfit(value: Any, result: ColumnType, reason: str) -> Failure:
    if close_coroutine(value):
        return failure_of(TypeError(NOT_AWAITED))
    return failure_of(TypeError(f"the function's result does not fit its type {result}: {reason}"))


NOT_AWAITED = "the function returned a coroutine that nobody awaits; declare it with `async def` and await it there"


def close_coroutine(value: Any) -> bool:
    """Whether a value is a coroutine, as returned where an `await` was forgotten; it is closed then."""
    if not isinstance(value, CoroutineType):
        return False
    value.close()
    return True


def has_failures(values: Values) -> bool:
    """Whether a `Failure` is among the results."""
    return Failure in set(map(type, values))
