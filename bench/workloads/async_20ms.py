"""A UDF that waits 20 ms, as one that calls a quick service does; a module of its own, so that any peer can load it."""

import asyncio

import pixeltable as pxt


@pxt.udf
async def wait_async(x: int) -> int:
    await asyncio.sleep(0.02)
    return x + 1
