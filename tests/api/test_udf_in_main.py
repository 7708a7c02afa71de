"""Functions of a script: stored by value, so that other programs compute with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pixeltable as pxt

pytestmark = pytest.mark.slow

HEAD = """
import numpy as np
import pixeltable as pxt
from pixeltable.func import Batch
"""

STORES = (
    HEAD
    + """
OFFSET = 10

def add(n):
    return n + OFFSET

@pxt.udf
def shifted(n: int) -> int:
    return add(n)

@pxt.udf(batch_size=2)
def batched(n: Batch[int]) -> Batch[int]:
    return [add(i) for i in n]

@pxt.udf
async def later(n: int) -> int:
    return add(n)

@pxt.udf
def vector(s: str) -> pxt.Array[(2,), pxt.Float]:
    return np.array([s.count("a"), s.count("b")], dtype=np.float32)

t = pxt.create_table("{ns}/t", {{"n": pxt.Int, "s": pxt.String}})
t.insert(n=1, s="a")
t.add_computed_column(x=shifted(t.n))
t.add_computed_column(y=batched(t.x))
t.add_computed_column(z=later(t.y), stored=False)
t.add_embedding_index("s", embedding=vector)
"""
)

INSERTS = (
    HEAD
    + """
t = pxt.get_table("{ns}/t")
t.insert([{{"n": 2, "s": "b"}}, {{"n": 3, "s": "ab"}}])
print(t.collect()["z"], t.order_by(t.s.similarity(string="bb"), asc=False).limit(1).collect()["n"])
"""
)

REDEFINES = (
    HEAD
    + """
@pxt.udf
def shifted(n: int) -> int:
    return n * 100

t = pxt.get_table("{ns}/t")
t.insert(n=5, s="b")
print(t.where(t.n == 5).select(t.x, fresh=shifted(t.n)).collect()[0])
"""
)


@pytest.fixture
def run(tmp_path: Path, ns: str) -> object:
    """Run a program as a script; its last line of output."""

    def run(program: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(program.format(ns=ns))
        done = subprocess.run(
            [sys.executable, str(script)], env=dict(os.environ), capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_second_script_computes_with_the_stored_function(run: object) -> None:
    run(STORES)
    assert run(INSERTS) == "[31, 32, 33] [2]"


def test_this_process_computes_with_the_stored_function(run: object, ns: str) -> None:
    run(STORES)
    t = pxt.get_table(f"{ns}/t")
    t.insert(n=7, s="a")
    t.update({"n": 8}, where=t.n == 7)
    assert t.where(t.n == 8).collect()[0] == {"n": 8, "s": "a", "x": 18, "y": 28, "z": 38}


def test_a_function_of_the_same_name_does_not_take_the_stored_ones_place(run: object) -> None:
    run(STORES)
    assert run(REDEFINES) == "{'x': 15, 'fresh': 500}"
