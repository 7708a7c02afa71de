"""A UDF called with a batch of rows."""

import pixeltable as pxt
from pixeltable.func import Batch


@pxt.udf(batch_size=64)
def inc_batch(x: Batch[int]) -> Batch[int]:
    return [value + 1 for value in x]
