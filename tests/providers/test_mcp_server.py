"""Sessions with MCP servers: opened once for all who wait, ended with what they belong to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from pixeltable.exceptions import ToolServerLost
from pixeltable.providers.clients import Clients, use_clients
from pixeltable.providers.sections import load_sections
from pixeltable.settings import load_settings

pytest.importorskip("mcp")

from pixeltable.providers.mcp_server import ToolServer, tool_server
from tests.providers.mcp_api import McpApi, Offer, running

Use = Callable[[ToolServer], Awaitable[Any]]


@pytest.fixture
def api() -> Iterator[McpApi]:
    with running({"echo": Offer(str)}) as api:
        yield api


def used(api: McpApi, use: Use) -> Any:
    """What `use` makes of the server, in a loop in which nothing is left afterwards."""

    async def main() -> Any:
        clients = Clients(load_sections(load_settings()))
        use_clients(clients)
        try:
            return await use(tool_server(api.url))
        finally:
            await clients.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(main())


def call(server: ToolServer) -> Awaitable[Any]:
    return server.call("echo", lambda _: {})


def test_calls_that_come_together_wait_for_one_session(api: McpApi) -> None:
    results = used(api, lambda server: asyncio.gather(*(call(server) for _ in range(30))))
    assert (len(results), len(api.received("initialize")), api.ended) == (30, 1, 1)


def test_who_waits_for_the_session_may_give_up_without_harm_to_others(api: McpApi) -> None:
    async def use(server: ToolServer) -> Any:
        impatient = asyncio.ensure_future(call(server))
        patient = asyncio.ensure_future(call(server))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert used(api, use).content[0].text == "{}"
    assert len(api.received("initialize")) == 1


def test_no_session_is_ended_before_the_calls_in_it(api: McpApi) -> None:
    async def use(server: ToolServer) -> list[Any]:
        await call(server)
        await asyncio.to_thread(api.restart)
        return await asyncio.gather(*(call(server) for _ in range(30)))

    assert len(used(api, use)) == 30


def test_server_that_never_keeps_a_session_is_given_up(api: McpApi) -> None:
    api.faults += [404] * 3
    with pytest.raises(ToolServerLost, match="it ended the session"):
        used(api, call)
    assert len(api.received("initialize")) == 3


def test_session_that_is_ended_from_without_is_opened_anew(api: McpApi) -> None:
    async def use(server: ToolServer) -> Any:
        await call(server)
        for task in asyncio.all_tasks():
            if task.get_name() == "pixeltable-mcp":
                task.cancel()
                await asyncio.wait({task})
        return await call(server)

    assert used(api, use).content[0].text == "{}"
    assert len(api.received("initialize")) == 2
