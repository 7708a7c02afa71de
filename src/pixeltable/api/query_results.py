"""`QueryResults`: running a query for a data frame or an Arrow table."""

from typing import TYPE_CHECKING, Any

from pixeltable.api.query_text import QueryText
from pixeltable.api.results import ResultSet

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class QueryResults(QueryText):
    """Results in the forms of other libraries; each of these runs the query, as `collect()` does."""

    def collect(self) -> ResultSet:
        """The rows of the query."""
        raise NotImplementedError

    def to_pandas(self) -> "pd.DataFrame":
        """The result as a pandas DataFrame; see `ResultSet.to_pandas`."""
        return self.collect().to_pandas()

    def to_arrow(self) -> "pa.Table":
        """The result as an Arrow table; see `ResultSet.to_arrow`."""
        return self.collect().to_arrow()

    def to_polars(self) -> Any:
        """The result as a polars DataFrame; see `ResultSet.to_polars`."""
        return self.collect().to_polars()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Lets DuckDB, polars, pandas and others read the query directly.

        Source: the Arrow PyCapsule interface.
        """
        return self.collect().__arrow_c_stream__(requested_schema)
