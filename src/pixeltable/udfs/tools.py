"""Functions as tools of a language model: how they are described to it, and how the calls it asks for are made."""

import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidArgument, Unsupported
from pixeltable.exprs.call import Parameter
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import as_expr
from pixeltable.exprs.tool_calls import ToolBody, ToolCalls
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import BoolType, FloatType, IntType, JsonType, StringType, UUIDType
from pixeltable.types.json_schema import hint_schema, type_schema
from pixeltable.types.literals import StandIn
from pixeltable.udfs.function import BoundFunction, Function

_PASSED = (StringType, IntType, FloatType, BoolType, JsonType, UUIDType)
_NAME = "letters, digits, _ and -, at most 64"


@dataclass(frozen=True, slots=True)
class Tool(StandIn):
    """A function under the name and with the description that a model sees. In an expression: its `schema`."""

    function: Function | BoundFunction
    name: str
    description: str | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the model has to give."""
        return self.function.parameters

    @property
    def schema(self) -> dict[str, Any]:
        """Name, description and, as JSON Schema, the parameters: an object that allows no other properties."""
        described = _described(self.function)
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {parameter.name: described[parameter.name] for parameter in self.parameters},
                "required": [parameter.name for parameter in self.parameters if not parameter.has_default],
                "additionalProperties": False,
            },
        }

    def stands_for(self) -> Any:
        """The schema."""
        return self.schema

    @property
    def body(self) -> ToolBody:
        """The tool as a node holds it."""
        given = {p.name: Variable(p.name, p.type) for p in self.parameters if p.type is not None}
        return ToolBody(self.name, self.parameters, self.function(**given))


def _described(function: Function | BoundFunction) -> dict[str, dict[str, Any]]:
    """A JSON Schema for each parameter: its own or that of its annotation, which know more than the type."""
    try:
        hints = typing.get_type_hints(_base(function).declared, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError):
        hints = {}  # made by hand, or with `param_types`
    schemas = {}
    for parameter in function.parameters:
        assert parameter.type is not None
        found: Mapping[str, Any] | None = _base(function).parameter_schemas.get(parameter.name)
        if found is None and parameter.name in hints:
            found = hint_schema(hints[parameter.name])
        schemas[parameter.name] = type_schema(parameter.type) if found is None else dict(found)
        if parameter.has_default and parameter.default is not None:
            schemas[parameter.name] = {**schemas[parameter.name], "default": as_expr(parameter.default).value}
    return schemas


@dataclass(frozen=True, slots=True)
class ToolChoice(StandIn):
    """Which tools a model may or must use: exactly one of `auto`, `required` and `tool`, a name, is set."""

    auto: bool
    required: bool
    tool: str | None
    parallel_tool_calls: bool

    def stands_for(self) -> Any:
        """The fields as a dict."""
        return {
            "auto": self.auto, "required": self.required, "tool": self.tool,
            "parallel_tool_calls": self.parallel_tool_calls,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tools(StandIn):
    """Some tools, for a model to choose from. In an expression: the list of their schemas."""

    tools: tuple[Tool, ...]

    def stands_for(self) -> Any:
        """The schemas."""
        return [tool.schema for tool in self.tools]

    def choice(
        self,
        auto: bool = False,
        required: bool = False,
        tool: str | Function | None = None,
        parallel_tool_calls: bool = True,
    ) -> ToolChoice:
        """Say whether the model may (`auto`) or must use a tool (`required`), or which one (`tool`).

        Raises:
            InvalidArgument: not exactly one of the three is given, or `tool` is none of these.
        """
        if sum((bool(auto), bool(required), tool is not None)) != 1:
            raise InvalidArgument("choice() takes exactly one of auto=True, required=True and tool=...")
        return ToolChoice(bool(auto), bool(required), self._name_of(tool), bool(parallel_tool_calls))

    def _name_of(self, wanted: str | Function | None) -> str | None:
        if wanted is None:
            return None
        for tool in self.tools:
            if wanted == tool.name or wanted is tool.function:
                return tool.name
        known = ", ".join(tool.name for tool in self.tools)
        raise InvalidArgument(f"choice(): {wanted!r} is none of the tools", hint=f"Tools: {known}.")

    def invoke(self, calls: Any) -> Expr:
        """The results of calls: from `{tool: [{parameter: value}, ...] | None}` to `{tool: [result, ...] | None}`.

        All calls of a row are made when the row is computed. A call that fails, names no tool of these or does not fit
        its parameters fails the cell. Where `calls` is null, so is the result.
        """
        return ToolCalls(as_expr(calls), tuple(tool.body for tool in self.tools))


def tool(fn: Function | BoundFunction, name: str | None = None, description: str | None = None) -> Tool:
    """A function as a tool, under another name or with another description than its docstring.

    Raises:
        InvalidArgument: it is no function of a row, its name is none a model accepts, or a model cannot pass one of its
            parameters: only text, numbers, Bool, Json and UUID can.
    """
    if not isinstance(fn, Function | BoundFunction):
        raise InvalidArgument(f"a tool is made of a function such as @pxt.udf declares, got {type(fn).__name__} {fn!r}")
    if inspect.isclass(_base(fn).body):
        raise InvalidArgument(f"{fn.name!r} is an aggregate, which takes many rows, so it cannot be a tool")
    found = Tool(fn, name or fn.name, _docstring(fn) if description is None else description)
    plain_name = found.name.replace("_", "").replace("-", "")
    if not (plain_name.isascii() and plain_name.isalnum() and len(found.name) <= 64):
        raise InvalidArgument(f"{found.name!r} cannot be the name of a tool", hint=f"Names are of {_NAME}.")
    for parameter in found.parameters:
        if not isinstance(parameter.type, _PASSED):
            raise Unsupported(
                f"tool {found.name!r}: no model can pass parameter {parameter.name!r} of type `{parameter.type}`",
                hint=f"Fix it: {fn.name}.using({parameter.name}=...).",
            )
    return found


def _docstring(fn: Function | BoundFunction) -> str | None:
    text = _base(fn).__doc__
    return inspect.cleandoc(text) if text else None


def _base(fn: Function | BoundFunction) -> Function:
    return fn.function if isinstance(fn, BoundFunction) else fn


def tools(*fns: Function | BoundFunction | Tool) -> Tools:
    """Tools to pass to a model, of functions or of what `tool` makes of them.

    Raises:
        InvalidArgument: two have the same name; as `tool`.
    """
    found = tuple(fn if isinstance(fn, Tool) else tool(fn) for fn in fns)
    names = [each.name for each in found]
    twice = _repeated(names)
    if twice:
        raise InvalidArgument(f"two tools are called {twice[0]!r}", hint="Rename one: pxt.tool(fn, name=...).")
    return Tools(found)


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for place, name in enumerate(names) if name in names[:place]]
