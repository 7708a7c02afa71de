"""Make a table of n rows from a Parquet file, a CSV file and a pandas frame."""

import tempfile

import pandas as pd
from timing import attempt, parse

import pixeltable as pxt

n = parse(100_000).n
frame = pd.DataFrame(
    {"a": range(n), "b": [i * 0.5 for i in range(n)], "s": [f"string value number {i}" for i in range(n)]}
)
with tempfile.TemporaryDirectory() as folder:
    frame.to_parquet(f"{folder}/rows.parquet")
    frame.to_csv(f"{folder}/rows.csv", index=False)
    sources = {"parquet": f"{folder}/rows.parquet", "csv": f"{folder}/rows.csv", "pandas": frame}
    for kind, source in sources.items():
        t = attempt(f"import_{kind}", n, lambda k=kind, s=source: pxt.create_table(f"bench_{k}", source=s))
        assert t is None or t.count() == n
