"""What views need of their bases: a change of a schema that takes it away is refused, whatever makes it."""

from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord, referred_columns
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ConstraintViolation
from pixeltable.exprs.leaves import by_ids


def check_views(before: Catalog, after: Catalog) -> None:
    """Check that views have what they are made of, as they knew it.

    Raises:
        ConstraintViolation: a column is gone, has another type, or, where it is not stored, another definition.
    """
    for view_id in after.view_ids:
        view, known = after.find(view_id), before.find(view_id)
        if view is None or known is None or _has_same_bases(view, known):
            continue
        for column_id in _needs(known):
            was, now = known.column_by_id(column_id), view.column_by_id(column_id)
            if was is not None and (now is None or _differs(was, now)):
                verb = "go" if now is None else "be altered"
                raise ConstraintViolation(
                    f"column {was.name!r} cannot {verb}: view {view.path!r} depends on it", hint="Drop the view first."
                )


def _has_same_bases(view: TableRecord, known: TableRecord) -> bool:
    bases = zip(view.live_lineage[1:], known.live_lineage[1:], strict=True)
    return all(now.schema_version == was.schema_version for now, was in bases)


def _needs(view: TableRecord) -> set[int]:
    """The columns of its bases that a view is made of, also by way of columns that are not stored."""
    own = {column.id for column in view.columns}
    used: set[int] = set()
    waiting = {index.column for index in view.indexes}
    waiting |= {column for expr in view.definitions for column in referred_columns(expr)}
    while waiting:
        used.add(column_id := waiting.pop())
        column = view.column_by_id(column_id)
        if column is not None and column.heap is None and column.expr is not None:
            waiting |= referred_columns(column.expr) - used
    return used - own


def _differs(was: ColumnRecord, now: ColumnRecord) -> bool:
    """Whether a column gives other values than before, in a way that recomputing cells does not mend."""
    if was.type != now.type:
        return True
    return now.heap is None and _definition(was) != _definition(now)


def _definition(column: ColumnRecord) -> Any:
    return None if column.expr is None else by_ids(column.expr)
