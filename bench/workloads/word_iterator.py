"""An iterator that makes one row per word."""

from collections.abc import Iterator
from typing import TypedDict

import pixeltable as pxt


class Word(TypedDict):
    """One output row."""

    word: str
    position: int


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for i, word in enumerate(text.split()):
        yield Word(word=word, position=i)
