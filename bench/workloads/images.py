"""Thumbnails of n JPEGs: a view that stores them, and a query that does not."""

import tempfile
from pathlib import Path

from clips import write_photographs
from image_udfs import thumbnail
from timing import measure, parse

import pixeltable as pxt

n = parse(2_000).n
paths = write_photographs(Path(tempfile.mkdtemp(dir=".")).absolute(), n)
t = pxt.create_table("bench_images", {"img": pxt.Image})
measure("image_insert", n, lambda: t.insert([{"img": path} for path in paths]))
v = measure(
    "image_view_with_thumbnail",
    n,
    lambda: pxt.create_view("bench_thumbs", t, additional_columns={"thumb": thumbnail(t.img)}),
)
assert v.where(v.thumb != None).count() == n  # noqa: E711 - the operator builds an expression
measure("image_collect_thumbs", n, lambda: v.select(v.thumb).collect())
measure("image_collect_resize_unstored", n, lambda: t.select(t.img.resize((64, 64))).collect())
