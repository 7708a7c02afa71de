"""Functions that the tests of tables put into columns and indexes; nothing here knows a table."""

import asyncio

import numpy as np

import pixeltable as pxt
from pixeltable.func import Batch


@pxt.udf
def twice(n: int) -> int:
    return 2 * n


@pxt.udf
def even_only(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n


@pxt.udf
def or_zero(n: int | None) -> int:
    return n or 0


@pxt.udf(batch_size=2)
def twice_in_batches(numbers: Batch[int]) -> Batch[int]:
    assert len(numbers) <= 2
    return [2 * n for n in numbers]


@pxt.udf(batch_size=2)
def one_too_many(numbers: Batch[int]) -> Batch[int]:
    return [*numbers, 0]


@pxt.udf
async def twice_later(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


@pxt.udf
def not_an_int(n: int) -> int:
    return f"{n}"  # type: ignore[return-value]  # what the tests are about


@pxt.udf
def letters(text: str) -> pxt.Array[(3,), pxt.Float]:
    """How often a, b and c occur; texts without any of them fail."""
    counts = np.array([text.count(letter) for letter in "abc"], dtype=np.float32)
    if not counts.any():
        raise ValueError("none of a, b, c")
    return counts


@pxt.udf
def first_letters(text: str) -> pxt.Array[(2,), pxt.Float]:
    return letters.body(text)[:2]
