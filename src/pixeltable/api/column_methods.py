"""What can be done with a column through its reference: `t.col.recompute()`."""

from pixeltable.api.fixed import fixed_version
from pixeltable.api.view import handle_of
from pixeltable.exceptions import InvalidExpression
from pixeltable.exprs.expr import METHODS, Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.query import is_past
from pixeltable.session.current import current_session
from pixeltable.types.status import UpdateStatus


def recompute(source: Expr, *, cascade: bool = True, errors_only: bool = False) -> UpdateStatus:
    """Compute the cells of a column again; see `Table.recompute_columns`."""
    if not isinstance(source, ColumnRef):
        raise InvalidExpression(f"recompute() is a method of a stored computed column, not of `{source}`")
    if is_past(source.ref_alias):
        raise fixed_version("recompute", str(source.ref_alias))
    session = current_session()
    table = handle_of(session, session.table(source.ref_table, source.ref_name))
    return table.recompute_columns(source, errors_only=errors_only, cascade=cascade)


METHODS["*", "recompute"] = recompute
