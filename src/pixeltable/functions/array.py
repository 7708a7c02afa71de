"""Functions on arrays; null where a required argument is null."""

from typing import Annotated, Any

from pixeltable.types.column_type import ArrayType, JsonType
from pixeltable.udfs.decorator import udf

PYTHON_ONLY = {"to_list": "arrays are stored as bytes"}
"""Functions without SQL, and why."""


@udf(is_method=True)
def to_list(self: Annotated[Any, ArrayType()]) -> Annotated[Any, JsonType()]:
    """The items as nested lists of plain values, one level for each dimension.

    Raises:
        ValueError: an item is infinite or NaN, for which Json has no value.

    >>> import numpy as np
    >>> to_list.body(np.array([[1, 2], [3, 4]]))
    [[1, 2], [3, 4]]
    """
    return self.tolist()
