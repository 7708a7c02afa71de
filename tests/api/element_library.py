"""Functions that tests call on the elements of lists."""

import pixeltable as pxt


@pxt.udf
def shout(text: str) -> str:
    return text.upper() + "!"


@pxt.udf
async def awaited(number: float) -> float:
    return number + 1


@pxt.udf
def reciprocal(number: float) -> float:
    return 1 / number
