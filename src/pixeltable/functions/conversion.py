"""Values as another type."""

from typing import Any

from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import as_expr

__all__ = ["cast"]


def cast(expr: Any, target_type: Any) -> Expr:
    """`expr.astype(target_type)`, in an older spelling; `expr` may be a plain value. Null stays null.

    Raises:
        InvalidType: `target_type` is not a type as schemas have them.

    >>> import pixeltable as pxt
    >>> str(cast(3, pxt.Float | None).col_type)
    'Float | None'
    """
    return as_expr(expr).astype(target_type)
