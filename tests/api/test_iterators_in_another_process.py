"""Iterators are found again by programs that never saw them: by import, or by value where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pixeltable as pxt
from tests.api.iterator_library import Letters, pairs

pytestmark = pytest.mark.slow

STORES = """
from collections.abc import Iterator
from typing import Any, TypedDict
import pixeltable as pxt

SEPARATOR = "-"

class Part(TypedDict):
    part: str

def parts_of(text: str) -> list[str]:
    return text.split(SEPARATOR)

@pxt.iterator
class Parts(pxt.PxtIterator[Part]):
    def __init__(self, text: str, most: int = 2):
        super().__init__()
        self.left = parts_of(text)[:most]

    def __next__(self) -> Part:
        if not self.left:
            raise StopIteration
        return {{"part": self.left.pop(0)}}

    @classmethod
    def validate(cls, bound_args: dict[str, Any]) -> None:
        if bound_args.get("text") == "none":
            raise ValueError("there is nothing in it")

@pxt.iterator
def sized(text: str, name: str) -> Iterator[dict]:
    yield {{name: len(text)}}

@sized.conditional_output_schema
def columns(bound_args: dict[str, Any]) -> dict[str, type]:
    return {{bound_args["name"]: int}}

t = pxt.create_table("{ns}/t", {{"text": pxt.String}})
pxt.create_view("{ns}/parts", t, iterator=Parts(t.text))
pxt.create_view("{ns}/sized", t, iterator=sized(t.text, "letters"))
"""

INSERTS = """
import pixeltable as pxt
t = pxt.get_table("{ns}/t")
t.insert([{{"text": "a-b-c"}}, {{"text": "d"}}])
"""


def run(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env=dict(os.environ), capture_output=True, text=True, timeout=100
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def stored(tmp_path: Path, ns: str) -> None:
    """What a script stores."""
    script = tmp_path / "script.py"
    script.write_text(STORES.format(ns=ns))
    run(script)


@pytest.mark.usefixtures("stored")
def test_another_program_computes_with_the_iterators_of_a_script(ns: str) -> None:
    run("-c", INSERTS.format(ns=ns))
    parts, sized = pxt.get_table(f"{ns}/parts"), pxt.get_table(f"{ns}/sized")
    assert parts.select(parts.part).collect()["part"] == ["a", "b", "d"]
    assert sized.select(sized.letters).collect()["letters"] == [5, 1]


@pytest.mark.usefixtures("stored")
def test_this_process_computes_with_the_iterators_of_a_script(ns: str) -> None:
    t, parts = pxt.get_table(f"{ns}/t"), pxt.get_table(f"{ns}/parts")
    t.insert(text="x-y-z")
    assert parts.select(parts.part).collect()["part"] == ["x", "y"]
    with pytest.raises(pxt.RequestError, match="there is nothing in it"):
        t.insert(text="none")


def test_iterators_of_modules_are_found_by_import(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String})
    letters = pxt.create_view(f"{ns}/letters", t, iterator=Letters(t.text))
    paired = pxt.create_view(f"{ns}/paired", t, iterator=pairs(t.text))
    run("-c", INSERTS.format(ns=ns))
    assert letters.select(letters.letter).collect()["letter"] == list("a-b-cd")
    assert paired.select(paired.pair).collect()["pair"] == ["a-", "b-", "c", "d"]
