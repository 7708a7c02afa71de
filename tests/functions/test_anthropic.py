"""Anthropic: what a message sends, what is made of the answer, which failures are tried again."""

import base64
import io
import traceback
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixeltable.exceptions import (
    Error,
    MissingCredentials,
    ProviderFailure,
    ProviderOverloaded,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
    RateLimited,
)
from pixeltable.exprs.codec import decode, encode
from pixeltable.functions import anthropic
from pixeltable.providers.failures import PROVIDER_RETRY
from pixeltable.types.column_type import JsonType
from pixeltable.udfs.report import CallReport, LearntLimit
from tests.functions.asking import ask, failed, reported
from tests.functions.conftest import ANTHROPIC_KEY
from tests.providers.anthropic_api import LIMITS, error
from tests.providers.loopback import Answer, Loopback, json_answer
from tests.udfs.columns import column

pytest.importorskip("anthropic")
HELLO = [{"role": "user", "content": "hello"}]
RED = Image.new("RGB", (4, 3), (255, 0, 0))
TOOLS = [
    {"name": "weather", "description": "Says it", "parameters": {"type": "object"}},
    {"name": "x", "description": None, "parameters": {"type": "object"}},
]


def choice(**given: Any) -> dict[str, Any]:
    return {"auto": False, "required": False, "tool": None, "parallel_tool_calls": True, **given}


def message_fails(server: Loopback, *answers: Answer, report: CallReport | None = None) -> Exception:
    server.fail_next(*answers)
    return failed(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9), report)


def test_message_sends_the_request_as_given(anthropic_server: Loopback) -> None:
    kwargs = {"system": "Be brief", "temperature": 0}
    ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9, model_kwargs=kwargs))
    request = anthropic_server.last
    assert request.path == "/v1/messages"
    assert request.json == {"model": "claude", "max_tokens": 9, "messages": HELLO, **kwargs}
    assert "anthropic-version" in request.headers
    assert ANTHROPIC_KEY in {request.headers.get("x-api-key"), request.headers.get("authorization", "")[7:]}


def test_message_answers_the_json_unchanged(anthropic_server: Loopback) -> None:
    sent = {"id": "msg_1", "content": [{"type": "new_kind", "deep": [None, 1]}]}
    anthropic_server.fail_next(json_answer(sent))
    assert ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9)) == sent


def test_image_is_a_block(anthropic_server: Loopback) -> None:
    content = [RED, {"type": "image", "source": RED}, {"type": "text", "text": "what is it?"}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "It is"}]
    ask(lambda: anthropic.messages.body(messages, model="claude", max_tokens=9))
    sent = anthropic_server.last.json["messages"]
    first, second, text = sent[0]["content"]
    assert first == second
    assert {name: first["source"][name] for name in ("type", "media_type")} == {
        "type": "base64", "media_type": "image/png",
    }  # fmt: skip
    assert Image.open(io.BytesIO(base64.b64decode(first["source"]["data"]))).getpixel((0, 0)) == (255, 0, 0)
    assert (text, sent[1]) == (content[2], messages[1])
    assert messages[0]["content"] is content, "an argument was written into"


def test_report_has_usage_and_limits(anthropic_server: Loopback) -> None:  # noqa: ARG001  # it answers
    _, report = reported(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9))
    assert (report.model, report.input_tokens, report.output_tokens) == ("claude", 25 + 3 + 7, 15)
    assert report.usage == {"tokens": 43, "input_tokens": 28, "output_tokens": 15}
    assert report.limits == {
        "requests": LearntLimit(100_000, 99_999, 60.0),
        "tokens": LearntLimit(200_000, 199_999, 60.0),
        "input_tokens": LearntLimit(300_000, 299_999, 60.0),
        "output_tokens": LearntLimit(400_000, 399_999, 60.0),
    }


def test_limits_are_learnt_from_refusals_too(anthropic_server: Loopback) -> None:
    report = CallReport()
    message_fails(anthropic_server, Answer(429, b"{}", LIMITS), report=report)
    assert report.limits["requests"] == LearntLimit(100_000, 99_999, 60.0)


def test_prompt_and_longest_answer_make_the_estimate() -> None:
    assert anthropic.messages.estimate_rule is not None
    found = anthropic.messages.estimate_rule(
        messages=HELLO, max_tokens=500, model_kwargs={"system": "x" * 4000}, tools=None
    )
    assert 1000 < found["input_tokens"] < 1020
    assert found["output_tokens"] == 500
    assert found["tokens"] == found["input_tokens"] + 500


