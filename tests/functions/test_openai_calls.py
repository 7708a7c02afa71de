"""OpenAI: what goes with a call: pools, estimates, reports, settings, Azure, tools."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixeltable.exceptions import InvalidConfiguration, InvalidData
from pixeltable.exprs.codec import decode, encode
from pixeltable.functions import openai
from pixeltable.providers.openai_format import tool_calls
from pixeltable.types.column_type import AudioType, ImageType, JsonType, StringType
from pixeltable.udfs.report import LearntLimit
from tests.functions.asking import ask, failed, reported
from tests.functions.conftest import OPENAI_KEY
from tests.providers import openai_api
from tests.providers.loopback import Loopback, running
from tests.udfs.columns import column

pytest.importorskip("openai")
HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip
TOOLS = [
    {"name": "weather", "description": "Says it", "parameters": SCHEMA},
    {"name": "x", "description": None, "parameters": SCHEMA},
]


def choice(**given: Any) -> dict[str, Any]:
    return {"auto": False, "required": False, "tool": None, "parallel_tool_calls": True, **given}


@pytest.mark.parametrize(
    ("function", "pool"),
    [
        *[(f, "rate-limits:openai:m") for f in (openai.chat_completions, openai.responses, openai.vision)],
        (openai.embeddings, "rate-limits:openai:m"),
        *[(f, "request-rate:openai:m") for f in (openai.speech, openai.transcriptions, openai.translations)],
        *[(f, "request-rate:openai:m") for f in (openai.image_generations, openai.image_edits, openai.moderations)],
        (openai.image_variations, "request-rate:openai:m"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_model_decides_the_pool(function: Any, pool: str) -> None:
    assert function.pool_rule(model="m") == pool


def test_prompt_and_longest_answers_make_the_estimate() -> None:
    estimate = openai.chat_completions.estimate_rule
    assert estimate is not None
    messages = [{"role": "user", "content": "x" * 400}]
    limited = estimate(messages=messages, model_kwargs={"max_tokens": 50, "n": 3}, tools=None)
    assert limited["tokens"] == pytest.approx(100 + 150, abs=10)
    assert estimate(messages=messages, model_kwargs=None, tools=None)["tokens"] > limited["tokens"] - 50


@pytest.mark.parametrize("text", ["word " * 100, "слово " * 100, "言葉" * 100])
def test_estimate_of_text_is_of_the_right_size(text: str) -> None:
    assert openai.embeddings.estimate_rule is not None
    tokens = openai.embeddings.estimate_rule(input=[text])["tokens"]
    assert 100 <= tokens <= 350


def test_image_is_not_counted_as_text() -> None:
    assert openai.vision.estimate_rule is not None
    large = Image.new("RGB", (2000, 2000))
    found = openai.vision.estimate_rule(prompt="what?", image=large, model_kwargs={"max_tokens": 10})
    assert found == {"tokens": 1012}


def test_report_has_usage_and_limits(openai_server: Loopback) -> None:  # noqa: ARG001  # it answers
    _, report = reported(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert (report.model, report.input_tokens, report.output_tokens) == ("gpt-5", 9, 12)
    assert report.usage == {"tokens": 21}
    assert report.limits == {
        "requests": LearntLimit(5000, 4999, 0.012), "tokens": LearntLimit(160_000, 159_976, 0.008),
    }  # fmt: skip


def test_report_of_a_response_and_of_vectors(openai_server: Loopback) -> None:  # noqa: ARG001  # it answers
    _, report = reported(lambda: openai.responses.body("hello", model="gpt-5"))
    assert (report.input_tokens, report.output_tokens) == (36, 87)
    _, report = reported(lambda: openai.embeddings.body(["one two", "three"], model="m"))
    assert (report.input_tokens, report.output_tokens, report.usage) == (3, 0, {"tokens": 3})


def test_options_of_a_request_are_not_part_of_its_body(openai_server: Loopback) -> None:
    kwargs = {"extra_headers": {"X-Mine": "1"}, "extra_query": {"q": "2"}, "extra_body": {"b": 3}, "timeout": 20}
    ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5", model_kwargs=kwargs))
    request = openai_server.last
    assert (request.headers["x-mine"], request.query, request.json["b"]) == ("1", "q=2", 3)
    assert set(request.json) == {"model", "messages", "b"}
    assert request.headers["x-stainless-read-timeout"] == "20"


def test_file_of_the_home_has_key_and_address(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with running(openai_api.routes("/other")) as server:
        (home / "config.toml").write_text(f'[openai]\napi_key = "sk-of-the-file"\nbase_url = "{server.url}/other"\n')
        ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert server.last.headers["authorization"] == "Bearer sk-of-the-file"


@pytest.mark.parametrize("suffix", ["", "/openai"], ids=["endpoint", "base-url"])
def test_api_version_means_azure(home: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:  # noqa: ARG001
    with running(openai_api.routes("/openai/deployments/gpt-5")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + suffix)
        monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
        answer = ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert server.last.path == "/openai/deployments/gpt-5/chat/completions"
    assert server.last.query == "api-version=2024-10-21"
    assert server.last.headers["api-key"] == OPENAI_KEY
    assert answer["model"] == "gpt-5"


def test_azure_needs_an_address(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    error = failed(lambda: openai.chat_completions.body(HELLO, model="gpt-5"))
    assert isinstance(error, InvalidConfiguration)
    assert "OPENAI_BASE_URL" in str(error)


def test_tools_of_chat_are_wrapped(openai_server: Loopback) -> None:
    ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5", tools=TOOLS))
    assert openai_server.last.json["tools"] == [
        {"type": "function", "function": {"name": "weather", "description": "Says it", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "x", "parameters": SCHEMA}},
    ]


def test_tools_of_responses_are_flat_and_not_strict(openai_server: Loopback) -> None:
    built_in = {"type": "web_search"}
    ask(lambda: openai.responses.body("hello", model="gpt-5", tools=[TOOLS[1], built_in]))
    wanted = {"type": "function", "name": "x", "parameters": SCHEMA, "strict": False}
    assert openai_server.last.json["tools"] == [wanted, built_in]


@pytest.mark.parametrize(
    ("given", "chat", "response"),
    [
        (choice(auto=True), "auto", "auto"),
        (choice(required=True), "required", "required"),
        (
            choice(tool="x"),
            {"type": "function", "function": {"name": "x"}},
            {"type": "function", "name": "x"},
        ),
        ({"type": "allowed_tools"}, {"type": "allowed_tools"}, {"type": "allowed_tools"}),
    ],
    ids=["auto", "required", "one", "own-form"],
)
def test_tool_choice_is_translated(openai_server: Loopback, given: dict[str, Any], chat: Any, response: Any) -> None:
    ask(lambda: openai.chat_completions.body(HELLO, model="m", tools=TOOLS, tool_choice=given))
    assert openai_server.last.json["tool_choice"] == chat
    assert "parallel_tool_calls" not in openai_server.last.json
    ask(lambda: openai.responses.body("hello", model="m", tools=TOOLS, tool_choice=given))
    assert openai_server.last.json["tool_choice"] == response


def test_calls_one_after_the_other_are_asked_for(openai_server: Loopback) -> None:
    one = choice(auto=True, parallel_tool_calls=False)
    ask(lambda: openai.chat_completions.body(HELLO, model="m", tools=TOOLS, tool_choice=one))
    assert openai_server.last.json["parallel_tool_calls"] is False


def test_calls_of_tools_are_found_in_both_kinds_of_answer(openai_server: Loopback) -> None:  # noqa: ARG001
    chat = ask(lambda: openai.chat_completions.body(HELLO, model="m", tools=TOOLS))
    response = ask(lambda: openai.responses.body("hello", model="m", tools=TOOLS))
    assert tool_calls(chat) == {"weather": [{"city": "Rome"}]}
    assert tool_calls(response) == {"weather": [{"city": "Oslo"}]}


def test_answer_without_calls_has_none(openai_server: Loopback) -> None:  # noqa: ARG001  # it answers
    assert tool_calls(ask(lambda: openai.chat_completions.body(HELLO, model="m"))) == {}
    assert tool_calls(ask(lambda: openai.responses.body("hello", model="m"))) == {}


def test_arguments_cut_off_are_no_call() -> None:
    call = {"function": {"name": "weather", "arguments": '{"city": "Ro'}}
    with pytest.raises(InvalidData, match="weather"):
        tool_calls({"choices": [{"message": {"tool_calls": [call]}}]})


def test_call_is_stored_and_read_again() -> None:
    call = openai.chat_completions(column("m", JsonType()), model="gpt-5", model_kwargs={"seed": 1}, tools=TOOLS)
    assert repr(decode(encode(call))) == repr(call)
    assert call.col_type == JsonType()


def test_media_parameters_take_media_columns() -> None:
    image, audio = column("i", ImageType()), column("a", AudioType())
    assert openai.vision("what?", image, model="m").col_type == StringType()
    assert openai.transcriptions(audio, model="m").col_type == JsonType()
    assert openai.speech(column("s", StringType()), model="m", voice="v").col_type == AudioType()
    assert openai.image_edits(image, prompt="p", model="m", mask=image).col_type == JsonType()
