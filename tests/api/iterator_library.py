"""Iterators of a module, which other programs find by importing it."""

from typing import TypedDict

import pixeltable as pxt


class Letter(TypedDict):
    letter: str


class Pair(TypedDict):
    pair: str


@pxt.iterator
class Letters(pxt.PxtIterator[Letter]):
    def __init__(self, text: str):
        self.letters = iter(text)

    def __next__(self) -> Letter:
        return {"letter": next(self.letters)}


class Pairs(pxt.PxtIterator[Pair]):
    def __init__(self, text: str):
        self.text = text

    def __next__(self) -> Pair:
        if not self.text:
            raise StopIteration
        pair, self.text = self.text[:2], self.text[2:]
        return {"pair": pair}


pairs = pxt.iterator(Pairs)
