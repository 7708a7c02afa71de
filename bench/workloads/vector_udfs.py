"""An embedding function that costs next to nothing, so that the index is what is measured."""

from data import vector

import pixeltable as pxt


@pxt.udf
def embed(s: str) -> pxt.Array[(384,), pxt.Float]:
    return vector(int(s))
