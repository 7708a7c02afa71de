"""Running the body of a plain or batched function on rows; where, in which thread or process, others decide."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exec.batch import Failure, failure_of
from pixeltable.types.cell_error import CellError
from pixeltable.udfs.function import Function

Row = tuple[Any, ...]
Values = list[Any]


@dataclass(frozen=True, slots=True)
class Body:
    """What running a function takes: the Python function, and which of its parameters take the values of many rows."""

    run: Callable[..., Any]
    name: str
    batched: bool
    parameters: tuple[tuple[str, bool], ...]
    """Name, and whether it is batched."""

    def by_place(self, names: Sequence[str]) -> Callable[..., Any]:
        """The function, taking all arguments by place, the last ones for the parameters `names`."""
        if not names:
            return self.run
        run, named = self.run, len(names)
        return lambda *row: run(*row[:-named], **dict(zip(names, row[-named:], strict=True)))

    def batched_places(self, names: Sequence[str], width: int) -> list[bool]:
        """For each of the `width` values of a row, whether its parameter is batched."""
        by_place = [batched for _, batched in self.parameters[: width - len(names)]]
        by_name = dict(self.parameters)
        return by_place + [by_name[name] for name in names]


def body_of(function: Function) -> Body:
    """The body of a function that is not async."""
    parameters = tuple((parameter.name, parameter.batched) for parameter in function.parameters)
    return Body(function.body, function.name, function.kind == "batched", parameters)


def failed_row(error: BaseException, row: Iterable[Any]) -> Failure:
    """The failure of a row; also where the exception or an argument cannot be shown."""
    try:
        return failure_of(error, inputs=", ".join(map(repr, row)))
    except Exception:  # noqa: BLE001  # __repr__ and __str__ of the user's classes are run here
        return Failure(CellError(type(error).__name__, "(neither the exception nor its arguments can be shown)"), error)


def call_row(run: Callable[..., Any], row: Row) -> Any:
    """The result for one row, or its failure. `sys.exit()` ends nothing but the row."""
    try:
        return run(*row)
    except Exception as error:  # noqa: BLE001  # becomes the cell's error
        return failed_row(error, row)
    except SystemExit as error:
        return failed_row(ChildProcessError(f"the function called sys.exit({error.code!r})"), row)


def call_together(body: Body, names: Sequence[str], rows: Sequence[Row]) -> Values | BaseException:
    """The results of one call of a batched function for all rows, or why there are none.

    A parameter that is not batched gets the value of the first row.
    """
    places = body.batched_places(names, len(rows[0]))
    columns = zip(places, zip(*rows, strict=True), strict=True)
    try:
        given = [list(column) if batched else column[0] for batched, column in columns]
        values = list(body.by_place(names)(*given))
    except Exception as error:  # noqa: BLE001  # becomes the error of the cells
        return error
    except SystemExit as error:
        return ChildProcessError(f"the function called sys.exit({error.code!r})")
    if len(values) == len(rows):
        return values
    problem = ValueError(f"{body.name}() returned {len(values)} values for a batch of {len(rows)}")
    return [failure_of(problem)] * len(rows)
