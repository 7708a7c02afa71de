"""Spreading requests over transports: the least busy one gets the next, and only so many wait for an answer."""

import asyncio
from typing import Any

import pytest

from pixeltable.providers import connections
from pixeltable.providers.connections import Spread


class Held:
    """A transport whose answers come when they are let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = asyncio.Event()
        self.closed = False

    async def handle_async_request(self, request: str) -> str:
        self.asked.append(request)
        await self.let_go.wait()
        return f"answer to {request}"

    async def aclose(self) -> None:
        self.closed = True


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_least_busy_transport_gets_the_next_request() -> None:
    async def work() -> list[list[str]]:
        parts = [Held(), Held()]
        spread = Spread(parts, limit=10)
        tasks = [asyncio.ensure_future(spread.handle_async_request(name)) for name in "ab"]
        await settled()
        parts[1].let_go.set()  # now it has nothing to do, and the other one has
        await settled()
        parts[1].let_go.clear()
        tasks.append(asyncio.ensure_future(spread.handle_async_request("c")))
        await settled()
        for part in parts:
            part.let_go.set()
        assert await asyncio.gather(*tasks) == ["answer to a", "answer to b", "answer to c"]
        return [part.asked for part in parts]

    assert asyncio.run(work()) == [["a"], ["b", "c"]]


def test_no_more_requests_wait_than_the_limit() -> None:
    async def work() -> tuple[list[str], list[str]]:
        part = Held()
        spread = Spread([part], limit=2)
        tasks = [asyncio.ensure_future(spread.handle_async_request(name)) for name in "abc"]
        await settled()
        before = list(part.asked)
        part.let_go.set()
        await asyncio.gather(*tasks)
        return before, part.asked

    assert asyncio.run(work()) == (["a", "b"], ["a", "b", "c"])


def test_request_that_is_cancelled_gives_its_place_back() -> None:
    async def work() -> str:
        part = Held()
        spread = Spread([part], limit=1)
        task = asyncio.ensure_future(spread.handle_async_request("a"))
        await settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        part.let_go.set()
        answer: str = await spread.handle_async_request("b")
        return answer

    assert asyncio.run(work()) == "answer to b"


def test_all_transports_are_closed() -> None:
    async def work() -> list[bool]:
        parts = [Held(), Held()]
        async with Spread(parts, limit=1):
            pass
        return [part.closed for part in parts]

    assert asyncio.run(work()) == [True, True]


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"ALL_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "openai.com"}, None),
    ],
)
def test_proxy_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found: Any = connections._proxy("https://api.openai.com/v1")  # noqa: SLF001  # what a client is made with
    assert found == proxy
