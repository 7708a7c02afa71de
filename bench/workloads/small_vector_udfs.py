"""An embedding function of 256 dimensions that costs next to nothing, so that the index is what is measured."""

import numpy as np

import pixeltable as pxt


@pxt.udf
def embed(s: str) -> pxt.Array[(256,), pxt.Float]:
    return np.random.Generator(np.random.PCG64(int(s))).standard_normal(256).astype(np.float32)
