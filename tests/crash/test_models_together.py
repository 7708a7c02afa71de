"""Models that several processes bring to a directory at the same moment, or that a process dies over."""

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete, cells
from tests.crash.test_setup_together import start_together

MODELS = """
from setup_functions import letters, slow_length
TableModel = pxt.model_base()

class Docs(TableModel, name="docs"):
    id: pxt.Int = pxt.Column(primary_key=True)
    text: pxt.String
    stars: pxt.Int = pxt.Column(default=0)
    length = slow_length(text)
    longer = length + 1
    __indexes__ = [pxt.EmbeddingIndex(text, embedding=letters, name="near"), pxt.BtreeIndex(stars)]

class Long(TableModel, name="long", base=Docs.where(Docs.length > 2)):
    longest = longer + 1

"""

COLUMNS = ["id", "text", "stars", "length", "longer"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["create_all", "update_all"])
def test_models_are_created_by_eight_processes_at_once(own_programs: Programs, method: str) -> None:
    start_together(own_programs, f"{MODELS}TableModel.{method}()\nassert Long.count() == 0\nsay('done')")
    report = f"""{MODELS}
assert TableModel.create_all()["docs"].resolution == "up_to_date"
Docs.insert([{{"id": 1, "text": "abc"}}])
say(*Docs.columns())
say(*Long.collect()["longest"])
say(*(version["version"] for version in Docs.get_versions()))
"""
    columns, longest, versions = own_programs.start(report).succeed()
    assert columns.split() == COLUMNS
    assert longest == "5"
    assert versions.split() == ["1", "0"]


@pytest.mark.slow
def test_tables_with_rows_are_updated_by_eight_processes_at_once(ns: str, programs: Programs) -> None:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String, "old": pxt.Int | None}, primary_key="id")
    t.insert([{"id": n, "text": "a" * n, "old": n} for n in range(1, 60)])
    start_together(programs, f"{MODELS}TableModel.update_all({ns!r}, allow_destructive=True)\nsay('done')")
    assert t.columns() == COLUMNS
    assert cells(t, "length", "longer") == [(n, n + 1) for n in range(1, 60)]
    assert programs.start(f"say(pxt.get_table('{ns}/long').count())").succeed() == ["57"]
    assert_versions_complete(t)
    assert len(t.get_versions()) == 7


@pytest.mark.slow
def test_what_a_process_died_over_is_gone_on_with(ns: str, programs: Programs) -> None:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String}, primary_key="id")
    t.insert([{"id": n, "text": "a" * n} for n in range(1, 400)])
    (programs.folder / "setup_functions.py").write_text(SLOW)
    program = programs.start(f"{MODELS}TableModel.update_all({ns!r})")
    program.expect("computing")
    program.kill()
    again = programs.start(f"{MODELS}TableModel.update_all({ns!r})\nsay('done')").succeed()
    assert again[-1] == "done"
    assert t.columns() == COLUMNS
    assert cells(t, "longer") == [(n + 1,) for n in range(1, 400)]
    assert_versions_complete(t)


@pytest.mark.slow
def test_a_definition_that_a_process_died_over_is_gone_on_with(ns: str, programs: Programs) -> None:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String}, primary_key="id")
    t.insert([{"id": n, "text": "a" * n} for n in range(1, 100)])
    t.add_computed_column(length=t.text.len() + 1000)
    t.add_computed_column(longer=t.length + 1)
    (programs.folder / "setup_functions.py").write_text(SLOW)
    program = programs.start(f"{MODELS}TableModel.update_all({ns!r})")
    program.expect("computing")
    program.kill()
    assert t.get_metadata()["columns"]["length"]["computed_with"] == "slow_length(text)"
    again = programs.start(f"{MODELS}say(TableModel.get_model_diff({ns!r}))\nTableModel.update_all({ns!r})").succeed()
    assert f"{ns}/docs: compute the rest of column length: 99 cells are by another definition" in again
    assert cells(t, "length", "longer") == [(n, n + 1) for n in range(1, 100)]
    assert_versions_complete(t)


SLOW = """
import os, time
import numpy as np
import pixeltable as pxt

said = []

@pxt.udf
def slow_length(text: str) -> int:
    if len(text) == 50 and not said:
        said.append(True)
        os.write(1, b"computing\\n")
    time.sleep(0.005)
    return len(text)

@pxt.udf
def letters(text: str) -> pxt.Array[(3,), pxt.Float]:
    return np.array([text.count(letter) + 1 for letter in "abc"], dtype=np.float32)
"""
