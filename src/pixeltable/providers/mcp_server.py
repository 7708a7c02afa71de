"""`ToolServer`: an MCP server as a session talks to it, in one session of MCP for all calls, opened anew when lost."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from pixeltable.exceptions import ProviderFailure, ToolFailed, ToolServerLost
from pixeltable.lazy import asyncio
from pixeltable.providers.clients import current_clients
from pixeltable.providers.mcp_http import BROKEN, SESSION_GONE, UNREACHABLE, http_client
from pixeltable.providers.mcp_schema import OfferedTool, read_tool
from pixeltable.providers.provider import Provider

MCP = Provider("mcp", package="mcp", extra="mcp", credentials=())

_CONNECTION_CLOSED: Final = -32000
"""What the SDK answers requests with that were under way when its session ended."""
_LOST = (SESSION_GONE, UNREACHABLE, BROKEN, _CONNECTION_CLOSED)
_MOST_PAGES = 1000
_MOST_SESSIONS = 3
"""So often a call is made: who forgets sessions as soon as they are open does not have them all."""


def tool_server(url: str) -> "ToolServer":
    """The server at `url`, as the session of the running task knows it."""
    return current_clients().get(("mcp", url), lambda: ToolServer(url))


class ToolServer:
    """For the thread of one event loop. Nothing is sent before something is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: _Connection | None = None

    async def tools_now(self) -> Mapping[str, OfferedTool]:
        """The tools by name, as the server offers them now.

        Raises:
            ToolServerLost: it cannot be reached.
        """
        known = self._connection
        connection = await self._connected()
        if connection is not known:
            return connection.tools
        try:
            return await connection.list_tools()
        except MCP.load().MCPError as error:
            if error.code != SESSION_GONE:
                raise self._failure(error) from None
        self._drop(connection)
        return (await self._connected()).tools

    async def call(self, name: str, prepare: Callable[[Mapping[str, OfferedTool]], dict[str, Any]]) -> Any:
        """What a tool returned for the arguments that `prepare` makes, knowing the tools of the session.

        If the server has ended the session, it did not take the call: it is made again in another one.

        Raises:
            ToolServerLost: the call did not arrive, or no answer came: then the tool may have run.
            ToolFailed: the server refused the call, or the result is not what the tool declares.
        """
        for sessions_left in reversed(range(_MOST_SESSIONS)):
            connection = await self._connected()
            arguments = prepare(connection.tools)
            try:
                return await connection.call(name, arguments)
            except MCP.load().MCPError as error:
                if error.code != SESSION_GONE or not sessions_left:
                    raise self._failure(error, tool=name) from None
            except (RuntimeError, ValueError) as error:
                raise ToolFailed(self.url, name, str(error)) from None
            self._drop(connection)
        raise AssertionError("the last session returns or raises")

    def _failure(self, error: Any, *, tool: str | None = None) -> ProviderFailure:
        if tool is None or error.code in _LOST:
            return ToolServerLost(self.url, error.message)
        return ToolFailed(self.url, tool, error.message)

    async def _connected(self) -> "_Connection":
        """The connection, opened once for all who wait for it."""
        if self._connection is None or self._connection.has_ended:
            self._connection = _Connection(self.url)
        connection = self._connection
        await connection.ready()
        return connection

    def _drop(self, connection: "_Connection") -> None:
        """Have the next call open another connection, unless a call did so before."""
        if self._connection is connection:
            self._connection = None
            connection.end_when_idle()

    async def aclose(self) -> None:
        """End the session, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()
            await connection.ended()


class _Connection:
    """A session of MCP, and the task that holds it open: the SDK wants it left by the task that entered it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.client: Any = None
        self.tools: Mapping[str, OfferedTool] = {}
        self._under_way = 0
        self._is_retired = False
        self._is_open = asyncio.Event()
        self._is_over = asyncio.Event()
        self._task = asyncio.create_task(self._hold(), name="pixeltable-mcp")
        self._task.add_done_callback(_look_at)

    async def _hold(self) -> None:
        async with AsyncExitStack() as stack:
            sdk = await asyncio.to_thread(MCP.load)
            transport = importlib.import_module("mcp.client.streamable_http").streamable_http_client
            http = await stack.enter_async_context(http_client(self._url))
            # The list of tools is asked for when it is wanted, and by nobody else: a cache would hide changes.
            client = sdk.Client(transport(self._url, http_client=http), cache=None)
            self.client = await stack.enter_async_context(client)
            await self.list_tools()
            self._is_open.set()
            await self._is_over.wait()

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    async def ready(self) -> None:
        """Wait until it is open.

        Raises:
            ToolServerLost: it cannot be opened.
        """
        opened = asyncio.create_task(self._is_open.wait())
        try:
            await asyncio.wait({opened, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
        if self._task.done():
            error = None if self._task.cancelled() else self._task.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            raise _opening_failure(self._url, error)

    async def list_tools(self) -> Mapping[str, OfferedTool]:
        """Ask for the tools, page by page."""
        found: dict[str, OfferedTool] = {}
        cursor = None
        for _ in range(_MOST_PAGES):
            page = await self.client.list_tools(cursor=cursor)
            found |= {tool.name: read_tool(tool) for tool in page.tools}
            cursor = page.next_cursor
            if cursor is None:
                break
        self.tools = found
        return found

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """What the SDK makes of the answer."""
        self._under_way += 1
        try:
            return await self.client.call_tool(name, arguments)
        finally:
            self._under_way -= 1
            if self._is_retired and not self._under_way:
                self.end()

    def end_when_idle(self) -> None:
        """Have it end with the last of the calls that are under way: each of them is to get its own answer."""
        self._is_retired = True
        if not self._under_way:
            self.end()

    def end(self) -> None:
        """Have it end, without waiting for that."""
        self._is_over.set()

    async def ended(self) -> None:
        """Wait for the end, however it comes."""
        await asyncio.wait({self._task})


def _look_at(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()  # else asyncio reports it as one that nobody saw: the calls that meet it say so


def _opening_failure(url: str, error: BaseException | None) -> Exception:
    """What callers meet; the SDK raises its errors in groups, of one mostly."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is None:
        return ToolServerLost(url, "the session was ended")
    if isinstance(error, ProviderFailure):
        return error
    return ToolServerLost(url, getattr(error, "message", None) or f"{type(error).__name__}: {error}")
