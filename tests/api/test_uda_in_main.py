"""An aggregate of a script runs there, however often the script does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import pixeltable as pxt
import pixeltable.functions as pxtf

JOIN = "{join}"

@pxt.uda
class joined(pxt.Aggregator):
    def __init__(self, end: str = "."):
        self.parts, self.end = [], end

    def update(self, s: str) -> None:
        self.parts.append(s)

    def value(self) -> str:
        return JOIN.join(self.parts) + self.end

t = pxt.create_table("{ns}/t", {{"s": pxt.String, "g": pxt.Int}}, if_exists="ignore")
t.insert([{{"s": "a", "g": 1}}, {{"s": "b", "g": 2}}, {{"s": "c", "g": 1}}])
print(t.group_by(t.g).select(joined(t.s, end="!"), pxtf.count(t.s)).order_by(t.g).collect()["joined"])
"""


def test_a_script_that_runs_twice(tmp_path: Path, ns: str) -> None:
    script = tmp_path / "script.py"
    outputs = []
    for join in ("", "+"):
        script.write_text(SCRIPT.format(ns=ns, join=join))
        done = subprocess.run(
            [sys.executable, script], env=dict(os.environ), capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.splitlines()[-1])
    assert outputs == ["['ac!', 'b!']", "['a+c+a+c!', 'b+b!']"]
