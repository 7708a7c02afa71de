"""`pxt.sql()`: reading tables with SQL."""

from collections.abc import Mapping
from typing import Any

from pixeltable.api.results import ResultSet
from pixeltable.exceptions import InvalidArgument
from pixeltable.session.current import current_session
from pixeltable.session.statements import run_statement


def sql(statement: str, params: Mapping[str, Any] | None = None) -> ResultSet:
    """The rows of a SELECT of PostgreSQL's over tables, each named by its path: `docs`, `dir.docs` or `"dir/docs"`.

    `"dir/docs:3"` is a table as it was at a version.

    `:name` in the statement stands for the value that `params` has under that name. Values never become part of the
    text; a list is an array, as in `id = any(:ids)`, a dict is jsonb.

    Columns have their own names and values; a column that is selected as it is keeps its type. What is computed has the
    type that PostgreSQL gives it, and may be null: integers are Int, numeric and floats are Float (the nearest double,
    so `sum()` of Int is a Float, exact up to 2**53; `sum(n)::bigint` is an Int), arrays are lists in a Json.

    Raises:
        RequestError: the statement cannot be read, does more than to read tables, calls a function that is not listed
            in docs/sql.md, or PostgreSQL reported an error; or `params` does not fit.
        NotFoundError: there is no such table or column.
    """
    if not isinstance(statement, str):
        raise InvalidArgument(f"sql(): the statement is a string, got {type(statement).__name__}")
    values: Any = {} if params is None else params
    if not isinstance(values, Mapping) or any(not isinstance(name, str) for name in values):
        raise InvalidArgument(f"sql(): params maps names to values, got {type(params).__name__}")
    answer = run_statement(current_session(), statement, values)
    return ResultSet(answer.columns, answer.types)
