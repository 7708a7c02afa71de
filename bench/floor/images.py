"""The floor of thumbnails: plain Pillow, one thread, nothing stored."""

import tempfile
from pathlib import Path

from clips import write_photographs
from PIL import Image
from timing import measure, parse

n = parse(2_000).n
paths = write_photographs(Path(tempfile.mkdtemp(dir=".")).absolute(), n)


def thumbnails() -> None:
    for path in paths:
        with Image.open(path) as image:
            image.thumbnail((64, 64))


measure("image_view_with_thumbnail", n, thumbnails)
measure("image_collect_resize_unstored", n, thumbnails)
