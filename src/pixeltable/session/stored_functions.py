"""Keeping the functions that a stored expression calls: those without a module are stored by value, signed."""

from pixeltable.exceptions import Unsupported
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, all_nodes_in
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection
from pixeltable.udfs import pickles
from pixeltable.udfs.applied import APPLIED


def refuse_applied(expr: Expr) -> None:
    """Check that what is to be stored calls no function of `apply()`.

    Raises:
        Unsupported: it does.
    """
    for node in all_nodes_in(expr):
        if isinstance(node, Call) and node.call_function.path.startswith(APPLIED):
            raise Unsupported(
                f"`{node}` applies a function that is not declared, which only queries can",
                hint="Declare it with @pxt.udf, and call it.",
            )


def store_functions(session: Session, connection: Connection, expr: Expr) -> None:
    """Store what another process needs to evaluate `expr`, in the caller's transaction.

    Raises:
        Unsupported: it calls a function of `apply()`.
    """
    refuse_applied(expr)
    for node in all_nodes_in(expr):
        if isinstance(node, Call | Aggregate) and node.call_function.path.startswith("local:"):
            stored = pickles.dump(session.find_function(node.call_function), session.signing_key())
            connection.execute(
                "INSERT INTO pixeltable.functions (path, body, signature) VALUES (%s, %s, %s) "
                "ON CONFLICT (path) DO UPDATE SET body = excluded.body, signature = excluded.signature",
                (stored.path, stored.body, stored.signature),
            )
