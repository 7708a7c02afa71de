"""Programs that find their table computed by earlier ones, whose module or script was another."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pixeltable as pxt
from pixeltable.exceptions import ForeignPickle

pytestmark = pytest.mark.slow

MODULE = """
import os
import pixeltable as pxt

class Scale:
    def by(self, n):
        return n * {factor}

@pxt.udf
def f(n: int) -> int:
    print("called", n)
    if n == int(os.environ.get("DIES_AT", "0")):
        os._exit(9)
    return Scale().by(n)
"""
CREATE = """
import pixeltable as pxt, library
t = pxt.create_table("{ns}/t", {{"n": pxt.Int}})
t.add_computed_column(f=library.f(t.n))
t.insert([{{"n": n}} for n in (1, 2, 3)])
"""
LOOK = """
import pixeltable as pxt
t = pxt.get_table("{ns}/t")
print(t.stale()["cells"], t.order_by(t.n).collect()["f"])
"""
RECOMPUTE = """
import pixeltable as pxt
import pixeltable.session.recompute as parts
parts._PART_S = -1.0  # every batch is committed
t = pxt.get_table("{ns}/t")
t.recompute_columns(stale_only=True)
print(t.stale()["cells"], t.order_by(t.n).collect()["f"])
"""
SCRIPT = """
import pixeltable as pxt

@pxt.udf
def f(n: int) -> int:
    return n + {number}

t = pxt.create_table("{ns}/t", {{"n": pxt.Int}}, if_exists="ignore")
if "f" not in t.columns():
    t.insert([{{"n": 1}}])
    t.add_computed_column(f=f(t.n))
print(t.stale()["cells"])
t.recompute_columns(stale_only=True)
print(t.stale()["cells"], t.collect()["f"])
"""

Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, ns: str) -> Run:
    """Run a program as `main.py`, beside `library.py`; the lines it prints."""

    def run(program: str, code: int = 0, **extra: str) -> list[str]:
        script = tmp_path / "main.py"
        script.write_text(program.replace("{ns}", ns).replace("{{", "{").replace("}}", "}"))
        environment = {**os.environ, "PIXELTABLE_BATCH_SIZE": "1", "PYTHONDONTWRITEBYTECODE": "1", **extra}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == code, done.stderr
        return done.stdout.splitlines()

    return run


def test_a_module_that_was_edited(run: Run, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(MODULE.format(factor=2))
    run(CREATE)
    (tmp_path / "library.py").write_text(MODULE.format(factor=3))
    assert run(LOOK) == ["[3] [2, 4, 6]"]
    assert run(RECOMPUTE) == ["called 1", "called 2", "called 3", "[] [3, 6, 9]"]
    assert run(LOOK) == ["[] [3, 6, 9]"]


def test_a_program_that_died_while_recomputing_is_gone_on_with(run: Run, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(MODULE.format(factor=2))
    run(CREATE)
    (tmp_path / "library.py").write_text(MODULE.format(factor=3))
    run(RECOMPUTE, code=9, DIES_AT="3")
    assert run(LOOK) == ["[1] [3, 6, 6]"]
    assert run(RECOMPUTE) == ["called 3", "[] [3, 6, 9]"]


def test_a_module_that_is_gone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(MODULE.format(factor=2))
    run(CREATE)
    (tmp_path / "library.py").unlink()
    assert run(LOOK + "print('there is no module' in repr(t))")[-2:] == ["[None] [2, 4, 6]", "True"]


def test_a_script_that_was_edited(run: Run) -> None:
    assert run(SCRIPT.replace("{number}", "1"))[-1] == "[] [2]"
    assert run(SCRIPT.replace("{number}", "2"))[-2:] == ["[1]", "[] [3]"]
    assert run(LOOK) == ["[] [3]"]


def test_a_process_that_knows_the_broken_column_sees_that_another_repaired_it(
    run: Run, tmp_path: Path, ns: str
) -> None:
    (tmp_path / "library.py").write_text(MODULE.format(factor=2))
    run(CREATE)
    with pytest.warns(pxt.PixeltableWarning, match="cannot be computed"):
        t = pxt.get_table(f"{ns}/t")  # this process has no module `library`
    with pytest.raises(pxt.RequestError, match="column 'f'"):
        t.insert([{"n": 4}])
    run("import pixeltable as pxt\nt = pxt.get_table('{ns}/t')\nt.add_computed_column(f=t.n + 1, if_exists='replace')")
    t.insert([{"n": 4}])
    assert t.order_by(t.n).collect()["f"] == [2, 3, 4, 5]


def test_a_pickle_that_was_signed_with_another_key(run: Run, ns: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(SCRIPT.replace("{number}", "1"), PIXELTABLE_HOME=str(home))
    t = pxt.get_table(f"{ns}/t")
    with pytest.raises(ForeignPickle):
        t.insert([{"n": 2}])
    assert t.select(t.f).collect()["f"] == [2]
    assert "not signed with this installation's key" in repr(t)
