"""OpenAI, Azure OpenAI, and servers that speak their API: chat, vision, vectors, speech, images, moderation.

The key is `OPENAI_API_KEY`, or `api_key` in `[openai]` of the configuration file; `base_url` and `api_version` there
lead to other servers and to Azure. Every function takes `model_kwargs`, further fields of the request, and returns the
service's JSON unchanged, unless it says otherwise. Errors are of `pixeltable.exceptions.ExternalServiceError`.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from numpy import float32
from numpy.typing import NDArray

from pixeltable.exceptions import InvalidConfiguration, ProviderFailure
from pixeltable.exprs.expr import Expr
from pixeltable.providers.calls import Request, arrange, post, read_object
from pixeltable.providers.connections import sdk_options
from pixeltable.providers.content import ImageFile, estimated_tokens, image_file, png_file, with_images
from pixeltable.providers.failures import PROVIDER_RETRY
from pixeltable.providers.openai_format import (
    chat_choice,
    chat_tools,
    estimate,
    learn_limits,
    report_usage,
    response_choice,
    response_tools,
    text_of,
    tool_calls,
    vectors_of,
)
from pixeltable.providers.provider import Provider
from pixeltable.types.column_type import ArrayType, ImageType
from pixeltable.types.forms import Audio
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.tools import Tools

OPENAI = Provider(
    "openai",
    package="openai",
    extra="openai",
    options=(
        "base_url", "api_version", "max_connections", "max_keepalive_connections", "read_timeout", "write_timeout",
    ),
)  # fmt: skip

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
"""Lengths of the vectors of known models. Source: https://platform.openai.com/docs/guides/embeddings."""

Json = dict[str, Any]
Options = dict[str, Any] | None
Picture = Annotated[Any, ImageType()]
Vector = Annotated[NDArray[float32], ArrayType(shape=(None,), dtype="float32")]


