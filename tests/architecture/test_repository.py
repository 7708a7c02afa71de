"""Rules about the files of the repository, whatever is in them."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY

MAX_FILE_BYTES = 1_000_000

# The brackets keep these patterns from matching themselves.
INDEX_HOST = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|anaconda[.]org|debian[.]org|proxy[.]golang[.]org"
)
MACHINE_PATH = re.compile(
    r"(?<![\w.~*-])/(?:wor[k]|opt/(?:pyp[i]|whee[l]s)|roo[t]|User[s]/\w+|hom[e]/(?:runne[r]|build\w*))/"
)
FRAGMENT = re.compile(r"(?:\d+|\+[a-z0-9][a-z0-9.-]*)\.(?:added|changed|fixed|removed)(?:\.\d+)?\.md")


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    paths = (REPOSITORY / name for name in listing.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


TRACKED = tracked_files()
PYTHON = [path for path in TRACKED if path.suffix == ".py"]


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Where the pattern occurs in text files, as `path:line`."""
    found = []
    for path in TRACKED:
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{relative(path)}:{text.count(chr(10), 0, match.start()) + 1}" for match in pattern.finditer(text)]
    return found


def is_silent(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches everything unnamed, or catches broadly and does nothing."""
    broad = isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    return handler.type is None or (broad and all(isinstance(statement, ast.Pass) for statement in handler.body))


def test_no_file_names_an_index_host() -> None:
    assert not lines_with(INDEX_HOST)


def test_no_file_names_a_path_of_a_build_machine() -> None:
    assert not lines_with(MACHINE_PATH)


def test_files_are_small() -> None:
    assert not [relative(path) for path in TRACKED if path.stat().st_size > MAX_FILE_BYTES]


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_no_failure_is_swallowed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    handlers = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    assert not [handler.lineno for handler in handlers if is_silent(handler)]


def test_news_fragments_are_named_by_category() -> None:
    fragments = [path.name for path in (REPOSITORY / "changelog.d").iterdir() if path.name != "README.md"]
    assert not [name for name in fragments if not FRAGMENT.fullmatch(name)]


@pytest.mark.parametrize(
    ("source", "silent"),
    [
        ("try: f()\nexcept: raise", True),
        ("try: f()\nexcept Exception: pass", True),
        ("try: f()\nexcept KeyError: pass", False),
        ("try: f()\nexcept Exception as e: g(e)", False),
    ],
)
def test_the_rule_tells_silent_handlers(source: str, silent: bool) -> None:
    handler = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler))
    assert is_silent(handler) == silent
