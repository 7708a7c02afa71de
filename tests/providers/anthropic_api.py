"""The Anthropic Messages API as far as our functions use it.

Source: https://docs.anthropic.com/en/api/messages and, for the headers, .../api/rate-limits.
"""

from typing import Any

from tests.providers.loopback import Answer, Received, Route, json_answer

KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
LIMITS = {"request-id": "req_0123456789", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}
"""The headers of an answer; all limits are back a minute after the server's date."""
for _number, _kind in enumerate(KINDS, start=1):
    LIMITS |= {
        f"anthropic-ratelimit-{_kind}-limit": str(100_000 * _number),
        f"anthropic-ratelimit-{_kind}-remaining": str(100_000 * _number - 1),
        f"anthropic-ratelimit-{_kind}-reset": "2015-10-21T07:29:00Z",
    }


def messages(request: Received) -> Answer:
    asked = request.json
    content: list[dict[str, Any]] = [{"type": "text", "text": f"answer to {len(asked['messages'])}"}]
    stopped = "end_turn"
    if asked.get("tools"):
        content.append(
            {"type": "tool_use", "id": "toolu_1", "name": asked["tools"][0]["name"], "input": {"city": "Rome"}}
        )
        stopped = "tool_use"
    usage = {"input_tokens": 25, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 15}
    return json_answer(
        {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": content,
         "stop_reason": stopped, "stop_sequence": None, "usage": usage}
    )  # fmt: skip


def error(status: int, kind: str, message: str) -> Answer:
    """A failure as the API words it."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return json_answer(body, status=status)


def routes() -> dict[str, Route]:
    return {"/v1/messages": messages}
