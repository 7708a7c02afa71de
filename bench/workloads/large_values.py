"""100 MB of arrays, of bytes and of Json in cells of 1 MB and of 4 kB: written, read, and kept in an update."""

import numpy as np
import pandas as pd  # noqa: F401  # the peer loads it with itself, ours where it is first used: not what is timed here
from timing import attempt, parse

import pixeltable as pxt

total = parse(100_000_000).n
rng = np.random.default_rng(0)
KINDS = {
    "arrays": (pxt.Array[(None,), pxt.Float], lambda size: rng.random(size // 4).astype(np.float32)),
    "bytes": (pxt.Binary, rng.bytes),
    "json": (pxt.Json, lambda size: {"v": [float(x) for x in rng.random(size // 20)]}),
}

for size in (1_000_000, 4_000):
    for kind, (column_type, make) in KINDS.items():
        t = pxt.create_table(f"bench_{kind}_{size}", {"i": pxt.Int, "v": column_type})
        t.insert([{"i": -1, "v": make(size)}])
        rows = [{"i": i, "v": make(size)} for i in range(total // size)]
        case = f"{kind}_{size // 1000}kB"
        attempt(f"insert_{case}", len(rows), lambda t=t, rows=rows: t.insert(rows))
        found = attempt(f"collect_{case}", len(rows), lambda t=t: t.select(t.v).collect())
        assert found is None or len(found) == len(rows) + 1
        if size > 4_000:
            attempt(f"update_beside_{case}", len(rows), lambda t=t: t.update({"i": t.i + 1}))
