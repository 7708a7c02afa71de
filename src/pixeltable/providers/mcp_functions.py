"""Functions that are tools of MCP servers: how a column names them, and how they are called."""

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FunctionType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pixeltable.exceptions import InvalidArgument, ToolChanged, ToolFailed, ToolServerLost, UnknownFunction, Unsupported
from pixeltable.exprs.call import FunctionSpec
from pixeltable.providers.mcp_schema import OfferedTool
from pixeltable.providers.mcp_server import ToolServer, tool_server
from pixeltable.types.column_type import JsonType
from pixeltable.udfs.function import LIVE, Function, FunctionOptions
from pixeltable.udfs.registry import find, incompatibilities
from pixeltable.udfs.signature import Signature

SCHEME = "mcp:"
"""Paths of these functions are `mcp:<tool>@<url>`: other processes need nothing else to find the tool."""


async def offered_functions(url: str) -> list[Function]:
    """A function for each tool that the server at `url` offers now, in its order; see `mcp_udfs`."""
    tools = (await tool_server(url).tools_now()).values()
    functions = [
        ToolFunction(url, tool.name, tool.signature, code=tool.code, description=tool.description, schemas=tool.schemas)
        for tool in tools
    ]
    for function in functions:
        LIVE[function.spec.path] = function
    return list(functions)


def recorded_function(spec: FunctionSpec) -> Function:
    """The function of a stored call: as this process asked the server for it, else as it was recorded.

    Nothing is sent; whether the tool is still what was recorded shows at the first call.

    Raises:
        UnknownFunction: the path names no tool.
    """
    known = LIVE.get(spec.path)
    if isinstance(known, ToolFunction) and (known.was_offered or known.spec == spec):
        return known
    name, _, url = spec.path.removeprefix(SCHEME).partition("@")
    if not url:
        raise UnknownFunction(spec.path, reason="it is no path of a tool")
    signature = Signature(spec.parameters, spec.returns, batched=False)
    made = LIVE[spec.path] = ToolFunction(url, unquote(name), signature, code=spec.code)
    return made


class ToolFunction(Function):
    """A function whose body asks an MCP server to run a tool."""

    def __init__(
        self,
        url: str,
        name: str,
        signature: Signature,
        *,
        code: str,
        description: str | None = None,
        schemas: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        async def call(*args: Any, **kwargs: Any) -> Any:
            names = (parameter.name for parameter in signature.parameters)
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            return await _call(tool_server(url), name, self.spec, given)

        call.__name__ = call.__qualname__ = name
        call.__doc__ = description
        call.__annotations__ = {}  # of its own it takes anything
        options = FunctionOptions(deterministic=False)
        assert isinstance(call, FunctionType)
        super().__init__(call, options=options, signature=signature)
        self.parameter_schemas = schemas or {}
        self.was_offered = schemas is not None
        self._path = f"{SCHEME}{quote(name, safe='')}@{url}"
        self._code = code

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The function as data. Its code is the interface: what runs, the server alone knows."""
        return FunctionSpec(self._path, self.name, self.parameters, self.returns, self._code, deterministic=False)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return find, (self.spec,)


async def _call(server: ToolServer, name: str, recorded: FunctionSpec, given: Mapping[str, Any]) -> Any:
    def prepare(tools: Mapping[str, OfferedTool]) -> dict[str, Any]:
        return _as_recorded(server.url, name, recorded, tools).arguments(given)

    try:
        result = await server.call(name, prepare)
        return _value(server.url, name, result, recorded)
    except ToolFailed:
        with suppress(ToolServerLost):
            prepare(await server.tools_now())  # it may have changed since it was listed
        raise


def _as_recorded(url: str, name: str, recorded: FunctionSpec, tools: Mapping[str, OfferedTool]) -> OfferedTool:
    """The tool as it is offered, which calls that were recorded have to fit."""
    tool = tools.get(name)
    if tool is None:
        raise ToolChanged(url, name, reason="the server does not offer it")
    reasons = [] if tool.signature.parameters == recorded.parameters else incompatibilities(tool.signature, recorded)
    if isinstance(tool.signature.returns, JsonType) is not isinstance(recorded.returns, JsonType):
        reasons = incompatibilities(tool.signature, recorded)
    if reasons:
        raise ToolChanged(url, name, reason="; ".join(reasons))
    return tool


def _value(url: str, name: str, result: Any, recorded: FunctionSpec) -> Any:
    """The structured result where the tool declares one, else its texts, joined by newlines."""
    if result.is_error:
        raise ToolFailed(url, name, _texts(name, result.content, strict=False) or "it failed without a message")
    if isinstance(recorded.returns, JsonType):
        return result.structured_content
    return _texts(name, result.content, strict=True)


def _texts(name: str, content: list[Any], *, strict: bool) -> str:
    found = []
    for block in content:
        text = _text(block)
        if text is not None:
            found.append(text)
        elif strict:
            raise Unsupported(
                f"tool {name!r} returned content of type {block.type!r}, and only text can be a result",
                hint="Have the server declare an output schema, or return text, such as a URL.",
            )
    return "\n".join(found)


def _text(block: Any) -> str | None:
    """The text of a block, also of a resource that is text; None of images, audio and other bytes."""
    if block.type == "text":
        return str(block.text)
    text = getattr(block.resource, "text", None) if block.type == "resource" else None
    return None if text is None else str(text)


def checked_url(url: Any) -> str:
    """The address of a server, as paths of functions have it.

    Raises:
        InvalidArgument: it is no address of HTTP, or has a password in it.
    """
    if not isinstance(url, str):
        raise InvalidArgument(f"mcp_udfs() takes the URL of a server, got {type(url).__name__} {url!r}")
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https") or parts.fragment or url != url.strip():
        raise InvalidArgument(f"{url!r} is no URL of an MCP server", hint="Such as https://example.org/mcp.")
    if "@" in parts.netloc:
        raise InvalidArgument("the URL of an MCP server must not have a user or a password: columns store it")
    return url
