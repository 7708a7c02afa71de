"""Many calls through a pool, against a server that enforces its limit: all are answered, hardly any is refused."""

import asyncio
from typing import Any

import pytest

from pixeltable.exceptions import RateLimited
from pixeltable.functions import anthropic, openai
from pixeltable.providers.pools import Pools
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections, load_sections
from pixeltable.settings import load_settings
from pixeltable.udfs.function import Function
from pixeltable.udfs.report import begin_report
from tests.functions.asking import in_session
from tests.providers.loopback import Loopback, SlidingWindow

CALLS = 120
A_MINUTE = 1800


def limits_of(server: Loopback, prefix: str) -> None:
    """Let the server tell its limit, and enforce it second by second."""
    server.headers = {name: text for name, text in server.headers.items() if "limit" not in name}
    server.headers |= {prefix.format("limit"): str(A_MINUTE), prefix.format("remaining"): str(A_MINUTE)}
    server.headers |= {prefix.format("reset"): "60s"}
    server.limiter = SlidingWindow(A_MINUTE // 60 + 2, 1.0)


async def call_through(pools: Pools, function: Function, arguments: dict[str, Any]) -> Any:
    """One call as the engine makes it: again, after the pause asked for, when it is refused."""
    assert function.pool_rule is not None
    pool = pools.pool(function.pool_rule(model=arguments["model"]))
    while True:
        lease = await pool.admit({"requests": 1})
        report = begin_report()
        try:
            answer = await function.body(**arguments)
        except RateLimited as error:
            lease.fail(error, report)
            await asyncio.sleep(error.retry_after or 0)
        else:
            lease.settle(report)
            return answer


def load(function: Function, arguments: dict[str, Any], sections: Sections) -> list[Any]:
    async def work() -> list[Any]:
        pools = Pools(Rates(sections), None)
        return await asyncio.gather(*(call_through(pools, function, arguments) for _ in range(CALLS)))

    return in_session(work)


@pytest.mark.slow
@pytest.mark.parametrize("function", [openai.chat_completions, anthropic.messages], ids=["openai", "anthropic"])
def test_limits_told_by_the_server_are_kept(request: pytest.FixtureRequest, function: Function) -> None:
    messages = [{"role": "user", "content": "hello"}]
    if function is openai.chat_completions:
        server, arguments = request.getfixturevalue("openai_server"), {"messages": messages, "model": "m"}
        limits_of(server, "x-ratelimit-{}-requests")
    else:
        server = request.getfixturevalue("anthropic_server")
        arguments = {"messages": messages, "model": "m", "max_tokens": 9}
        limits_of(server, "anthropic-ratelimit-requests-{}")
    answers = load(function, arguments, Sections())
    assert len(answers) == CALLS
    assert server.refused <= CALLS // 10


@pytest.mark.slow
def test_limit_that_is_configured_is_kept(openai_server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_RATE_LIMIT", str(A_MINUTE))
    openai_server.limiter = SlidingWindow(A_MINUTE // 60 + 2, 1.0)
    answers = load(openai.moderations, {"input": "hello", "model": "m"}, load_sections(load_settings()))
    assert len(answers) == CALLS
    assert openai_server.refused <= CALLS // 10
