"""What the documents claim holds: paths they name exist, and the code they show runs."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY, SRC

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
NAMED_PATH = re.compile(r"`((?:src/|pixeltable/)[\w./-]*)`")
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@dataclass(frozen=True)
class Program:
    """A code block that is a whole program: one that starts with importing the package."""

    document: Path
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.document.relative_to(REPOSITORY).as_posix()}:{self.line}"


def programs() -> list[Program]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in PYTHON_BLOCK.finditer(text):
            if block[1].startswith("import pixeltable"):
                found.append(Program(document, text.count("\n", 0, block.start()) + 1, block[1]))
    return found


PROGRAMS = programs()


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "docs/internals.md"])
def test_paths_named_in_the_architecture_exist(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    named = NAMED_PATH.findall(text)
    missing = [path for path in named if not (REPOSITORY / path).exists() and not (SRC / path).exists()]
    assert named, f"{document} names no path at all"
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_links_between_files_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder the server's account can reach, so that the data lie in it too, and not with the system's."""
    folder = Path(tempfile.mkdtemp(prefix="pixeltable-doc-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
def test_code_block_runs(program: Program, open_folder: Path) -> None:
    place = open_folder
    script = place / "block.py"
    script.write_text(program.code, encoding="utf-8")
    # A home of its own and no server from outside: a block must run for a reader who has just installed the package.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIXELTABLE_")}
    environment["PIXELTABLE_HOME"] = str(place / "home")
    run = subprocess.run([sys.executable, script], cwd=place, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
