"""Frames of n synthetic videos (30 s, 640 x 360, 30 fps): views at 1 fps and of all frames."""

import tempfile
from pathlib import Path

from clips import FRAMES, write_clip
from timing import measure, parse

import pixeltable as pxt
from pixeltable.functions.video import frame_iterator

SMALL = (160, 90)
n = parse(1).n
total = FRAMES * n
folder = Path(tempfile.mkdtemp(dir="."))
paths = [str((folder / f"clip{i}.mp4").absolute()) for i in range(n)]
for path in paths:
    write_clip(Path(path))

t = pxt.create_table("bench_video", {"video": pxt.Video})
measure("video_insert", n, lambda: t.insert([{"video": path} for path in paths]))
slow = measure(
    "frame_view_fps1_create", 30 * n, lambda: pxt.create_view("bench_fps1", t, iterator=frame_iterator(t.video, fps=1))
)
got = measure("frame_view_fps1_resize", 30 * n, lambda: slow.select(slow.frame.resize(SMALL)).collect())
assert len(got) == slow.count()
every = measure(
    "frame_view_all_create", total, lambda: pxt.create_view("bench_frames", t, iterator=frame_iterator(t.video))
)
assert every.count() == total
got = measure("frame_view_all_resize", total, lambda: every.select(every.frame.resize(SMALL)).collect())
assert len(got) == total
del got
measure("frame_view_all_width", total, lambda: every.select(every.frame.width).collect())
first = every.order_by(every.pos).limit(20).select(every.frame.resize(SMALL))
measure("frame_view_head_20", 20, first.collect)
late = every.where(every.pos == 850).select(every.frame.resize(SMALL))
measure("frame_view_one_late_frame", 1, late.collect)
measure("frame_view_stored_fps1", 30 * n, lambda: slow.add_computed_column(thumb=slow.frame.resize(SMALL)))
