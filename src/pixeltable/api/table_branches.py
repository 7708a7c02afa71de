"""The branches of a table: writable copies of a version, whose changes can be merged back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pixeltable.api.arguments import one_of
from pixeltable.api.extension import extension
from pixeltable.api.progress import watched
from pixeltable.api.query_start import QueryStart
from pixeltable.api.receipts import announce
from pixeltable.ids import parse_path
from pixeltable.session.branching import branch
from pixeltable.session.merging import merge
from pixeltable.types.status import UpdateStatus

if TYPE_CHECKING:
    from pixeltable.api.table import Table


HANDLES: list[Callable[..., Any]] = []
"""What makes the handle of a branch: `Table`, which builds on this and puts itself here."""


class TableBranches(QueryStart):
    """Something that has branches, or is one: a table, known by its id."""

    @extension
    def branch(self, path: str, *, if_exists: str = "error") -> "Table":
        """Make a branch: a table of its own under `path` that begins with the rows and columns there are now.

        `t.at(version=3).branch('fix')` begins with those of a version. Nothing is computed or embedded again: cells and
        vectors are copied in the database, with b-trees; views are not. Both go their own ways from then on:
        `branch.diff()` shows what was done in the branch, `branch.merge()` does it to the table.

        The table needs nothing of its branches, nor they of it: its versions may be taken back or forgotten, and it may
        be dropped, whereupon the branch is a table like any other.

        Args:
            if_exists: 'error', or 'ignore': a branch that is there is what is returned.

        Raises:
            AlreadyExistsError: something is under the path.
            NotFoundError: its directory does not exist.
            RequestError: this is a view or a snapshot.
        """
        choice = one_of("if_exists", if_exists, ("error", "ignore"))
        made, _ = branch(self._session, self._id, self._path, parse_path(path), self._moment, if_exists=choice)
        (make,) = HANDLES
        handle: Table = make(self._session, made)
        return handle

    @extension
    def merge(self, *, on_conflict: str = "error") -> UpdateStatus:
        """Do to the table that this is a branch of what was done here since it began, or since the last merge.

        Rows that were inserted, deleted, or updated here are so there, in one version, which `revert()` takes back; its
        views follow. What the branch has computed holds there too, unless the table changed the same rows meanwhile;
        then it is computed again, as are vectors. Only rows are merged: both have to have the same columns.

        Rows are known by their number, or by their primary key, and merged column by column, by their values: in the
        branch as it began, or at its last merge, in the branch now, and in the table now. It is a conflict if the table
        has a new value, and another one, where the branch has; if one side changed a row that the other deleted; or
        if both inserted a row with the same primary key and other values.

        Args:
            on_conflict: 'error', or the side that has its way: 'branch' or 'base'.

        Raises:
            RequestError: there are conflicts, which are listed by their keys, and in `error.conflicts`; this is no
                branch; columns were added, dropped or altered here; or the table is gone. Nothing is merged then.
            ConcurrencyError: other writers kept changing the same rows; try again.
        """
        choice = one_of("on_conflict", on_conflict, ("error", "branch", "base"))
        with watched(self._session, f"Merging {self._path}") as tally:
            status = merge(self._session, self._id, self._path, on_conflict=choice, tally=tally)
        announce(self._session, status)
        return status
