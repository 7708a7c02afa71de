"""Images in prompts: found wherever they are, and compressed without holding up the event loop."""

import asyncio
import threading
from typing import Any

from PIL import Image

from pixeltable.providers import content
from pixeltable.providers.content import ImageFile, is_image, with_images

RED = Image.new("RGB", (4, 3), (255, 0, 0))


def replaced(value: Any) -> Any:
    return asyncio.run(with_images(value, lambda file: file.media_type))


def test_images_are_found_at_any_depth() -> None:
    assert replaced({"a": [1, {"b": (RED, "x")}], "c": RED}) == {"a": [1, {"b": ["image/png", "x"]}], "c": "image/png"}


def test_value_without_images_is_itself() -> None:
    value = {"a": [1, "text", None]}
    assert replaced(value) is value


def test_text_is_no_image() -> None:
    assert not is_image("RED")


def test_images_are_compressed_in_another_thread(monkeypatch: Any) -> None:
    threads = []

    def compressed(_: Any) -> ImageFile:
        threads.append(threading.current_thread())
        return ImageFile(b"", "image/png")

    monkeypatch.setattr(content, "_compressed", compressed)
    replaced([RED])
    assert threads != [threading.main_thread()]
    assert len(threads) == 1
