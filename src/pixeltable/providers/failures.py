"""Telling what went wrong with a provider from the exception of any SDK or HTTP client, without importing one."""

import errno
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from pixeltable.exceptions import (
    Error,
    ProviderFailure,
    ProviderOverloaded,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
    RateLimited,
)
from pixeltable.providers.headers import read_headers, retry_after_s
from pixeltable.providers.redact import redact
from pixeltable.udfs.retry import Retry

PROVIDER_RETRY = Retry(on=(ProviderFailure,), times=10, wait_s=1.0, max_wait_s=60.0)
"""For calls of providers: what may succeed later is tried again, what was refused or rejected is not."""

_LONGEST_MESSAGE = 500

_BY_STATUS: dict[int, type[ProviderFailure]] = {
    401: ProviderRefused,
    403: ProviderRefused,
    408: ProviderTimedOut,
    409: ProviderFailure,
    429: RateLimited,
    503: ProviderOverloaded,
    504: ProviderTimedOut,
    529: ProviderOverloaded,  # Anthropic's own
}

# Codes in the body of a 429 that mean a bill or a plan, not a pace: waiting does not help.
_SPENT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}

# Names of classes, since the libraries that define them are not imported here.
_TIMEOUTS = {"TimeoutException", "Timeout", "APITimeoutError", "ServerTimeoutError", "ReadTimeoutError"}
_CONNECTIONS = {
    "TransportError", "APIConnectionError", "ClientConnectionError", "ClientPayloadError", "ConnectionError",
    "ChunkedEncodingError", "IncompleteRead", "HTTPClientError", "ServiceRequestError",
}  # fmt: skip
_MALFORMED = {"APIResponseValidationError", "DecodingError", "ContentTypeError"}
_NETWORK_ERRNOS = {
    errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET,
    errno.ENETUNREACH, errno.EPIPE,
}  # fmt: skip


def classify(error: BaseException, provider: str) -> ProviderFailure | None:
    """The failure of `provider` that `error` stands for; None where it is no provider's, but a bug or the user's.

    Raises nothing. What it returns names no secret and holds no headers.

    >>> classify(ConnectionResetError("peer went away"), "acme")
    ProviderFailure('acme: the connection failed: ConnectionResetError: peer went away')
    >>> classify(KeyError("text"), "acme") is None
    True
    """
    if isinstance(error, ProviderFailure):
        return error
    if isinstance(error, Error):
        return None  # ours, such as a missing key
    status = _status(error)
    if status is not None and 400 <= status < 600:
        return _by_status(error, provider, status)
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, TimeoutError) or names & _TIMEOUTS:
        return ProviderTimedOut(provider, f"no answer in time: {_told(error)}")
    if names & _MALFORMED or isinstance(error, json.JSONDecodeError):
        return ProviderFailure(provider, f"the answer cannot be read: {_told(error)}", status_code=status)
    if names & _CONNECTIONS or _is_network(error):
        return ProviderFailure(provider, f"the connection failed: {_told(error)}")
    return None


def _is_network(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | socket.gaierror | ssl.SSLError):
        return True
    return isinstance(error, OSError) and error.errno in _NETWORK_ERRNOS


def _by_status(error: BaseException, provider: str, status: int) -> ProviderFailure:
    response = getattr(error, "response", None)
    headers = read_headers(getattr(error, "headers", None)) | _response_headers(response)
    default = ProviderFailure if status >= 500 else ProviderRejected
    kind = _BY_STATUS.get(status, default)
    may_help = headers.get("x-should-retry", "").lower()
    if status == 429 and _codes(error) & _SPENT:
        kind = ProviderRefused
    elif may_help == "false" and kind is not ProviderRefused:
        kind = ProviderRejected
    elif may_help == "true" and kind is ProviderRejected:
        kind = ProviderFailure
    return kind(provider, _message(error), status_code=status, retry_after=_asked_s(error, headers))


def _asked_s(error: BaseException, headers: Mapping[str, str]) -> float | None:
    asked = retry_after_s(headers)
    if asked is None:
        own: Any = getattr(error, "retry_after", None)
        asked = float(own) if isinstance(own, int | float) else None
    return asked


def _status(error: BaseException) -> int | None:
    """The HTTP status: of the exception itself, of its response, or where botocore has it."""
    response = getattr(error, "response", None)
    candidates = [getattr(error, name, None) for name in ("status_code", "status", "code", "http_status")]
    candidates += [getattr(response, name, None) for name in ("status_code", "status")]
    if isinstance(response, Mapping):
        candidates.append(_mapping(response.get("ResponseMetadata")).get("HTTPStatusCode"))
    numbers = (found for found in candidates if isinstance(found, int) and not isinstance(found, bool))
    return next((int(number) for number in numbers), None)


def _response_headers(response: Any) -> dict[str, str]:
    if isinstance(response, Mapping):
        return read_headers(_mapping(response.get("ResponseMetadata")).get("HTTPHeaders"))
    return read_headers(getattr(response, "headers", None))


def _codes(error: BaseException) -> set[str]:
    """Names the provider gives the failure, wherever the SDK leaves them."""
    body = _mapping(getattr(error, "body", None))
    inner = _mapping(body.get("error"))
    found = [getattr(error, "code", None), getattr(error, "type", None)]
    found += [part.get(name) for part in (body, inner) for name in ("code", "type")]
    return {code for code in found if isinstance(code, str)}


def _message(error: BaseException) -> str:
    body = _mapping(getattr(error, "body", None))
    inner = _mapping(body.get("error"))
    said = inner.get("message") or body.get("message") or getattr(error, "message", None) or str(error)
    return _short(str(said)) or type(error).__name__


def _told(error: BaseException) -> str:
    """The error's class and text; an SDK's connection error says little itself, but its cause does."""
    cause = f" ({type(error.__cause__).__name__}: {error.__cause__})" if error.__cause__ is not None else ""
    return _short(f"{type(error).__name__}: {error}{cause}")


def _short(text: str) -> str:
    clean = redact(text).strip()
    return clean if len(clean) <= _LONGEST_MESSAGE else f"{clean[: _LONGEST_MESSAGE - 3]}..."


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
