"""The floor of frames: plain PyAV, decoded once from the first frame to the last."""

import tempfile
from pathlib import Path

import av
from clips import FRAMES, write_clip
from timing import measure, parse

n = parse(1).n
paths = [Path(tempfile.mkdtemp(dir=".")) / f"clip{i}.mp4" for i in range(n)]
for path in paths:
    write_clip(path)


def resize_all() -> int:
    count = 0
    for path in paths:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                frame.to_image().resize((160, 90))
                count += 1
    return count


assert measure("frame_view_all_resize", FRAMES * n, resize_all) == FRAMES * n
