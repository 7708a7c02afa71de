"""OpenAI: what each function sends, and what it makes of the answer."""

import asyncio
import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixeltable.exceptions import ProviderFailure, ProviderRejected
from pixeltable.functions import openai
from pixeltable.types.column_type import ArrayType, StringType
from tests.functions.asking import ask, failed, in_session
from tests.functions.conftest import OPENAI_KEY
from tests.providers import openai_api
from tests.providers.loopback import Answer, Loopback, json_answer
from tests.udfs.columns import column

pytest.importorskip("openai")
HELLO = [{"role": "user", "content": "hello"}]
RED = Image.new("RGB", (4, 3), (255, 0, 0))


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = tmp_path / "words.wav"
    path.write_bytes(b"RIFF made up")
    return str(path)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def opened_url(url: str) -> Image.Image:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return opened(base64.b64decode(data))


def test_chat_sends_the_request_as_given(openai_server: Loopback) -> None:
    ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5", model_kwargs={"temperature": 0, "new_field": [1]}))
    assert openai_server.last.path == "/v1/chat/completions"
    assert openai_server.last.headers["authorization"] == f"Bearer {OPENAI_KEY}"
    assert openai_server.last.json == {"model": "gpt-5", "messages": HELLO, "temperature": 0, "new_field": [1]}


def test_chat_answers_the_json_unchanged(openai_server: Loopback) -> None:
    sent = {"id": "x", "unknown": {"deep": [1, None]}, "choices": []}
    openai_server.fail_next(json_answer(sent))
    assert ask(lambda: openai.chat_completions.body(HELLO, model="gpt-5")) == sent


def test_responses_sends_the_request_as_given(openai_server: Loopback) -> None:
    answer = ask(lambda: openai.responses.body("hello", model="gpt-5", model_kwargs={"store": False}))
    assert openai_server.last.path == "/v1/responses"
    assert openai_server.last.json == {"model": "gpt-5", "input": "hello", "store": False}
    assert answer["output"][0]["content"][0]["text"] == "a response"


def test_image_in_messages_becomes_a_data_url(openai_server: Loopback) -> None:
    content = [{"type": "image_url", "image_url": {"url": RED}}, {"type": "text", "text": "what is it?"}]
    messages = [{"role": "user", "content": content}]
    ask(lambda: openai.chat_completions.body(messages, model="gpt-5"))
    image, text = openai_server.last.json["messages"][0]["content"]
    assert opened_url(image["image_url"]["url"]).getpixel((0, 0)) == (255, 0, 0)
    assert text == content[1]
    assert messages[0]["content"][0]["image_url"]["url"] is RED, "an argument was written into"


def test_vision_sends_prompt_and_image(openai_server: Loopback) -> None:
    answer = ask(lambda: openai.vision.body("what?", RED, model="gpt-5", model_kwargs={"max_completion_tokens": 9}))
    [message] = openai_server.last.json["messages"]
    assert message["content"][0] == {"type": "text", "text": "what?"}
    assert opened_url(message["content"][1]["image_url"]["url"]).size == (4, 3)
    assert openai_server.last.json["max_completion_tokens"] == 9
    assert answer == "answer to 1"


def test_vision_without_text_is_no_answer(openai_server: Loopback) -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "I will not look at that"}
    openai_server.fail_next(json_answer({"choices": [{"message": refusal}]}))
    error = failed(lambda: openai.vision.body("what?", RED, model="gpt-5"))
    assert isinstance(error, ProviderRejected)
    assert "I will not look at that" in str(error)


