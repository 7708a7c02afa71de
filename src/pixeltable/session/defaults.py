"""Defaults of columns: what a plain column is in rows that are given no value for it."""

from typing import Any

from pixeltable.exceptions import InvalidSchema
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal
from pixeltable.session.session import Session
from pixeltable.types.column_type import ColumnType
from pixeltable.types.conform import CellRejected, conform


def default_of(session: Session, name: str, column_type: ColumnType, value: Any) -> Literal | None:
    """A default in the form of its column; None, which says that there is none, stays None.

    Raises:
        InvalidSchema: the column cannot hold it.
    """
    if value is None:
        return None
    if isinstance(value, Expr):
        raise InvalidSchema(
            f"column {name!r}: a default is a value, got the expression `{value}`",
            hint="For a column that is computed write {'value': expression}.",
        )
    try:
        (fitting,) = conform(column_type, [value], zone=session.settings.zone)
    except CellRejected as error:
        raise InvalidSchema(
            f"column {name!r} of type `{column_type}` cannot have this default: {error.reason}"
        ) from None
    return Literal(fitting, column_type)
