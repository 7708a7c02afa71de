"""`recompute_columns`, as tables and queries offer it."""

from typing import Any

from pixeltable.api.progress import watched
from pixeltable.exceptions import InvalidArgument
from pixeltable.session.failed_lists import recompute_failed
from pixeltable.session.recompute import Selection, recompute
from pixeltable.session.session import Session
from pixeltable.session.stale import recompute_stale
from pixeltable.types.status import UpdateStatus


def recompute_columns(
    session: Session,
    table_id: int,
    name: str,
    columns: tuple[str, ...],
    where: Any,
    *,
    errors_only: bool,
    stale_only: bool,
    cascade: bool,
) -> UpdateStatus:
    """See `Table.recompute_columns`.

    Raises:
        InvalidArgument: no column is named, and not just stale cells are meant.
    """
    if not columns and not stale_only and not errors_only:
        raise InvalidArgument("recompute_columns() needs at least one column", hint="Pass its name.")
    selection = Selection(columns, where, errors_only, cascade)
    run = recompute_stale if stale_only else recompute_failed if errors_only else recompute
    with watched(session, f"Recomputing {name}") as tally:
        return run(session, table_id, name, selection, tally=tally)
