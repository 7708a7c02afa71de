"""The OpenAI API as far as our functions use it: answers have the fields of the reference, values are made up.

Source: https://platform.openai.com/docs/api-reference and, for the headers, .../docs/guides/rate-limits.
"""

import base64
import struct
from typing import Any

from tests.providers.loopback import Answer, Received, Route, json_answer

LIMITS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-limit-tokens": "160000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-remaining-tokens": "159976",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-reset-tokens": "8ms",
    "x-request-id": "req_0123456789",
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n made up").decode()
MP3 = b"ID3 made up"


def chat(request: Received) -> Answer:
    asked = request.json
    message: dict[str, Any] = {"role": "assistant", "content": f"answer to {len(asked['messages'])}", "refusal": None}
    if asked.get("tools"):
        message |= {"content": None, "tool_calls": [_tool_call(asked["tools"][0]["function"]["name"])]}
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json_answer(
        {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice],
         "usage": usage, "service_tier": "default", "system_fingerprint": "fp_1"}
    )  # fmt: skip


def _tool_call(name: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city": "Rome"}'}}


def responses(request: Received) -> Answer:
    asked = request.json
    text = {"type": "output_text", "text": "a response", "annotations": []}
    output: list[dict[str, Any]] = [
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    ]
    if asked.get("tools"):
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        output = [call | {"name": asked["tools"][0]["name"], "arguments": '{"city": "Oslo"}'}]
    usage = {
        "input_tokens": 36, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 87,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 123,
    }  # fmt: skip
    return json_answer(
        {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": None,
         "model": asked["model"], "output": output, "usage": usage}
    )  # fmt: skip


def vector_of(text: str, size: int) -> list[float]:
    """The vector this server gives a text: its length, then 0.5 throughout."""
    return [float(len(text)), *[0.5] * (size - 1)]


def embeddings(request: Received) -> Answer:
    asked = request.json
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    size = asked.get("dimensions", 1536)
    vectors: list[Any] = [vector_of(text, size) for text in texts]
    if asked.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    tokens = sum(len(text.split()) for text in texts)
    # Order is given by `index`, not by place.
    return json_answer(
        {"object": "list", "data": data[::-1], "model": asked["model"],
         "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    )  # fmt: skip


def speech(_: Received) -> Answer:
    return Answer(body=MP3, content_type="audio/mpeg")


def transcriptions(request: Received) -> Answer:
    wanted = request.form.get("response_format")
    if wanted and wanted[0].content in (b"text", b"srt", b"vtt"):
        return Answer(body=b"spoken words\n", content_type="text/plain; charset=utf-8")
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    return json_answer({"text": "spoken words", "usage": usage})


def translations(_: Received) -> Answer:
    return json_answer({"text": "words in English"})


def images(_: Received) -> Answer:
    usage = {"input_tokens": 50, "output_tokens": 50, "total_tokens": 100}
    return json_answer({"created": 1713833628, "data": [{"b64_json": PNG}], "usage": usage})


def moderations(request: Received) -> Answer:
    result = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.99}}
    return json_answer({"id": "modr-1", "model": request.json["model"], "results": [result]})


def routes(prefix: str = "/v1") -> dict[str, Route]:
    """All paths, below `prefix`."""
    found: dict[str, Route] = {
        "/chat/completions": chat,
        "/responses": responses,
        "/embeddings": embeddings,
        "/audio/speech": speech,
        "/audio/transcriptions": transcriptions,
        "/audio/translations": translations,
        "/images/generations": images,
        "/images/edits": images,
        "/images/variations": images,
        "/moderations": moderations,
    }
    return {f"{prefix}{path}": route for path, route in found.items()}
