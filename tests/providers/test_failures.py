"""Exceptions of SDKs are told by their shape, and what is made of them gives nothing away."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx
import openai
import pytest

from pixeltable.exceptions import (
    ProviderFailure,
    ProviderOverloaded,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
    RateLimited,
)
from pixeltable.providers.failures import PROVIDER_RETRY, classify

REQUEST = httpx.Request("POST", "http://localhost/v1/chat")


def answer(status: int, headers: dict[str, str] | None = None, body: Any = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, json=body, request=REQUEST)


def of_httpx(status: int, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("failed", request=REQUEST, response=answer(status, headers))


def of_openai(status: int, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Exception:
    client = openai.OpenAI(api_key="none", base_url="http://localhost")
    response = answer(status, headers, {"error": body or {}})
    return client._make_status_error_from_response(response)  # noqa: SLF001  # as the SDK itself makes them


def of_botocore(status: int) -> Exception:
    error = Exception("ThrottlingException")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "2"}}}  # type: ignore[attr-defined]
    return error


class OfAiohttp(Exception):
    """As `aiohttp.ClientResponseError`: status and headers on the exception itself."""

    def __init__(self, status: int) -> None:
        self.status, self.headers = status, {"Retry-After": "3"}


class OfGoogle(Exception):
    """As `google.genai.errors.APIError`: the status is `code`."""

    def __init__(self, code: int) -> None:
        self.code = code


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ProviderRejected),
        (401, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRejected),
        (408, ProviderTimedOut),
        (409, ProviderFailure),
        (413, ProviderRejected),
        (422, ProviderRejected),
        (429, RateLimited),
        (500, ProviderFailure),
        (502, ProviderFailure),
        (503, ProviderOverloaded),
        (504, ProviderTimedOut),
        (529, ProviderOverloaded),
    ],
)
@pytest.mark.parametrize("make", [of_httpx, of_openai, of_botocore, OfAiohttp, OfGoogle])
def test_status_decides_the_class(make: Any, status: int, expected: type[ProviderFailure]) -> None:
    found = classify(make(status), "acme")
    assert (type(found), found and found.status_code, found and found.provider) == (expected, status, "acme")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), ProviderTimedOut),
        (httpx.ReadTimeout("slow", request=REQUEST), ProviderTimedOut),
        (openai.APITimeoutError(REQUEST), ProviderTimedOut),
        (httpx.ConnectError("refused", request=REQUEST), ProviderFailure),
        (httpx.RemoteProtocolError("closed", request=REQUEST), ProviderFailure),
        (openai.APIConnectionError(request=REQUEST), ProviderFailure),
        (anthropic.APIConnectionError(request=REQUEST), ProviderFailure),
        (ConnectionRefusedError(), ProviderFailure),
        (socket.gaierror(-2, "Name or service not known"), ProviderFailure),
        (json.JSONDecodeError("no JSON", "<html>", 0), ProviderFailure),
        (openai.APIResponseValidationError(answer(200), None), ProviderFailure),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_transport_and_broken_answers(error: Exception, expected: type[ProviderFailure]) -> None:
    assert type(classify(error, "acme")) is expected


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("b"), FileNotFoundError(2, "c"), asyncio.CancelledError()])
def test_other_exceptions_are_no_providers_fault(error: BaseException) -> None:
    assert classify(error, "acme") is None


def test_failure_stays_what_it_is() -> None:
    failure = ProviderFailure("acme", "broken")
    assert classify(failure, "other") is failure


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"retry-after": "later"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    found = classify(of_httpx(429, headers), "acme")
    assert found is not None
    assert found.retry_after == expected


def test_retry_after_as_a_date_without_the_servers_clock_counts_from_now() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    found = classify(of_httpx(503, {"retry-after": date}), "acme")
    assert found is not None
    assert found.retry_after == pytest.approx(300, abs=20)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        pytest.param(of_httpx(429), True, id="429"),
        pytest.param(of_httpx(500), True, id="500"),
        pytest.param(of_httpx(409), True, id="409"),
        pytest.param(of_httpx(400), False, id="400"),
        pytest.param(of_httpx(401), False, id="401"),
        pytest.param(of_httpx(500, {"x-should-retry": "false"}), False, id="500 the provider would not repeat"),
        pytest.param(of_httpx(400, {"x-should-retry": "true"}), True, id="400 the provider would repeat"),
        pytest.param(of_openai(429, {"code": "insufficient_quota", "message": "pay"}), False, id="quota is used up"),
        pytest.param(httpx.ConnectError("refused"), True, id="connection"),
    ],
)
def test_what_may_help_is_tried_again(error: Exception, retried: bool) -> None:
    failure = classify(error, "acme")
    assert failure is not None
    assert PROVIDER_RETRY.applies(failure, attempt=1) == retried


def test_what_the_provider_said_is_told() -> None:
    failure = classify(of_openai(400, {"message": "max_tokens is too large: 9999"}), "openai")
    assert str(failure) == "openai (HTTP 400): max_tokens is too large: 9999"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-Ab3dEf6hIj9lMn2pQr5t",
        "AIzaSyA1234567890abcdefghijklmnopqrstu",
        "api_key=hunter2hunter2",
        "Authorization: Bearer abc.def-ghi",
        '"x-api-key": "0a1b2c3d-4e5f"',
        "https://user:pass1234@host/v1",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_message_names_no_secret(secret: str) -> None:
    message = str(classify(ConnectionError(f"failed with {secret}"), "acme"))
    assert secret not in message
    assert "[redacted]" in message


@pytest.mark.parametrize(
    "text", ["claude-3-5-sonnet-20241022", "text-embedding-3-small", "req_011CSHoEeqs5C35K2UUqR7Fy"]
)
def test_names_of_models_and_requests_stay(text: str) -> None:
    assert text in str(classify(ConnectionError(f"failed for {text}"), "acme"))


def test_message_is_short() -> None:
    assert len(str(classify(ConnectionError("word " * 10_000), "acme"))) < 600


def test_odd_attributes_of_an_exception_do_no_harm() -> None:
    error = Exception("odd")
    error.response, error.status_code, error.body, error.headers = SimpleNamespace(), "429", 5, 7  # type: ignore[attr-defined]
    assert classify(error, "acme") is None
