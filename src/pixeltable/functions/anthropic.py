"""Anthropic: messages, with images and tools.

The key is `ANTHROPIC_API_KEY`, or `api_key` in `[anthropic]` of the configuration file; `base_url` there leads to
another server. Errors are those of `pixeltable.exceptions.ExternalServiceError`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pixeltable.exprs.expr import Expr
from pixeltable.providers.calls import arrange, post, read_object
from pixeltable.providers.connections import sdk_options
from pixeltable.providers.content import ImageFile, estimated_tokens, is_image, with_images
from pixeltable.providers.failures import PROVIDER_RETRY
from pixeltable.providers.headers import learnt_limit
from pixeltable.providers.provider import Provider
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.report import call_report
from pixeltable.udfs.tools import Tools

ANTHROPIC = Provider("anthropic", package="anthropic", extra="anthropic", options=("base_url",))

Json = dict[str, Any]
Options = dict[str, Any] | None

_RESOURCES = {
    "requests": "requests", "tokens": "tokens", "input_tokens": "input-tokens", "output_tokens": "output-tokens",
}  # fmt: skip
"""From a resource to its name in the headers."""


@udf(memo=True, retry=PROVIDER_RETRY)
async def messages(
    messages: list[Json], *, model: str, max_tokens: int, model_kwargs: Options = None,
    tools: list[Json] | None = None, tool_choice: Json | None = None,
) -> Json:  # fmt: skip
    """A message that answers a conversation: the service's JSON, unchanged.

    Args:
        messages: as the service takes them. A Pillow image may stand for an image block in `content`, or for the
            `source` of one.
        max_tokens: the longest answer.
        model_kwargs: further fields of the request, such as `system` or `temperature`.
        tools: what `pxt.tools()` returns, or tools in the service's own form.
        tool_choice: what `tools.choice()` returns, or a choice in the service's own form.

    Raises:
        ExternalServiceError: see `docs/errors.md`.

    Source:
        https://docs.anthropic.com/en/api/messages
    """
    request = arrange(
        "/v1/messages", model_kwargs, model=model, max_tokens=max_tokens, messages=await _with_blocks(messages),
        tools=_tools(tools), tool_choice=_choice(tool_choice),
    )  # fmt: skip
    client = ANTHROPIC.client(_client)
    with ANTHROPIC.failures():
        response = await post(client, request, learn=_learn_limits)
    answer = read_object(response, provider=ANTHROPIC.name)
    _report_usage(answer, model)
    return answer


def invoke_tools(tools: Tools, response: Expr) -> Expr:
    """Call the tools that a model asked for in a message.

    The value is Json: the name of each tool, and a list of the results of its calls, or null if it was not asked for.
    """
    return tools.invoke(_tool_calls(response))


@udf
def _tool_calls(response: Json) -> Json:
    found: dict[str, list[Any]] = {}
    for block in response.get("content") or []:
        if block.get("type") == "tool_use":
            found.setdefault(block["name"], []).append(block["input"])
    return found


messages.resource_pool(ANTHROPIC.pool)


@messages.resource_estimator
def _(messages: list[Json], max_tokens: int, model_kwargs: Options, tools: list[Json] | None) -> dict[str, int]:
    prompt = estimated_tokens([messages, tools, (model_kwargs or {}).get("system")])
    return {"tokens": prompt + max_tokens, "input_tokens": prompt, "output_tokens": max_tokens}


async def _with_blocks(messages: list[Json]) -> list[Json]:
    """The messages with blocks of the service's form for the Pillow images in them."""
    return list(await with_images([_with_image_blocks(message) for message in messages], _source))


def _with_image_blocks(message: Json) -> Json:
    content = message.get("content")
    if not isinstance(content, list) or not any(map(is_image, content)):
        return message
    blocks = [{"type": "image", "source": item} if is_image(item) else item for item in content]
    return {**message, "content": blocks}


def _source(image: ImageFile) -> Json:
    return {"type": "base64", "media_type": image.media_type, "data": image.base64}


def _tools(tools: Sequence[Json] | None) -> list[Json] | None:
    if tools is None:
        return None
    return [
        {"input_schema" if name == "parameters" else name: value for name, value in tool.items() if value is not None}
        for tool in tools
    ]


def _choice(choice: Json | None) -> Json | None:
    if choice is None or "parallel_tool_calls" not in choice:
        return choice
    kind = {"type": "tool", "name": choice["tool"]} if choice["tool"] else {"type": _kind(choice)}
    return kind if choice["parallel_tool_calls"] else {**kind, "disable_parallel_tool_use": True}


def _kind(choice: Json) -> str:
    return "any" if choice["required"] else "auto"


def _learn_limits(headers: Mapping[str, str]) -> None:
    """Source: https://docs.anthropic.com/en/api/rate-limits, "Response headers"."""
    limits = call_report().limits
    now = _server_time(headers.get("date"))
    for resource, name in _RESOURCES.items():
        prefix = f"anthropic-ratelimit-{name}"
        learnt = learnt_limit(
            headers.get(f"{prefix}-limit"), headers.get(f"{prefix}-remaining"), headers.get(f"{prefix}-reset"), now=now
        )
        if learnt is not None:
            limits[resource] = learnt


def _server_time(date: str | None) -> datetime | None:
    """The limits come back at times of the server's clock, which may differ from ours."""
    try:
        return parsedate_to_datetime(date) if date else None
    except ValueError:
        return None


def _report_usage(answer: Json, model: str) -> None:
    """What was written to the cache counts towards the limit of input, what was read from it does not."""
    report, usage = call_report(), answer.get("usage") or {}
    sent = (usage.get("input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    report.model = model
    report.input_tokens = sent + (usage.get("cache_read_input_tokens") or 0)
    report.output_tokens = usage.get("output_tokens") or 0
    if usage:
        report.usage |= {
            "tokens": sent + report.output_tokens, "input_tokens": sent, "output_tokens": report.output_tokens,
        }  # fmt: skip


def _client(sdk: Any, values: Mapping[str, Any]) -> Any:
    options = sdk_options(sdk, values, url="https://api.anthropic.com", section=ANTHROPIC.name)
    return sdk.AsyncAnthropic(api_key=values["api_key"], base_url=values.get("base_url"), **options)
