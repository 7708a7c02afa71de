"""Names that programs import from `pixeltable.func`; they are defined in `udfs`."""

from pixeltable.udfs.aggregate import Aggregator, uda
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import Function

__all__ = ["Aggregator", "Batch", "Function", "uda", "udf"]
