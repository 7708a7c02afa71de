"""A UDF that waits, as one that calls a service does."""

import asyncio

import pixeltable as pxt


@pxt.udf
async def inc_async(x: int) -> int:
    await asyncio.sleep(0.01)
    return x + 1
