"""An HTTP client for hundreds of requests at once, for SDKs that are built on httpx2."""

import importlib
import socket
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.lazy import asyncio

MAX_CONNECTIONS = 1000
READ_TIMEOUT_S = 600.0
WRITE_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 30.0

_IDLE_S = 30.0
_CONNECTIONS_EACH = 16
"""httpx's pool looks at each of its connections at every request; many small pools cost less than a large one."""


class Spread:
    """A transport that gives each request to the least busy of several, and lets at most `limit` wait for an answer."""

    def __init__(self, transports: list[Any], *, limit: int) -> None:
        self._transports = transports
        self._busy = [0] * len(transports)
        self._places = asyncio.Semaphore(limit)

    async def handle_async_request(self, request: Any) -> Any:
        """The answer, as soon as its headers are there."""
        async with self._places:
            number = self._busy.index(min(self._busy))
            self._busy[number] += 1
            try:
                return await self._transports[number].handle_async_request(request)
            finally:
                self._busy[number] -= 1

    async def __aenter__(self) -> "Spread":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            await transport.aclose()


def sdk_options(sdk: Any, values: Mapping[str, Any], *, url: str, section: str) -> dict[str, Any]:
    """What an SDK's client takes beside its credentials: no retries of its own, timeouts, and the HTTP client.

    Of `values` it reads `max_connections`, `max_keepalive_connections`, `read_timeout` and `write_timeout` (seconds).
    Proxies are those of the environment.

    Raises:
        InvalidConfiguration: one of them is not a positive number.
    """
    http = importlib.import_module("httpx2")
    limit = int(_number(values, "max_connections", MAX_CONNECTIONS, section))
    idle = int(_number(values, "max_keepalive_connections", limit, section))
    timeout = http.Timeout(
        connect=CONNECT_TIMEOUT_S,
        read=_number(values, "read_timeout", READ_TIMEOUT_S, section),
        write=_number(values, "write_timeout", WRITE_TIMEOUT_S, section),
        pool=None,
    )
    transport = _spread(http, url=str(values.get("base_url") or url), limit=limit, idle=idle)
    client = sdk.DefaultAsyncHttpxClient(transport=transport, timeout=timeout)
    return {"max_retries": 0, "timeout": timeout, "http_client": client}


def spread_transport(url: str, *, limit: int = MAX_CONNECTIONS) -> Spread:
    """The transport of a client that is made without an SDK's help, for requests to `url`."""
    return _spread(importlib.import_module("httpx2"), url=url, limit=limit, idle=limit)


def _number(values: Mapping[str, Any], name: str, default: float, section: str) -> float:
    given = values.get(name)
    if given is None:
        return default
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise InvalidConfiguration(f"[{section}] {name} is {given!r}", hint="It takes a positive number.")
    return number


def _spread(http: ModuleType, *, url: str, limit: int, idle: int) -> Spread:
    count = max(1, limit // _CONNECTIONS_EACH)
    limits = http.Limits(max_connections=None, max_keepalive_connections=-(-idle // count), keepalive_expiry=_IDLE_S)
    context = http.create_ssl_context()  # made once: each takes milliseconds and megabytes
    proxy = _proxy(url)
    transports = [
        http.AsyncHTTPTransport(verify=context, limits=limits, proxy=proxy, socket_options=_keep_alive())
        for _ in range(count)
    ]
    return Spread(transports, limit=limit)


def _proxy(url: str) -> str | None:
    """The proxy the environment has for `url`; a client that is given a transport would not look for it itself."""
    parts = urlsplit(url)
    environment = importlib.import_module("urllib.request")  # here: it loads all of http and email
    proxies: dict[str, str] = environment.getproxies()
    if environment.proxy_bypass(parts.hostname or ""):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _keep_alive() -> list[tuple[int, int, int]]:
    """A model may think for minutes without a byte; without probes, routers on the way forget such a connection."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
