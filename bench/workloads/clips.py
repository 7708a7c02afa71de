"""Synthetic videos and photographs, written once per run and not timed."""

from pathlib import Path

import numpy as np
from PIL import Image

FRAMES = 900


def write_clip(path: Path) -> None:
    """30 s of 640 x 360 at 30 fps in H.264: a moving gradient, so that frames differ and still compress."""
    import av  # noqa: PLC0415 - heavy, and photographs need none of it

    ramp = np.add.outer(np.arange(360), np.arange(640))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for i in range(FRAMES):
            pixels = np.stack([ramp + 3 * i, ramp * 2 + i, ramp + 5 * i], axis=-1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def write_photographs(folder: Path, n: int) -> list[str]:
    """`n` JPEGs of 320 x 240 with more or less noise; their paths."""
    paths = [str(folder / f"{i}.jpg") for i in range(n)]
    for i, path in enumerate(paths):
        Image.effect_noise((320, 240), 20 + i % 80).convert("RGB").save(path, quality=80)
    return paths
