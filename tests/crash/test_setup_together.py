"""A setup script that several processes run at the same moment: one schema, no error, nothing computed twice."""

import pytest

import pixeltable as pxt
from tests.crash.programs import Programs, assert_versions_complete, cells

FUNCTIONS = """
import time
import numpy as np
import pixeltable as pxt

@pxt.udf
def slow_length(text: str) -> int:
    time.sleep(0.01)
    return len(text)

@pxt.udf
def letters(text: str) -> pxt.Array[(3,), pxt.Float]:
    return np.array([text.count(letter) + 1 for letter in "abc"], dtype=np.float32)
"""

WAIT = """
say("ready")
while not Path(sys.argv[1]).exists():
    time.sleep(0.001)
"""

SETUP = """
from setup_functions import letters, slow_length
pxt.create_dir("app", if_exists="ignore")
pxt.create_dir("app/deep/er", parents=True, if_exists="ignore")
t = pxt.create_table("app/docs", {"id": pxt.Int, "text": pxt.String}, primary_key="id", if_exists="ignore")
t.add_columns({"note": pxt.String | None, "stars": {"type": pxt.Int, "default": 0}}, if_exists="ignore")
t.add_column(more=pxt.Json | None, if_exists="ignore")
t.add_computed_column(length=slow_length(t.text), if_exists="ignore")
t.add_columns({"longer": slow_length(t.text) + 1, "longest": slow_length(t.text) + 2}, if_exists="ignore")
t.add_computed_column(upper=t.text.upper(), stored=False, if_exists="ignore")
t.add_embedding_index("text", embedding=letters, idx_name="near", if_exists="ignore")
t.add_embedding_index("text", embedding=letters, metric="l2", if_exists="ignore")
t.add_btree_index("stars", if_exists="ignore")
t.add_btree_index("text", idx_name="by_text", if_exists="ignore")
pxt.drop_table("app/gone", if_not_exists="ignore")
t.drop_column("gone", if_not_exists="ignore")
pxt.move("app/old", "app/new", if_not_exists="ignore")
assert t.order_by(t.text.similarity(string="a", idx="near"), asc=False).limit(1).collect() is not None
say("done")
"""

COLUMNS = ["id", "text", "note", "stars", "more", "length", "longer", "longest", "upper"]


def start_together(programs: Programs, source: str) -> None:
    """Run a program in 8 processes that begin at the same moment; all have to succeed."""
    (programs.folder / "setup_functions.py").write_text(FUNCTIONS)
    start = programs.folder / "start"
    running = [programs.start(WAIT + source, start) for _ in range(8)]
    for program in running:
        program.expect("ready")
    start.touch()
    for program in running:
        assert program.succeed() == ["done"]


@pytest.mark.slow
def test_a_setup_script_runs_in_eight_processes_on_an_empty_database(own_programs: Programs) -> None:
    start_together(own_programs, SETUP)
    report = """
    t = pxt.get_table("app/docs")
    t.insert([{"id": 1, "text": "abc"}])
    say(*t.columns())
    say(*sorted(t.get_metadata()["indexes"]))
    say(*pxt.list_tables(), *pxt.list_dirs())
    say(*(version["version"] for version in t.get_versions()))
    """
    columns, indexes, paths, versions = own_programs.start(report).succeed()
    assert sorted(columns.split()) == sorted(COLUMNS)
    assert len(indexes.split()) == 4
    assert paths.split() == ["app/docs", "app", "app/deep", "app/deep/er"]
    assert [int(version) for version in versions.split()] == list(range(10, -1, -1))


@pytest.mark.slow
def test_columns_and_indexes_are_added_to_rows_by_eight_processes_at_once(ns: str, programs: Programs) -> None:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String}, primary_key="id")
    t.insert([{"id": n, "text": "abc"[n % 3] * n} for n in range(1, 60)])
    start_together(programs, SETUP.replace("app/", f"{ns}/").replace('"app"', f'"{ns}"'))
    assert sorted(t.columns()) == sorted(COLUMNS)
    assert len(t.get_metadata()["indexes"]) == 4
    assert cells(t, "length", "longer", "longest", "stars") == [(n, n + 1, n + 2, 0) for n in range(1, 60)]
    assert_versions_complete(t)
    assert len(t.get_versions()) == 11
