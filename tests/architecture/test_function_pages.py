"""The pages in `docs/functions` are those that the docstrings of the library give."""

import importlib
import pkgutil

import pytest

import pixeltable.functions
from docs import generate_functions

PAGES = generate_functions.pages()
REMEDY = "run `python docs/generate_functions.py`"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    path = generate_functions.FOLDER / name
    assert path.exists(), REMEDY
    assert path.read_text(encoding="utf-8") == PAGES[name], REMEDY


def test_no_page_is_left_of_a_module_that_is_gone() -> None:
    assert {path.name for path in generate_functions.FOLDER.iterdir()} == PAGES.keys(), REMEDY


def test_every_module_has_a_page_or_is_described_elsewhere() -> None:
    modules = {found.name for found in pkgutil.iter_modules(pixeltable.functions.__path__)}
    paged = {name.removesuffix(".md") for name in PAGES.keys() - {"README.md"}}
    assert modules == paged | generate_functions.LEFT_OUT.keys()
    root = generate_functions.FOLDER.parents[1]
    assert not [page for page in generate_functions.LEFT_OUT.values() if not (root / page).exists()]


@pytest.mark.parametrize("name", generate_functions.module_names())
def test_every_function_says_what_it_does(name: str) -> None:
    functions = generate_functions.functions_of(importlib.import_module(f"pixeltable.functions.{name}"))
    assert not [name for name, function in functions if not generate_functions.documentation(function.body)]


def test_docstrings_become_markdown() -> None:
    text = "Adds.\n\nArgs:\n    a: one\n        number\n    b: two\n\nRaises:\n    E, F: never\n\n>>> 1 + 1\n2"
    assert generate_functions.described(text) == (
        "Adds.\n\nArgs:\n\n- `a`: one number\n- `b`: two\n\nRaises:\n\n- `E`, `F`: never\n\n```pycon\n>>> 1 + 1\n2\n```"
    )
