"""What goes into a prompt: images as the bytes a provider takes, and how many tokens something will be about."""

import asyncio
import base64
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""Of English text, as the guides of OpenAI and Anthropic have it; UTF-8 bytes stand for characters of other scripts."""

MEDIA_TOKENS = 1000
"""Of an image or a file, whatever its size: OpenAI takes 765 for 1024 x 1024 in detail, Anthropic 1600 at most."""

ANSWER_TOKENS = 256
"""Of an answer whose length is not limited."""

_MEDIA = ("image", "image_url", "input_image", "input_audio", "input_file", "file", "document")
_PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image as a file: its bytes and their media type."""

    data: bytes
    media_type: str

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    @property
    def url(self) -> str:
        """As a `data:` URL."""
        return f"data:{self.media_type};base64,{self.base64}"


def is_image(value: Any) -> bool:
    """Whether `value` is a Pillow image."""
    pillow = sys.modules.get("PIL.Image")  # without it no value is one
    return pillow is not None and isinstance(value, pillow.Image)


async def image_file(image: Any) -> ImageFile:
    """A Pillow image as a file: JPEG if it was read from one, else PNG, which loses nothing.

    Compressing takes up to seconds; it is done in another thread, so that other calls go on.
    """
    return await asyncio.to_thread(_compressed, image)


async def png_file(image: Any) -> ImageFile:
    """As `image_file`, always PNG."""
    return await asyncio.to_thread(_png, image)


def _compressed(image: Any) -> ImageFile:
    if image.format != "JPEG":
        return _png(image)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return ImageFile(buffer.getvalue(), "image/jpeg")


def _png(image: Any) -> ImageFile:
    buffer = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(buffer, "PNG")
    return ImageFile(buffer.getvalue(), "image/png")


async def with_images(value: Any, write: Callable[[ImageFile], Any]) -> Any:
    """A Json value with the Pillow images in it replaced by what `write` makes of them; itself if there are none."""
    if not _holds_image(value):
        return value
    if is_image(value):
        return write(await image_file(value))
    if isinstance(value, dict):
        return {key: await with_images(item, write) for key, item in value.items()}
    return [await with_images(item, write) for item in value]


def _holds_image(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_image, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_image, value))
    return not isinstance(value, str) and is_image(value)


def estimated_tokens(value: Any) -> int:
    """About how many tokens a prompt is: text by its length, images and files at a flat rate.

    >>> estimated_tokens("four words of text"), estimated_tokens([{"role": "user", "content": "four words of text"}])
    (5, 9)
    >>> estimated_tokens({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}})
    1000
    """
    if isinstance(value, str):
        size = len(value) if value.isascii() else len(value.encode(errors="replace"))
        return -(-size // CHARACTERS_PER_TOKEN)
    if isinstance(value, dict):
        if value.get("type") in _MEDIA:
            return MEDIA_TOKENS
        return 4 + sum(estimated_tokens(item) for key, item in value.items() if key not in ("type", "role", "id"))
    if isinstance(value, list | tuple):
        return sum(map(estimated_tokens, value))
    return MEDIA_TOKENS if is_image(value) else int(value is not None)
