"""OpenAI: which failures are whose, which are worth another try, and that no key gets into any of them."""

import re
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

from pixeltable.exceptions import (
    Error,
    InvalidArgument,
    InvalidConfiguration,
    MissingCredentials,
    ProviderFailure,
    ProviderOverloaded,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
    RateLimited,
    Unsupported,
)
from pixeltable.exprs.codec import encode
from pixeltable.functions import openai
from pixeltable.providers.failures import PROVIDER_RETRY
from pixeltable.udfs.report import CallReport, LearntLimit
from tests.functions.asking import failed
from tests.functions.conftest import OPENAI_KEY
from tests.providers.loopback import Answer, Loopback, json_answer, too_many

pytest.importorskip("openai")
HELLO = [{"role": "user", "content": "hello"}]


def said(status: int, message: str = "out of order", **more: str) -> Answer:
    return json_answer({"error": {"message": message, "type": "x", "param": None, "code": None, **more}}, status=status)


def chat_fails(server: Loopback, *answers: Answer) -> Exception:
    server.fail_next(*answers)
    return failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, ProviderRejected, False),
        (401, ProviderRefused, False),
        (403, ProviderRefused, False),
        (404, ProviderRejected, False),
        (408, ProviderTimedOut, True),
        (409, ProviderFailure, True),
        (413, ProviderRejected, False),
        (422, ProviderRejected, False),
        (429, RateLimited, True),
        (500, ProviderFailure, True),
        (502, ProviderFailure, True),
        (503, ProviderOverloaded, True),
        (504, ProviderTimedOut, True),
    ],
)
def test_status_decides_whether_to_try_again(
    openai_server: Loopback, status: int, kind: type[Error], again: bool
) -> None:
    error = chat_fails(openai_server, said(status))
    assert type(error) is kind
    assert PROVIDER_RETRY.applies(error, attempt=1) is again
    assert "out of order" in str(error)


def test_request_is_not_repeated_by_the_sdk(openai_server: Loopback) -> None:
    chat_fails(openai_server, said(500))
    assert len(openai_server.journal) == 1


def test_pause_that_is_asked_for_is_kept(openai_server: Loopback) -> None:
    error = chat_fails(openai_server, too_many(retry_after="7"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7
    assert PROVIDER_RETRY.pause_s(error, attempt=1) >= 7


def test_spent_quota_is_not_tried_again(openai_server: Loopback) -> None:
    error = chat_fails(openai_server, said(429, "You exceeded your current quota", code="insufficient_quota"))
    assert type(error) is ProviderRefused


def test_limits_are_learnt_from_refusals_too(openai_server: Loopback) -> None:
    told = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
    told["x-ratelimit-reset-requests"] = "1m30.5s"
    openai_server.fail_next(Answer(429, b"{}", told))
    report = CallReport()
    failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5"), report)
    assert report.limits == {"requests": LearntLimit(60, 0, 90.5)}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b'{"id": "chatcmpl', content_type="application/json"), id="cut-off-json"),
        pytest.param(Answer(body=b"<html>Sign in</html>", content_type="text/html"), id="page-of-a-proxy"),
        pytest.param(Answer(body=b'"text"'), id="no-object"),
        pytest.param(Answer(body=b""), id="empty"),
        pytest.param(Answer(body=b'{"id": 1}', cut=4), id="connection-cut"),
    ],
)
def test_answer_that_cannot_be_read_is_tried_again(openai_server: Loopback, answer: Answer) -> None:
    error = chat_fails(openai_server, answer)
    assert isinstance(error, ProviderFailure)
    assert PROVIDER_RETRY.applies(error, attempt=1)


def test_answer_that_does_not_come_times_out(openai_server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_READ_TIMEOUT", "0.05")
    never = threading.Event()
    try:
        error = chat_fails(openai_server, Answer(after=never))
    finally:
        never.set()
    assert isinstance(error, ProviderTimedOut)
    assert PROVIDER_RETRY.applies(error, attempt=1)


def test_server_that_is_not_there_is_tried_again(openai_server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    error = chat_fails(openai_server)
    assert isinstance(error, ProviderFailure)
    assert PROVIDER_RETRY.applies(error, attempt=1)


@pytest.mark.parametrize(
    "answer",
    [
        said(401, f"Incorrect API key provided: {OPENAI_KEY}."),
        said(500, f"request with Authorization: Bearer {OPENAI_KEY} failed"),
        Answer(502, f"<p>{OPENAI_KEY}</p>".encode(), content_type="text/html"),
        Answer(body=f"echo {OPENAI_KEY}".encode(), content_type="text/plain"),
    ],
)
def test_key_is_in_no_error(openai_server: Loopback, answer: Answer) -> None:
    error = chat_fails(openai_server, answer)
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    assert isinstance(error, ProviderFailure)
    assert OPENAI_KEY not in shown


def test_key_is_in_no_expression(openai_server: Loopback) -> None:  # noqa: ARG001  # it sets the key
    call = openai.chat_completions(HELLO, model="gpt-5")
    assert OPENAI_KEY not in repr(call) + str(encode(call)) + repr(openai.OPENAI)


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "API-Key"])
def test_credential_among_arguments_is_refused(openai_server: Loopback, name: str) -> None:
    kwargs = {"extra_headers": {name: OPENAI_KEY}}
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5", model_kwargs=kwargs))
    assert isinstance(error, InvalidArgument)
    assert not openai_server.journal


def test_further_field_that_is_a_parameter_is_refused(openai_server: Loopback) -> None:
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5", model_kwargs={"model": "other"}))
    assert isinstance(error, InvalidArgument)
    assert not openai_server.journal


def test_stream_is_refused(openai_server: Loopback) -> None:
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5", model_kwargs={"stream": True}))
    assert isinstance(error, Unsupported)
    assert not openai_server.journal


def test_missing_key_names_both_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert isinstance(error, MissingCredentials)
    assert re.search(r"OPENAI_API_KEY.*api_key.*\[openai\]", str(error))


@pytest.mark.parametrize("name", ["MAX_CONNECTIONS", "READ_TIMEOUT", "WRITE_TIMEOUT"])
@pytest.mark.parametrize("value", ["many", "0", "nan"])
def test_setting_that_is_no_positive_number_is_refused(
    openai_server: Loopback,  # noqa: ARG001  # it sets the key
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(f"OPENAI_{name}", value)
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert isinstance(error, InvalidConfiguration)
    assert name.lower() in str(error)


def test_missing_package_names_the_extra(openai_server: Loopback) -> None:  # noqa: ARG001  # it sets the key
    code = "import sys, asyncio; sys.modules['openai'] = None\nfrom pixeltable.functions import openai\n"
    code += "try: asyncio.run(openai.moderations.body('a'))\nexcept Exception as e: print(type(e).__name__, e)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("MissingPackage")
    assert "pip install 'pixeltable[openai]'" in shown
