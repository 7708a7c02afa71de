"""Making the calls that a language model asked for: all those of one tool together, whichever rows they are from."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exec.batch import Batch, Column, Failure, failure_of
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.tool_calls import ToolBody, ToolCalls
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import ColumnType, IntType
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.json_form import json_form

Arguments = tuple[Any, ...]
Run = Callable[[Expr, Batch], Column]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call: the row it is from, and its arguments, one for each parameter."""

    row: int
    arguments: Arguments


class _Refused(ValueError):
    """What a model asked for cannot be done."""


def call_tools(node: ToolCalls, cells: Sequence[Any], *, zone: datetime.tzinfo, run: Run) -> list[Any]:
    """For every cell of calls the results, by tool; a Failure where one of its calls cannot be made or fails."""
    failed: dict[int, Failure] = {}
    asked: dict[str, list[_Asked]] = {tool.name: [] for tool in node.call_tools}
    for row, cell in enumerate(cells):
        try:
            wanted = _read(node, cell, zone)
        except _Refused as error:
            failed[row] = failure_of(error, inputs=repr(cell))
            continue
        for name, calls in wanted.items():
            asked[name] += [_Asked(row, arguments) for arguments in calls]
    values: list[Any] = [None if cell is None else _unanswered(node, cell) for cell in cells]
    for tool in node.call_tools:
        for call, result in zip(asked[tool.name], _results(tool, asked[tool.name], run), strict=True):
            if isinstance(result, Failure):
                failed.setdefault(call.row, _of_tool(tool, result))
            else:
                values[call.row][tool.name].append(json_form(result))
    return [failed.get(row, value) for row, value in enumerate(values)]


def _unanswered(node: ToolCalls, cell: Any) -> dict[str, list[Any] | None]:
    calls = cell if isinstance(cell, dict) else {}
    return {tool.name: None if calls.get(tool.name) is None else [] for tool in node.call_tools}


def _read(node: ToolCalls, cell: Any, zone: datetime.tzinfo) -> dict[str, list[Arguments]]:
    """The calls in a cell.

    Raises:
        _Refused: it is not of the form that `ToolCalls` says, names no tool, or does not fit the parameters of one.
    """
    if cell is None:
        return {}
    if not isinstance(cell, dict) or not all(isinstance(calls, list | None) for calls in cell.values()):
        raise _Refused("the calls of tools are not of the form {tool: [{parameter: value}, ...]}")
    tools = {tool.name: tool for tool in node.call_tools}
    for name in cell:
        if name not in tools:
            raise _Refused(f"the model called {name!r}, which is none of the tools {', '.join(tools)}")
    return {name: [_arguments(tools[name], call, zone) for call in calls or ()] for name, calls in cell.items()}


def _arguments(tool: ToolBody, given: Any, zone: datetime.tzinfo) -> Arguments:
    if not isinstance(given, dict):
        raise _Refused(f"tool {tool.name!r}: the arguments of a call are no object: {given!r}")
    unknown = sorted(given.keys() - {parameter.name for parameter in tool.parameters})
    if unknown:
        raise _Refused(f"tool {tool.name!r} has no parameter {', '.join(map(repr, unknown))}")
    return tuple(_argument(tool, parameter, given, zone) for parameter in tool.parameters)


def _argument(tool: ToolBody, parameter: Parameter, given: dict[str, Any], zone: datetime.tzinfo) -> Any:
    value = given.get(parameter.name)
    wanted = parameter.type
    assert wanted is not None
    if value is None and (parameter.name not in given or not wanted.nullable):  # some models write null for "left out"
        if not parameter.has_default:
            raise _Refused(f"tool {tool.name!r}: the argument {parameter.name!r} is missing")
        return parameter.default
    try:
        return conform(wanted, [_integral(value, wanted)], zone=zone)[0]
    except CellRejected as error:
        raise _Refused(f"tool {tool.name!r}, argument {parameter.name!r}: {error.reason}") from None


def _integral(value: Any, wanted: ColumnType) -> Any:
    """JSON has one kind of number: 3.0 is an integer in it."""
    return int(value) if isinstance(wanted, IntType) and isinstance(value, float) and value.is_integer() else value


def _results(tool: ToolBody, asked: Sequence[_Asked], run: Run) -> list[Any]:
    if not asked:
        return []
    rows = Batch(len(asked))
    for place, parameter in enumerate(tool.parameters):
        assert parameter.type is not None
        rows.put(Variable(parameter.name, parameter.type), Column([call.arguments[place] for call in asked]))
    column = run(tool.body, rows)
    return [column.failures.get(row, value) for row, value in enumerate(column.values)]


def _of_tool(tool: ToolBody, failure: Failure) -> Failure:
    error = RuntimeError(f"tool {tool.name!r}: {failure.error.type}: {failure.error.message}")
    error.__cause__ = failure.exception
    return failure_of(error, inputs=failure.inputs)
