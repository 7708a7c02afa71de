"""Functions that the models of tests are made of."""

from collections.abc import Iterator
from typing import TypedDict

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
