"""Functions that the models of tests are made of, and programs of models as text."""

from collections.abc import Iterator
from typing import Any, TypedDict

import numpy as np

import pixeltable as pxt


@pxt.udf
def loud(text: str) -> str:
    return f"{text}!"


@pxt.udf
def refuses_seven(n: int) -> int:
    if n == 7:
        raise ValueError("seven")
    return n


@pxt.udf
def letters(text: str) -> pxt.Array[(3,), pxt.Float]:
    return np.array([text.count(letter) + 1 for letter in "abc"], dtype=np.float32)


@pxt.udf
def vowels(text: str) -> pxt.Array[(3,), pxt.Float]:
    return np.array([text.count(letter) + 1 for letter in "aei"], dtype=np.float32)


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        yield {"word": word}


def several(statements: str, **functions: Any) -> tuple[Any, Any]:
    """A base class, and the last model of a program over it, which may call these functions."""
    known = {
        "M": pxt.model_base(), "pxt": pxt, "letters": letters, "loud": loud, "vowels": vowels, "words": words,
        "refuses_seven": refuses_seven, **functions,
    }  # fmt: skip
    exec(statements, known)
    return known["M"], known[statements.rpartition("class ")[2].partition("(")[0]]


def plan(base: Any, ns: str) -> list[str]:
    """The lines of what update_all() would do in a directory, which they leave out."""
    return [line.removeprefix(f"{ns}/") for line in str(base.get_model_diff(ns)).splitlines()]


BODY = "  id: pxt.Int = pxt.Column(primary_key=True)\n  text: pxt.String\n  n: pxt.Int | None\n"


def docs_with(more: str = "") -> str:
    return f"class Docs(M, name='docs'):\n{BODY}{more}"