@udf(memo=True, retry=PROVIDER_RETRY)
async def chat_completions(
    messages: list[Json], *, model: str, model_kwargs: Options = None, tools: list[Json] | None = None,
    tool_choice: Json | None = None,
) -> Json:  # fmt: skip
    """A chat completion.

    Args:
        messages: as the service takes them; a Pillow image within becomes a `data:` URL.
        tools: what `pxt.tools()` returns, or tools in the service's own form.
        tool_choice: what `tools.choice()` returns, or a choice in the service's own form.

    Source:
        https://platform.openai.com/docs/api-reference/chat/create
    """
    request = arrange(
        "/chat/completions", model_kwargs, model=model, messages=await with_images(messages, _url),
        tools=chat_tools(tools), **chat_choice(tool_choice),
    )  # fmt: skip
    return await _json(request, model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def responses(
    input: str | list[Json], *, model: str, model_kwargs: Options = None, tools: list[Json] | None = None,
    tool_choice: Json | None = None,
) -> Json:  # fmt: skip
    """A response of the Responses API; the parameters are those of `chat_completions`.

    Source:
        https://platform.openai.com/docs/api-reference/responses/create
    """
    request = arrange(
        "/responses", model_kwargs, model=model, input=await with_images(input, _url), tools=response_tools(tools),
        **response_choice(tool_choice),
    )  # fmt: skip
    return await _json(request, model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def vision(prompt: str, image: Picture, *, model: str, model_kwargs: Options = None) -> str:
    """What a model says to a prompt about an image: the text of a chat completion.

    Raises:
        ProviderRejected: the answer has no text, as when the model refuses.
    """
    url = {"url": (await image_file(image)).url}
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": url}]
    messages = [{"role": "user", "content": content}]
    answer = await _json(arrange("/chat/completions", model_kwargs, model=model, messages=messages), model)
    return text_of(answer, provider=OPENAI.name)


@udf(memo=True, retry=PROVIDER_RETRY, batch_size=32)
async def embeddings(input: Batch[str], *, model: str, model_kwargs: Options = None) -> Batch[Vector]:
    """Vectors of texts, in float32. The service refuses an empty text.

    Their length is part of the type for `text-embedding-*`, and wherever `model_kwargs` has `dimensions`.

    Source:
        https://platform.openai.com/docs/api-reference/embeddings/create
    """
    packed = {"encoding_format": "base64"} | (model_kwargs or {})  # a third of the size of numbers as text
    answer = await _json(arrange("/embeddings", packed, model=model, input=input), model)
    return vectors_of(answer, len(input), provider=OPENAI.name)


@embeddings.conditional_return_type
def _(model: str, model_kwargs: Options) -> ArrayType:
    return ArrayType(shape=((model_kwargs or {}).get("dimensions") or DIMENSIONS.get(model),), dtype="float32")


@udf(retry=PROVIDER_RETRY)
async def speech(input: str, *, model: str, voice: str, model_kwargs: Options = None) -> Audio:
    """A text, spoken. The body returns the path of a file in the temporary folder, which is the caller's to remove.

    Audio cells cannot be stored yet; results are not remembered either, for the same reason.

    Source:
        https://platform.openai.com/docs/api-reference/audio/createSpeech
    """
    request = arrange("/audio/speech", model_kwargs, model=model, input=input, voice=voice)
    response = await _post(request)
    kind = response.headers.get("content-type", "")
    if not response.content or kind.startswith(("application/json", "text/")):
        raise ProviderFailure(OPENAI.name, f"the answer is no audio, but {kind or 'empty'}", status_code=200)
    return await asyncio.to_thread(_file, response.content, str(request.body.get("response_format", "mp3")))


def _file(content: bytes, suffix: str) -> str:
    handle, path = tempfile.mkstemp(prefix="pixeltable-speech-", suffix=f".{suffix}")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path


@udf(memo=True, retry=PROVIDER_RETRY)
async def transcriptions(audio: Audio, *, model: str, model_kwargs: Options = None) -> Json:
    """What is said in a recording: `{"text", ...}`, also where `response_format` asks for plain text or subtitles.

    Source:
        https://platform.openai.com/docs/api-reference/audio/createTranscription
    """
    return await _spoken("/audio/transcriptions", audio, model, model_kwargs)


@udf(memo=True, retry=PROVIDER_RETRY)
async def translations(audio: Audio, *, model: str, model_kwargs: Options = None) -> Json:
    """What is said in a recording, in English; otherwise as `transcriptions`.

    Source:
        https://platform.openai.com/docs/api-reference/audio/createTranslation
    """
    return await _spoken("/audio/translations", audio, model, model_kwargs)


async def _spoken(path: str, audio: str, model: str, model_kwargs: Options) -> Json:
    file = Path(audio)
    upload = {"file": (file.name, await asyncio.to_thread(file.read_bytes), "application/octet-stream")}
    request = arrange(path, model_kwargs, model=model)
    if request.body.get("response_format") in ("text", "srt", "vtt"):
        return {"text": (await _post(_with_files(request, upload))).text}
    return await _json(_with_files(request, upload), model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def image_generations(prompt: str, *, model: str, model_kwargs: Options = None) -> Json:
    """Images made from a description: `{"created", "data": [{"b64_json": ...}, ...], ...}`.

    Source:
        https://platform.openai.com/docs/api-reference/images/create
    """
    return await _json(arrange("/images/generations", _inline(model, model_kwargs), model=model, prompt=prompt), model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def image_edits(
    image: Picture, *, prompt: str, model: str, mask: Picture | None = None, model_kwargs: Options = None
) -> Json:
    """An image changed as the prompt says, where `mask` is transparent if there is one; as `image_generations`.

    Source:
        https://platform.openai.com/docs/api-reference/images/createEdit
    """
    files = {"image": ("image.png", (await png_file(image)).data, "image/png")}
    if mask is not None:
        files["mask"] = ("mask.png", (await png_file(mask)).data, "image/png")
    request = arrange("/images/edits", _inline(model, model_kwargs), model=model, prompt=prompt)
    return await _json(_with_files(request, files), model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def image_variations(image: Picture, *, model: str, model_kwargs: Options = None) -> Json:
    """Variations of an image; as `image_generations`.

    Source:
        https://platform.openai.com/docs/api-reference/images/createVariation
    """
    files = {"image": ("image.png", (await png_file(image)).data, "image/png")}
    request = arrange("/images/variations", _inline(model, model_kwargs), model=model)
    return await _json(_with_files(request, files), model)


@udf(memo=True, retry=PROVIDER_RETRY)
async def moderations(input: str | list[Json], *, model: str = "omni-moderation-latest") -> Json:
    """Whether a text may do harm, and in which categories.

    Source:
        https://platform.openai.com/docs/api-reference/moderations/create
    """
    return await _json(arrange("/moderations", None, model=model, input=input), model)


def invoke_tools(tools: Tools, response: Expr) -> Expr:
    """Call the tools that a model asked for in a chat completion or a response.

    The value is Json: the name of each tool, and a list of the results of its calls, or null if it was not asked for.
    """
    return tools.invoke(_tool_calls(response))


@udf
def _tool_calls(response: Json) -> Json:
    return tool_calls(response)


for _function in (chat_completions, responses, vision, embeddings):
    _function.resource_pool(OPENAI.pool)
for _function in (
    speech, transcriptions, translations, image_generations, image_edits, image_variations, moderations,
):  # fmt: skip
    _function.resource_pool(OPENAI.request_pool)


@chat_completions.resource_estimator
def _(messages: list[Json], model_kwargs: Options, tools: list[Json] | None) -> dict[str, int]:
    return estimate([messages, tools], model_kwargs)


@responses.resource_estimator
def _(input: str | list[Json], model_kwargs: Options, tools: list[Json] | None) -> dict[str, int]:
    return estimate([input, tools], model_kwargs)


@vision.resource_estimator
def _(prompt: str, image: Any, model_kwargs: Options) -> dict[str, int]:
    return estimate([prompt, image], model_kwargs)


@embeddings.resource_estimator
def _(input: list[str]) -> dict[str, int]:
    return {"tokens": estimated_tokens(input)}


async def _json(request: Request, model: str) -> Json:
    answer = read_object(await _post(request), provider=OPENAI.name)
    report_usage(answer, model=model)
    return answer


async def _post(request: Request) -> Any:
    client = OPENAI.client(_client)
    with OPENAI.failures():
        return await post(client, request, learn=learn_limits)


def _client(sdk: Any, values: Mapping[str, Any]) -> Any:
    options = sdk_options(sdk, values, url="https://api.openai.com", section=OPENAI.name)
    base_url, version = values.get("base_url"), values.get("api_version")
    if version is None:
        return sdk.AsyncOpenAI(api_key=values["api_key"], base_url=base_url, **options)
    if base_url is None:
        raise InvalidConfiguration(
            "[openai] api_version is set, which is for Azure, but base_url is not",
            hint="Set base_url, or OPENAI_BASE_URL, to https://<resource>.openai.azure.com.",
        )
    place = "base_url" if "/openai" in base_url else "azure_endpoint"
    return sdk.AsyncAzureOpenAI(api_key=values["api_key"], api_version=version, **{place: base_url}, **options)


def _with_files(request: Request, files: Mapping[str, tuple[str, bytes, str]]) -> Request:
    return Request(request.path, request.body, request.options, files)


def _url(image: ImageFile) -> str:
    return image.url


def _inline(model: str, model_kwargs: Options) -> Options:
    """DALL-E would answer with addresses that last an hour; newer models send the images, and refuse this field."""
    given = model_kwargs or {}
    return {"response_format": "b64_json", **given} if model.startswith("dall-e") else given