def test_jpeg_stays_a_jpeg(openai_server: Loopback) -> None:
    buffer = io.BytesIO()
    RED.save(buffer, "JPEG")
    ask(lambda: openai.vision.body("what?", opened(buffer.getvalue()), model="gpt-5"))
    url = openai_server.last.json["messages"][0]["content"][1]["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "F"])
def test_images_of_every_mode_can_be_sent(openai_server: Loopback, mode: str) -> None:
    ask(lambda: openai.vision.body("what?", RED.convert("L" if mode == "F" else "RGB").convert(mode), model="gpt-5"))
    url = openai_server.last.json["messages"][0]["content"][1]["image_url"]["url"]
    assert opened_url(url).size == (4, 3)


def test_embeddings_come_in_the_order_of_the_texts(openai_server: Loopback) -> None:
    texts = ["a", "bb", "ccc"]
    vectors = ask(lambda: openai.embeddings.body(texts, model="text-embedding-3-small"))
    assert openai_server.last.path == "/v1/embeddings"
    assert openai_server.last.json == {
        "model": "text-embedding-3-small", "input": texts, "encoding_format": "base64",
    }  # fmt: skip
    assert [vector.dtype for vector in vectors] == [np.float32] * 3
    expected = np.array([openai_api.vector_of(text, 1536) for text in texts])
    assert np.array_equal(np.stack(vectors), expected)


def test_embeddings_may_be_numbers(openai_server: Loopback) -> None:
    kwargs = {"encoding_format": "float", "dimensions": 8}
    [vector] = ask(lambda: openai.embeddings.body(["abc"], model="m", model_kwargs=kwargs))
    assert openai_server.last.json["dimensions"] == 8
    assert vector.tolist() == openai_api.vector_of("abc", 8)


@pytest.mark.parametrize("data", [[], [{"index": 0, "embedding": [1.0]}], [{"index": 5, "embedding": [1.0]}] * 2])
def test_missing_vector_fails_the_call(openai_server: Loopback, data: list[Any]) -> None:
    openai_server.fail_next(json_answer({"data": data}))
    error = failed(lambda: openai.embeddings.body(["a", "b"], model="m"))
    assert isinstance(error, ProviderFailure)


@pytest.mark.parametrize(
    ("model", "kwargs", "length"),
    [
        ("text-embedding-3-small", None, 1536),
        ("text-embedding-3-large", None, 3072),
        ("text-embedding-3-large", {"dimensions": 256}, 256),
        ("text-embedding-ada-002", {"user": "me"}, 1536),
        ("some-other-model", None, None),
        ("some-other-model", {"dimensions": 7}, 7),
    ],
)
def test_model_and_dimensions_decide_the_type(model: str, kwargs: dict[str, Any] | None, length: int | None) -> None:
    text = column("s", StringType())
    call = openai.embeddings(text, model=model, model_kwargs=kwargs)
    assert call.col_type == ArrayType(shape=(length,), dtype="float32")
    assert openai.embeddings.using(model=model, model_kwargs=kwargs)(text).col_type == call.col_type


def test_speech_is_written_to_a_file(openai_server: Loopback) -> None:
    path = ask(lambda: openai.speech.body("hi", model="tts-1", voice="alloy", model_kwargs={"response_format": "opus"}))
    assert openai_server.last.path == "/v1/audio/speech"
    assert openai_server.last.json == {"model": "tts-1", "input": "hi", "voice": "alloy", "response_format": "opus"}
    assert Path(path).suffix == ".opus"
    assert Path(path).read_bytes() == openai_api.MP3
    os.unlink(path)


def test_speech_that_is_no_audio_fails_the_call(openai_server: Loopback) -> None:
    openai_server.fail_next(Answer(body=b"<html>", content_type="text/html"))
    error = failed(lambda: openai.speech.body("hi", model="tts-1", voice="alloy"))
    assert isinstance(error, ProviderFailure)
    assert "text/html" in str(error)


@pytest.mark.parametrize(
    ("function", "path", "answer"),
    [
        (openai.transcriptions, "/v1/audio/transcriptions", "spoken words"),
        (openai.translations, "/v1/audio/translations", "words in English"),
    ],
)
def test_recording_is_sent_as_a_file(
    openai_server: Loopback, recording: str, function: Any, path: str, answer: str
) -> None:
    kwargs = {"timestamp_granularities": ["word", "segment"], "temperature": 0}
    found = ask(lambda: function.body(recording, model="whisper-1", model_kwargs=kwargs))
    form = openai_server.last.form
    assert openai_server.last.path == path
    assert (form["file"][0].filename, form["file"][0].content) == ("words.wav", b"RIFF made up")
    assert [part.content for part in form["model"]] == [b"whisper-1"]
    assert [part.content for part in form["timestamp_granularities[]"]] == [b"word", b"segment"]
    assert found["text"] == answer


def test_subtitles_are_the_text_of_the_answer(openai_server: Loopback, recording: str) -> None:
    kwargs = {"response_format": "srt"}
    found = ask(lambda: openai.transcriptions.body(recording, model="whisper-1", model_kwargs=kwargs))
    assert openai_server.last.form["response_format"][0].content == b"srt"
    assert found == {"text": "spoken words\n"}


def test_recording_that_is_not_there_is_the_callers_fault(openai_server: Loopback, tmp_path: Path) -> None:
    error = failed(lambda: openai.transcriptions.body(str(tmp_path / "none.wav"), model="whisper-1"))
    assert isinstance(error, FileNotFoundError)
    assert not openai_server.journal


@pytest.mark.parametrize(
    ("model", "added"), [("gpt-image-1", {}), ("dall-e-3", {"response_format": "b64_json"})], ids=["gpt", "dall-e"]
)
def test_images_are_part_of_the_answer(openai_server: Loopback, model: str, added: dict[str, Any]) -> None:
    answer = ask(lambda: openai.image_generations.body("a cat", model=model, model_kwargs={"size": "1024x1024"}))
    assert openai_server.last.path == "/v1/images/generations"
    assert openai_server.last.json == {"model": model, "prompt": "a cat", "size": "1024x1024", **added}
    assert answer["data"] == [{"b64_json": openai_api.PNG}]


def test_edit_sends_image_and_mask(openai_server: Loopback) -> None:
    mask = Image.new("RGBA", (4, 3), (0, 0, 0, 0))
    answer = ask(lambda: openai.image_edits.body(RED, prompt="blue", model="gpt-image-1", mask=mask))
    form = openai_server.last.form
    assert openai_server.last.path == "/v1/images/edits"
    assert {name: part[0].content for name, part in form.items() if part[0].filename is None} == {
        "model": b"gpt-image-1", "prompt": b"blue",
    }  # fmt: skip
    assert opened(form["image"][0].content).mode == "RGB"
    assert opened(form["mask"][0].content).mode == "RGBA"
    assert {form[name][0].content_type for name in ("image", "mask")} == {"image/png"}
    assert answer["created"] == 1713833628


def test_variation_sends_the_image(openai_server: Loopback) -> None:
    answer = ask(lambda: openai.image_variations.body(RED, model="dall-e-2", model_kwargs={"n": 2}))
    form = openai_server.last.form
    assert openai_server.last.path == "/v1/images/variations"
    assert opened(form["image"][0].content).size == (4, 3)
    assert (form["n"][0].content, form["response_format"][0].content) == (b"2", b"b64_json")
    assert answer["data"] == [{"b64_json": openai_api.PNG}]


def test_moderation_has_a_model_of_its_own(openai_server: Loopback) -> None:
    answer = ask(lambda: openai.moderations.body("I will hurt you"))
    assert openai_server.last.path == "/v1/moderations"
    assert openai_server.last.json == {"model": "omni-moderation-latest", "input": "I will hurt you"}
    assert answer["results"][0]["flagged"] is True


def test_calls_at_once_share_connections(openai_server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MAX_CONNECTIONS", "20")

    async def work() -> list[Any]:
        calls = [openai.chat_completions.body(HELLO, model="m", model_kwargs={"seed": n}) for n in range(200)]
        return list(await asyncio.gather(*calls))

    in_session(work)
    assert sorted(json.loads(request.body)["seed"] for request in openai_server.journal) == list(range(200))
    assert openai_server.connections <= 20
