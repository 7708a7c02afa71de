"""Functions on arrays; null where a required argument is null."""

from typing import Any

from pixeltable.types.forms import Array, Json
from pixeltable.udfs.decorator import udf


# In Python: arrays are stored as bytes.
@udf(is_method=True)
def to_list(self: Array) -> Json:
    """The items as nested lists of plain values, one level for each dimension.

    Raises:
        ValueError: an item is infinite or NaN, for which Json has no value.

    >>> import numpy as np
    >>> to_list.body(np.array([[1, 2], [3, 4]]))
    [[1, 2], [3, 4]]
    """
    items: Any = self.tolist()
    return items
