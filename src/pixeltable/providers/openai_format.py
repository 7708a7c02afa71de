"""The wire format of OpenAI, which many providers speak: tools, answers, limits in headers, usage."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixeltable.exceptions import InvalidData, ProviderFailure, ProviderRejected
from pixeltable.providers.content import ANSWER_TOKENS, estimated_tokens
from pixeltable.providers.headers import learnt_limit
from pixeltable.udfs.report import call_report

Vector = NDArray[np.float32]

_MAX_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def chat_tools(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Tools as Chat Completions takes them; those that have a `type` already are left as they are.

    >>> chat_tools([{"name": "now", "description": None, "parameters": {"type": "object"}}])
    [{'type': 'function', 'function': {'name': 'now', 'parameters': {'type': 'object'}}}]
    """
    if tools is None:
        return None
    return [dict(tool) if "type" in tool else {"type": "function", "function": _present(tool)} for tool in tools]


def response_tools(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Tools as Responses takes them. There they are strict unless said otherwise: optional parameters would be refused.

    >>> response_tools([{"name": "now", "description": "The time", "parameters": {}}])
    [{'type': 'function', 'name': 'now', 'description': 'The time', 'parameters': {}, 'strict': False}]
    """
    if tools is None:
        return None
    return [dict(tool) if "type" in tool else {"type": "function", **_present(tool), "strict": False} for tool in tools]


def _present(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if value is not None}


def chat_choice(choice: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of Chat Completions for a tool choice.

    Some models refuse `parallel_tool_calls` altogether, so it is sent only where it is not the default.

    >>> chat_choice({"auto": False, "required": False, "tool": "now", "parallel_tool_calls": False})
    {'tool_choice': {'type': 'function', 'function': {'name': 'now'}}, 'parallel_tool_calls': False}
    """
    return _choice(choice, {"type": "function", "function": {"name": (choice or {}).get("tool")}})


def response_choice(choice: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of Responses for a tool choice.

    >>> response_choice({"auto": False, "required": True, "tool": None, "parallel_tool_calls": True})
    {'tool_choice': 'required'}
    """
    return _choice(choice, {"type": "function", "name": (choice or {}).get("tool")})


def _choice(choice: Mapping[str, Any] | None, named: dict[str, Any]) -> dict[str, Any]:
    if choice is None:
        return {}
    if "parallel_tool_calls" not in choice:
        return {"tool_choice": dict(choice)}  # in the provider's form already
    wanted: Any = named if choice["tool"] else "required" if choice["required"] else "auto"
    return {"tool_choice": wanted} | ({} if choice["parallel_tool_calls"] else {"parallel_tool_calls": False})


def tool_calls(response: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The calls of tools that a model asks for, in an answer of Chat Completions or Responses: their arguments by tool.

    Raises:
        InvalidData: the arguments of a call are no JSON, as when the answer was cut off at its maximum length.
    """
    if "output" in response:
        calls = [item for item in response["output"] if item.get("type") == "function_call"]
    else:
        messages = [choice.get("message") or {} for choice in response.get("choices") or []]
        wanted = [call for message in messages for call in message.get("tool_calls") or []]
        calls = [call["function"] for call in wanted if "function" in call]
    found: dict[str, list[Any]] = {}
    for call in calls:
        found.setdefault(call["name"], []).append(_arguments(call))
    return found


def _arguments(call: Mapping[str, Any]) -> Any:
    text = call.get("arguments") or "{}"
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidData(f"tool {call['name']!r}: the model's arguments are no JSON: {text[:100]!r}") from None


def learn_limits(headers: Mapping[str, str]) -> None:
    """Put into the call's report what the headers say of limits.

    Source: https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers".
    """
    limits = call_report().limits
    for resource in ("requests", "tokens"):
        learnt = learnt_limit(
            headers.get(f"x-ratelimit-limit-{resource}"),
            headers.get(f"x-ratelimit-remaining-{resource}"),
            headers.get(f"x-ratelimit-reset-{resource}"),
        )
        if learnt is not None:
            limits[resource] = learnt


def report_usage(answer: Mapping[str, Any], *, model: str) -> None:
    """Put into the call's report what the answer says it took."""
    report = call_report()
    report.model = model
    usage = answer.get("usage") or {}
    report.input_tokens = usage.get("prompt_tokens") or usage.get("input_tokens") or 0
    report.output_tokens = usage.get("completion_tokens") or usage.get("output_tokens") or 0
    if report.input_tokens or report.output_tokens:
        report.usage["tokens"] = report.input_tokens + report.output_tokens


def estimate(prompt: Any, model_kwargs: Mapping[str, Any] | None) -> dict[str, int]:
    """What a call is expected to take: the prompt, and as much for each answer as it may have."""
    given = model_kwargs or {}
    longest = next((given[name] for name in _MAX_TOKENS if given.get(name)), ANSWER_TOKENS)
    return {"tokens": estimated_tokens(prompt) + longest * (given.get("n") or 1)}


def text_of(answer: Mapping[str, Any], *, provider: str) -> str:
    """The text of a chat completion.

    Raises:
        ProviderRejected: it has none, as when the model refused.
    """
    choices = answer.get("choices") or [{}]
    message = choices[0].get("message") or {}
    text = message.get("content")
    if not isinstance(text, str):
        raise ProviderRejected(provider, f"the answer has no text: {message.get('refusal') or 'no message'}")
    return text


def vectors_of(answer: Mapping[str, Any], count: int, *, provider: str) -> list[Vector]:
    """The vectors of an embeddings answer, in the order of the texts.

    Raises:
        ProviderFailure: there are not `count` of them.
    """
    found = {item.get("index"): item.get("embedding") for item in answer.get("data") or []}
    if found.keys() != set(range(count)):
        raise ProviderFailure(provider, f"the answer has {len(found)} vectors for {count} texts")
    return [_vector(found[place]) for place in range(count)]


def _vector(embedding: Any) -> Vector:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), dtype="<f4").astype(np.float32)
    return np.array(embedding, dtype=np.float32)