def test_model_decides_the_pool() -> None:
    assert anthropic.messages.pool_rule is not None
    assert anthropic.messages.pool_rule(model="claude") == "rate-limits:anthropic:claude"


def test_tools_have_an_input_schema(anthropic_server: Loopback) -> None:
    built_in = {"type": "web_search_20250305", "name": "web_search"}
    ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9, tools=[*TOOLS, built_in]))
    assert anthropic_server.last.json["tools"] == [
        {"name": "weather", "description": "Says it", "input_schema": {"type": "object"}},
        {"name": "x", "input_schema": {"type": "object"}},
        built_in,
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (choice(auto=True), {"type": "auto"}),
        (choice(required=True), {"type": "any"}),
        (choice(tool="x"), {"type": "tool", "name": "x"}),
        (choice(auto=True, parallel_tool_calls=False), {"type": "auto", "disable_parallel_tool_use": True}),
        ({"type": "none"}, {"type": "none"}),
    ],
    ids=["auto", "required", "one", "one-at-a-time", "own-form"],
)
def test_tool_choice_is_translated(anthropic_server: Loopback, given: dict[str, Any], sent: dict[str, Any]) -> None:
    ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9, tools=TOOLS, tool_choice=given))
    assert anthropic_server.last.json["tool_choice"] == sent


def test_calls_of_tools_are_found(anthropic_server: Loopback) -> None:  # noqa: ARG001  # it answers
    answer = ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9, tools=TOOLS))
    found = anthropic._tool_calls.body(answer)  # noqa: SLF001  # users reach it by invoke_tools
    assert found == {"weather": [{"city": "Rome"}]}


@pytest.mark.parametrize(
    ("answer", "kind", "again"),
    [
        (error(400, "invalid_request_error", "max_tokens: too large"), ProviderRejected, False),
        (error(401, "authentication_error", "invalid x-api-key"), ProviderRefused, False),
        (error(403, "permission_error", "not yours"), ProviderRefused, False),
        (error(404, "not_found_error", "model: claude"), ProviderRejected, False),
        (error(413, "request_too_large", "too large"), ProviderRejected, False),
        (error(429, "rate_limit_error", "slow down"), RateLimited, True),
        (error(500, "api_error", "Internal server error"), ProviderFailure, True),
        (error(504, "timeout_error", "took too long"), ProviderTimedOut, True),
        (error(529, "overloaded_error", "Overloaded"), ProviderOverloaded, True),
        (Answer(body=b"<html>", content_type="text/html"), ProviderFailure, True),
        (Answer(body=b'{"id": "msg', content_type="application/json"), ProviderFailure, True),
        (Answer(body=b'{"id": 1}', cut=3), ProviderFailure, True),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else None,
)
def test_failure_decides_whether_to_try_again(
    anthropic_server: Loopback, answer: Answer, kind: type[Error], again: bool
) -> None:
    found = message_fails(anthropic_server, answer)
    assert type(found) is kind
    assert PROVIDER_RETRY.applies(found, attempt=1) is again
    assert len(anthropic_server.journal) == 1, "the SDK tried again by itself"


def test_pause_that_is_asked_for_is_kept(anthropic_server: Loopback) -> None:
    asked = Answer(429, b"{}", {"retry-after": "12"})
    assert getattr(message_fails(anthropic_server, asked), "retry_after", None) == 12


def test_long_answers_need_no_stream(anthropic_server: Loopback) -> None:
    ask(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=100_000))
    assert anthropic_server.last.json["max_tokens"] == 100_000


def test_key_is_in_no_error(anthropic_server: Loopback) -> None:
    found = message_fails(anthropic_server, error(401, "authentication_error", f"invalid x-api-key: {ANTHROPIC_KEY}"))
    assert isinstance(found, ProviderRefused)
    assert ANTHROPIC_KEY not in "".join(traceback.format_exception(found)) + repr(vars(found))


def test_missing_key_names_the_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = failed(lambda: anthropic.messages.body(HELLO, model="claude", max_tokens=9))
    assert isinstance(found, MissingCredentials)
    assert "ANTHROPIC_API_KEY" in str(found)


def test_call_is_stored_and_read_again(anthropic_server: Loopback) -> None:  # noqa: ARG001  # it sets the key
    call = anthropic.messages(column("m", JsonType()), model="claude", max_tokens=9, tools=TOOLS)
    assert repr(decode(encode(call))) == repr(call)
    assert call.col_type == JsonType()
    assert ANTHROPIC_KEY not in str(encode(call))
