"""The quick start, run as users run it; each run replaces the directory `quickstart` of the test database."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY

# One process runs them all: its two tours serve every test here.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("quickstart")]

FILES = {
    "cats.md": "# Cats\n\nCats purr, sleep and chase mice.\n",
    "notes/tax.txt": "Income tax is due in May.\n",
    "errors.md": "## Errors\n\nCatch an error that your code raised with try and except.\n",
    "left out.json": "{}",
}


def quickstart(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "examples" / "quickstart.py"), *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)


def complaints(run: "subprocess.CompletedProcess[str]") -> list[str]:
    """What a run wrote to its standard error, but for the progress of what took more than a second."""
    progress = re.compile(r"(Indexing|Inserting into|Computing) \S+: ")
    return [line for line in run.stderr.splitlines() if not progress.match(line)]


def first_hits(output: str) -> dict[str, str]:
    """The name of the best hit by question."""
    return dict(re.findall(r"^(\w.*\?)\n +-?\d\.\d+  (\S+)", output, re.MULTILINE))


@pytest.fixture(scope="module")
def tour(session_settings: dict[str, str]) -> str:  # noqa: ARG001  # sets the environment that the program inherits
    """The output of a run over the language reference; the second run, which replaces what the first one made."""
    runs = [quickstart() for _ in range(2)]
    assert [(run.returncode, complaints(run)) for run in runs] == [(0, [])] * 2
    return runs[1].stdout


@pytest.fixture(scope="module")
def folder_tour(session_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """The output of a run over a folder."""
    folder = tmp_path_factory.mktemp("my documents")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run = quickstart(str(folder))
    assert (run.returncode, complaints(run)) == (0, [])
    return run.stdout


def test_questions_find_their_topics(tour: str) -> None:
    assert list(first_hits(tour).values()) == ["exceptions", "import", "formatstrings", "break", "dict"]


def test_update_moves_a_document_to_the_top_and_revert_moves_it_back(tour: str) -> None:
    before, updated, reverted = re.findall(r"^ *(?:before|updated|reverted): (.*)$", tour, re.MULTILINE)
    assert ("How to catch an error" in updated, " place 1 of" in updated) == (True, True)
    assert before == reverted != updated


def test_history_has_no_trace_of_what_was_reverted(tour: str) -> None:
    assert re.findall(r"^ +(\d) +(?:data|schema)", tour, re.MULTILINE) == ["4", "3", "2", "1", "0"]


def test_output_fits_a_terminal(tour: str) -> None:
    assert max(map(len, tour.splitlines())) <= 100


def test_folder_is_read_with_its_folders(folder_tour: str) -> None:
    assert folder_tour.count("\n3 documents, ") == 1
    assert "notes/tax.txt" in folder_tour


def test_questions_are_asked_of_a_folder_too(folder_tour: str) -> None:
    hits = first_hits(folder_tour)
    assert (len(hits), hits["how do I catch an error raised in my code?"]) == (5, "errors.md")


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_folder_without_documents_is_one_line_and_exit_2(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = quickstart(str(tmp_path / name))
    assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (2, "", 1)
    assert str(tmp_path / name) in run.stderr
