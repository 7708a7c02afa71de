"""An MCP server on the loopback interface, made with the SDK, in a thread: its tools, its journal, faults on demand."""

import asyncio
import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("mcp")

import uvicorn
from mcp.server.lowlevel import Server
from mcp_types import CallToolResult, ContentBlock, ListToolsResult, TextContent, Tool

TEXT = {"type": "string"}
INTEGER = {"type": "integer"}


@dataclass(frozen=True)
class Offer:
    """A tool: what it says of itself, and what it answers; a text, blocks of content, or a whole result."""

    answer: Callable[[dict[str, Any]], Any]
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: Sequence[str] = ()
    description: str | None = None
    output: Mapping[str, Any] | None = None

    def described(self, name: str) -> Tool:
        schema = {"type": "object", "properties": dict(self.properties), "required": list(self.required)}
        output = None if self.output is None else dict(self.output)
        return Tool(name=name, description=self.description, input_schema=schema, output_schema=output)


@dataclass(frozen=True)
class Received:
    """A message of JSON-RPC as it came in, with the session it was sent in."""

    method: str
    params: Mapping[str, Any]
    session: str | None


class McpApi:
    """A running server: `url`, `offers` by name, what came in (`journal`), what is to go wrong next (`faults`).

    With sessions it speaks as servers did before 2026, without as those since.
    """

    def __init__(self, offers: Mapping[str, Offer], *, sessions: bool) -> None:
        self.offers = dict(offers)
        self.journal: list[Received] = []
        self.faults: deque[int | None] = deque()
        """The status that the next calls of a tool are answered with; None for an answer that breaks off."""
        self.ended = 0
        """How many sessions clients have ended."""
        self.page_size = 100
        self.port = 0
        self._sessions = sessions
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def received(self, method: str) -> list[Received]:
        return [message for message in self.journal if message.method == method]

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The arguments of the calls of tools."""
        return [message.params["arguments"] for message in self.received("tools/call")]

    def start(self) -> None:
        """Listen, on a port that is free or the same as before."""
        listening = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listening.getsockname()[1]
        server = Server("loopback", on_list_tools=self._list, on_call_tool=self._call)
        config = uvicorn.Config(
            self._watched(server.streamable_http_app()), log_config=None, timeout_graceful_shutdown=0, lifespan="on"
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(self._uvicorn, listening), name="mcp-loopback")
        self._thread.start()

    @staticmethod
    def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
        asyncio.run(server.serve(sockets=[listening]))

    def stop(self) -> None:
        """Forget all sessions, and be gone."""
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join()

    def restart(self) -> None:
        self.stop()
        self.start()

    async def _list(self, _: Any, params: Any) -> ListToolsResult:
        start = int(params.cursor) if params is not None and params.cursor else 0
        end = start + self.page_size
        tools = [offer.described(name) for name, offer in self.offers.items()]
        return ListToolsResult(tools=tools[start:end], next_cursor=str(end) if end < len(tools) else None)

    async def _call(self, _: Any, params: Any) -> CallToolResult:
        if params.name not in self.offers:
            return failed(f"unknown tool {params.name}")
        answer = self.offers[params.name].answer(params.arguments or {})
        if isinstance(answer, CallToolResult):
            return answer
        return content(TextContent(type="text", text=answer)) if isinstance(answer, str) else content(*answer)

    def _watched(self, app: Any) -> Any:
        """The application, behind what keeps the journal and makes faults."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["method"] == "DELETE":
                self.ended += 1
            if scope["type"] != "http" or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            body = await read_body(receive)
            message = json.loads(body)
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            method = message.get("method", "")
            self.journal.append(Received(method, message.get("params", {}), headers.get("mcp-session-id")))
            if self._sessions and method == "server/discover":
                await answer_status(send, 400)
            elif method == "tools/call" and self.faults:
                status = self.faults.popleft()
                await (cut_short(send) if status is None else answer_status(send, status))
            else:
                await app(scope, replayed(body, receive), send)

        return watched


def content(*blocks: ContentBlock) -> CallToolResult:
    return CallToolResult(content=list(blocks))


def failed(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


def structured(value: Any) -> CallToolResult:
    text = TextContent(type="text", text=json.dumps(value))
    return CallToolResult(content=[text], structured_content=value)


async def read_body(receive: Any) -> bytes:
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            return body


def replayed(body: bytes, receive: Any) -> Any:
    events = deque([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Any:
        return events.popleft() if events else await receive()

    return again


async def answer_status(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"no"})


async def cut_short(send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"jsonrpc"', "more_body": True})
    raise ConnectionAbortedError  # has uvicorn close the connection


@contextlib.contextmanager
def running(offers: Mapping[str, Offer], *, sessions: bool = True) -> Iterator[McpApi]:
    """A server with these tools, for as long as the block lasts."""
    api = McpApi(offers, sessions=sessions)
    api.start()
    try:
        yield api
    finally:
        api.stop()
