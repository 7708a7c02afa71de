"""A UDF from image to image."""

import PIL.Image

import pixeltable as pxt


@pxt.udf
def thumbnail(img: PIL.Image.Image) -> PIL.Image.Image:
    out = img.copy()
    out.thumbnail((64, 64))
    return out
