"""HTTP for sessions of MCP: a request that fails is answered with its failure, so that the session's others go on."""

import importlib
from typing import Any, Final

from pixeltable.providers.connections import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    Spread,
    spread_transport,
)

# Codes of ours in answers of JSON-RPC; the specification leaves all beyond -32768..-32000 to applications.
SESSION_GONE: Final = 7001
"""The server does not know the session any more: it did not take the request."""
UNREACHABLE: Final = 7002
"""There was no connection: the server did not take the request."""
BROKEN: Final = 7003
"""The connection broke, or the server did: what became of the request, nobody knows. Later, it may succeed."""
REFUSED: Final = 7004
"""The answer was a status that blames the request, without a message of JSON-RPC."""

_SESSION_HEADER = "mcp-session-id"


def http_client(url: str) -> Any:
    """A client for one MCP server, for hundreds of calls at once. Proxies are those of the environment."""
    http = importlib.import_module("httpx2")
    timeout = http.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S, write=WRITE_TIMEOUT_S, pool=None)
    return http.AsyncClient(transport=Answering(spread_transport(url), http), timeout=timeout)


class Answering:
    """A transport whose posts are always answered. What the SDK meets as an exception instead, it ends the session for.

    Source: "Session Management" of the transport chapter of MCP 2025-11-25, for what 404 means.
    """

    def __init__(self, inner: Spread, http: Any) -> None:
        self._inner = inner
        self._http = http

    async def handle_async_request(self, request: Any) -> Any:
        """The answer of the server, or one that says why there is none."""
        if request.method == "DELETE":
            return await self._end_session(request)
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        http = self._http
        try:
            response = await self._inner.handle_async_request(request)
            is_json = "json" in response.headers.get("content-type", "")
            if is_json:
                await response.aread()  # here, where it may break
        except (http.ConnectError, http.ConnectTimeout) as error:
            return self._failure(UNREACHABLE, f"it cannot be reached: {error}")
        except http.TransportError as error:
            return self._failure(BROKEN, f"the connection broke: {type(error).__name__}: {error}")
        if response.status_code == 404 and _SESSION_HEADER in request.headers:
            await response.aclose()
            return self._failure(SESSION_GONE, "it ended the session")
        if response.status_code >= 400 and not is_json:
            await response.aclose()
            code = REFUSED if response.status_code < 500 and response.status_code != 429 else BROKEN
            return self._failure(code, f"it answered with HTTP {response.status_code}")
        return response

    async def _end_session(self, request: Any) -> Any:
        """A server that is gone, or does not know the session, has ended it: the SDK would warn of it."""
        try:
            response = await self._inner.handle_async_request(request)
        except self._http.TransportError:
            return self._http.Response(200)
        if response.status_code < 400:
            return response
        await response.aclose()
        return self._http.Response(200)

    def _failure(self, code: int, message: str) -> Any:
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
        return self._http.Response(502, json=error)

    async def __aenter__(self) -> "Answering":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()
