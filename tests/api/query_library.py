"""Functions that tests of queries and tools use; they know no table."""

import asyncio
import enum
from typing import Literal, TypedDict

import numpy as np

import pixeltable as pxt
from pixeltable.func import Batch

BATCHES: list[int] = []
"""How many texts each call of `letters` got."""


@pxt.udf(batch_size=100)
def letters(texts: Batch[str]) -> Batch[pxt.Array[(3,), pxt.Float]]:
    """How often a, b and c occur; texts without any of them fail."""
    BATCHES.append(len(texts))
    counts = [np.array([text.count(letter) for letter in "abc"], dtype=np.float32) for text in texts]
    if not all(count.any() for count in counts):
        raise ValueError("none of a, b, c")
    return counts


@pxt.udf
def shout(text: str) -> str:
    return f"{text.upper()}!"


@pxt.udf
def no_b(text: str) -> str:
    if text == "b":
        raise ValueError("b again")
    return text


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


class Place(TypedDict):
    city: str
    zip: int | None


@pxt.udf
def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """The weather in a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"{city}: 20 {unit}"


@pxt.udf
async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


@pxt.udf
def described(place: Place, tags: list[str], unit: Unit | None = None, weight: float = 1.0) -> dict:
    """Everything."""
    return {"place": place, "tags": tags, "unit": unit, "weight": weight}
