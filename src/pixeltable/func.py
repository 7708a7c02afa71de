"""Names that programs import from `pixeltable.func`; they are defined in `udfs`."""

from pixeltable.udfs.aggregate import Aggregator, uda
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.expressions import expr_udf
from pixeltable.udfs.function import Function
from pixeltable.udfs.tools import Tool, ToolChoice, Tools

__all__ = ["Aggregator", "Batch", "Function", "Tool", "ToolChoice", "Tools", "expr_udf", "uda", "udf"]
