"""The Anthropic Messages API as far as our functions use it.

Source: https://docs.anthropic.com/en/api/messages and, for the headers, .../api/rate-limits.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.providers.loopback import Answer, Received, Route, json_answer

KINDS = ("requests", "tokens", "input-tokens", "output-tokens")


def limits() -> dict[str, str]:
    """The headers of an answer; times are absolute, a minute from now."""
    reset = (datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    found = {"request-id": "req_0123456789"}
    for number, kind in enumerate(KINDS, start=1):
        found |= {
            f"anthropic-ratelimit-{kind}-limit": str(1000 * number),
            f"anthropic-ratelimit-{kind}-remaining": str(1000 * number - 1),
            f"anthropic-ratelimit-{kind}-reset": reset,
        }
    return found


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
