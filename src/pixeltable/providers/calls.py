"""One request to a provider through the client of its SDK, and its answer as the JSON it is.

The SDKs' own methods would check every field against their models, and refuse those they do not know yet; `post`, which
they have for such cases, sends what it is given.
"""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidArgument, ProviderFailure, Unsupported
from pixeltable.providers.redact import redact

Learn = Callable[[Mapping[str, str]], None]
"""Takes what there is to learn from the headers of an answer."""

_OPTIONS = {"extra_headers": "headers", "extra_query": "params", "timeout": "timeout"}
"""From a keyword of the SDKs' methods to the option of `post` that it sets."""

_SECRET_HEADERS = ("authorization", "api-key", "x-api-key")


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted: `files` makes it a form, `options` are those of the SDK's `post`."""

    path: str
    body: Mapping[str, Any]
    options: Mapping[str, Any]
    files: Mapping[str, tuple[str, bytes, str]] | None = None


def arrange(path: str, model_kwargs: Mapping[str, Any] | None, **fields: Any) -> Request:
    """A request with these fields, those that are None left out, and with what `model_kwargs` adds.

    As in the SDKs, `extra_body`, `extra_headers`, `extra_query` and `timeout` (seconds) of it are about the request.

    Raises:
        InvalidArgument: `model_kwargs` names a field that is a parameter of its own, or a header with a credential.
        Unsupported: it asks for a stream.
    """
    given = dict(model_kwargs or {})
    given |= given.pop("extra_body", None) or {}
    options = {_OPTIONS[name]: given.pop(name) for name in _OPTIONS if name in given}
    twice = sorted(fields.keys() & given.keys())
    if twice:
        raise InvalidArgument(f"model_kwargs has {twice[0]!r}", hint="Pass it as the parameter of that name.")
    if given.get("stream"):
        raise Unsupported("model_kwargs asks for a stream, but a cell has its answer as a whole")
    if any(name.lower() in _SECRET_HEADERS for name in options.get("headers") or {}):
        raise InvalidArgument(
            "extra_headers has a credential, which would be stored with the expression",
            hint="Set it in the environment or in config.toml.",
        )
    body = {name: value for name, value in fields.items() if value is not None}
    return Request(path, body | given, options)


async def post(client: Any, request: Request, *, learn: Learn) -> Any:
    """The SDK's raw response to the request; `learn` sees the headers of answers and of refusals.

    Raises:
        Exception: the SDK's own.
    """
    response_type = importlib.import_module("httpx2").Response
    options = dict(request.options)
    if request.files is not None:
        options["headers"] = {"Content-Type": "multipart/form-data", **(options.get("headers") or {})}
    try:
        response = await client.post(
            request.path, cast_to=response_type, body=dict(request.body), files=request.files, options=options
        )
    except Exception as error:
        refusal = getattr(error, "response", None)
        if refusal is not None:
            learn(refusal.headers)
        raise
    learn(response.headers)
    return response


def read_object(response: Any, *, provider: str) -> dict[str, Any]:
    """The JSON object that an answer holds.

    Raises:
        ProviderFailure: it holds something else, such as the page of a proxy.
    """
    content = response.content
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        kind = response.headers.get("content-type", "no content type")
        shown = redact(content[:100].decode(errors="replace"))
        raise ProviderFailure(provider, f"the answer is no JSON object, but {kind}: {shown!r}", status_code=200)
    return found
