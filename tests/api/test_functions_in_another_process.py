"""Functions made of expressions and queries are stored by value: programs that never saw them compute with them."""

import os
import subprocess
import sys

import pytest

import pixeltable as pxt

pytestmark = pytest.mark.slow

STORES = """
import pixeltable as pxt
from tests.api.query_library import letters, weather

docs = pxt.create_table("{ns}/docs", {{"text": pxt.String, "n": pxt.Int}})
docs.insert([{{"text": text, "n": n}} for n, text in enumerate(["a", "ab", "ccc", "b"])])
docs.add_embedding_index("text", embedding=letters, precision="fp32")
t = pxt.create_table("{ns}/t", {{"q": pxt.String, "calls": pxt.Json | None}})

@pxt.udf
def of_the_script(n: int) -> int:
    return n * 100

@pxt.query
def nearest(q: str, k: int = 2):
    sim = docs.text.similarity(string=q)
    return docs.where(docs.n >= 0).order_by(sim, asc=False).limit(k).select(docs.text, x=of_the_script(docs.n))

@pxt.expr_udf
def double(text: str):
    return text + text

t.add_computed_column(near=nearest(t.q))
t.add_computed_column(same=pxt.retrieval_udf(docs, parameters=["text"])(t.q))
t.add_computed_column(doubled=double(t.q))
t.add_computed_column(table=pxt.udf(docs, return_value=docs.n + 1)(t.q, 4))
t.add_computed_column(called=pxt.tools(nearest, weather).invoke(t.calls))
"""

INSERTS = """
import pixeltable as pxt
t = pxt.get_table("{ns}/t")
t.insert([
    {{"q": "b", "calls": {{"nearest": [{{"q": "c", "k": 1}}], "weather": [{{"city": "Rome"}}]}}}},
    {{"q": "cc", "calls": None}},
])
"""


def run(program: str, ns: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program.format(ns=ns)],
        env=dict(os.environ), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_another_program_computes_with_what_is_stored(ns: str) -> None:
    run(STORES, ns)
    run(INSERTS, ns)
    rows = pxt.get_table(f"{ns}/t").collect()
    assert rows["near"] == [
        [{"text": "b", "x": 300}, {"text": "ab", "x": 100}],
        [{"text": "ccc", "x": 200}, {"text": "a", "x": 0}],
    ]
    assert rows["same"] == [[{"text": "b", "n": 3}], []]
    assert rows["doubled"] == ["bb", "cccc"]
    assert rows["table"] == [5, 5]
    assert rows["called"] == [{"nearest": [[{"text": "ccc", "x": 200}]], "weather": ["Rome: 20 C"]}, None]
