"""The versions of a table: reading it as it was, naming and comparing versions, and going back to one."""

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pixeltable.api.arguments import one_of
from pixeltable.api.diff import Diff
from pixeltable.api.extension import extension
from pixeltable.api.progress import watched
from pixeltable.api.query_start import QueryStart
from pixeltable.api.receipts import announce
from pixeltable.exceptions import InvalidArgument
from pixeltable.ids import check_tag
from pixeltable.plan.query import Moment
from pixeltable.session import past, tags, versions
from pixeltable.session.branch_forks import last_fork
from pixeltable.session.diffs import difference
from pixeltable.session.forgetting import forget
from pixeltable.session.restoring import restore
from pixeltable.session.vacuum import check_keep, vacuum
from pixeltable.types.status import UpdateStatus

if TYPE_CHECKING:
    from pixeltable.api.table import Table


HANDLES: list[Callable[..., Any]] = []
"""What makes the handle of a version: `PastTable`, which builds on tables and puts itself here."""


class TableVersions(QueryStart):
    """Something that has versions: a table, known by its id."""

    @extension
    def at(self, *, version: int | str | None = None, time: datetime.datetime | None = None) -> "Table":
        """The table as it was: a handle that only reads, with the rows and the columns of that version.

        It takes every query, joins with the table of today and with other versions included, and similarities:
        `old = t.at(version=3)`, then `t.join(old, on=t.id == old.id).where(t.score != old.score)`.

        Args:
            version: the number of a version, or its tag.
            time: the newest version at that time; without a zone it is in the session's.

        Raises:
            NotFoundError: there is no such version.
            RequestError: not just one of both is given.
        """
        if (version is None) == (time is None):
            raise InvalidArgument("at() takes either `version` or `time`", hint="Write t.at(version=3).")
        if version is not None:
            return self._past(self._moment_of(version))
        if not isinstance(time, datetime.datetime):
            raise InvalidArgument(f"at(): time must be a datetime, got {time!r}")
        return self._past(past.moment_of_time(self._session, self._id, self._path, time))

    def _past(self, moment: Moment) -> "Table":
        (make,) = HANDLES
        handle: Table = make(self._session, self._id, self._path, moment)
        return handle

    def _moment_of(self, version: Any) -> Moment:
        """The version of a number, or of a tag."""
        if isinstance(version, str):
            return tags.moment_of_tag(self._session, self._id, self._path, version)
        if type(version) is not int:
            raise InvalidArgument(f"a version is given by its number or its tag, got {version!r}")
        return past.moment_of_version(self._session, self._id, self._path, version)

    @extension
    def tag(self, name: str, *, version: int | str | None = None) -> None:
        """Give a version a name: `pxt.get_table('dir/t:name')` is the table as it was then. None: the newest version.

        As long as it has one, `revert()` does not take it back. Nothing happens if it has that name already.

        Raises:
            AlreadyExistsError: another version has that name.
            NotFoundError: there is no such version.
        """
        moment = self._moment if version is None else self._moment_of(version)
        tags.tag(self._session, self._id, self._path, check_tag(name), moment)

    @extension
    def tags(self) -> dict[str, int]:
        """The tags and the numbers of their versions, oldest first."""
        return tags.list_tags(self._session, self._id, self._path)

    @extension
    def drop_tag(self, name: str, if_not_exists: str = "error") -> None:
        """Take a tag away; the version stays.

        Raises:
            NotFoundError: there is none, and `if_not_exists` is 'error'.
        """
        choice = one_of("if_not_exists", if_not_exists, ("error", "ignore"))
        tags.drop_tag(self._session, self._id, self._path, check_tag(name), if_not_exists=choice)

    @extension
    def diff(self, a: int | str | None = None, b: int | str | None = None) -> Diff:
        """What became of version `a` until version `b`, numbers or tags; None: until now.

        Of a branch `a` may be left out: what was done in it since it began, or since the last merge.

        A row for each row that differs: `change` ('inserted', 'deleted' or 'updated'), its primary key (`_rowid` if
        there is none), and `columns`, the names of those that have another value. Stored columns that both versions
        have are compared; columns and indexes that came, went or changed are in `schema_changes`.

        Raises:
            NotFoundError: there is no such version.
            RequestError: `a` is left out, and this is no branch.
        """
        before = self._began() if a is None else self._moment_of(a)
        now = self._moment or past.newest_moment(self._session, self._id, self._path)
        after = now if b is None else self._moment_of(b)
        found = difference(self._session, self._id, self._path, before, after)
        return Diff(found.rows.columns, found.rows.types, found.schema_changes)

    def _began(self) -> Moment:
        """Of a branch, the version since which it has not been merged."""
        record = self._newest_record
        if record.branch is None:
            raise InvalidArgument("diff() takes the version to compare with", hint="Write t.diff(3).")
        fork = last_fork(self._session, record, record.branch)
        return Moment(fork.own_version, fork.own_op)

    @extension
    def restore(self, version: int | str) -> UpdateStatus:
        """Go back to a version, by a new one: rows, cells, vectors and columns are what they were then.

        Nothing is computed again, and the versions since stay. Where nothing differs, there is no new version. Views
        over the table follow in the same commit, as they do for other changes.

        Raises:
            NotFoundError: there is no such version.
            RequestError: a column or an index is being filled, or what was stored then is not there any more; or a view
                depends on a column that the version does not have, or not so.
            ConcurrencyError: other writers kept changing the same rows; try again.
        """
        with watched(self._session, f"Restoring {self._path}") as tally:
            status = restore(self._session, self._id, self._path, self._moment_of(version), tally=tally)
        announce(self._session, status)
        return status

    @extension
    def vacuum(
        self,
        *,
        keep_versions: int | None = None,
        older_than: datetime.datetime | datetime.timedelta | None = None,
    ) -> int:
        """Forget old versions: what only they show is removed from the disk. How many old entries are gone.

        The list of versions stays, with who did what when; versions that are forgotten cannot be read, restored, or
        reverted to. Versions of views that are older go with those of the table.

        Args:
            keep_versions: so many stay, the newest.
            older_than: what the table was at that time, or that long ago, is the oldest that stays.

        Raises:
            RequestError: a tag or a snapshot needs one of them; just one argument is to be given.
        """
        now = datetime.datetime.now(self._session.settings.zone)
        return vacuum(self._session, self._id, self._path, check_keep(keep_versions, older_than, now))

    @extension
    def forget(self, *, where: Any) -> UpdateStatus:
        """Erase rows for good: those that match a filter, or did at any version, from all versions.

        They are deleted, and what is known of them in the past goes too: from tags, views and snapshots. Nothing brings
        them back. Branches are tables of their own: call it for each. What functions with `memo=True` were given and
        returned is remembered apart from tables: `pxt.clear_memo()` forgets it.

        Raises:
            RequestError: there is no filter, or the table is a view.
        """
        if where is None:
            raise InvalidArgument("forget() needs a filter", hint="forget(where=t.email == '...').")
        status = forget(self._session, self._id, self._path, where)
        announce(self._session, status)
        return status

    @extension
    def annotate(self, message: Any) -> None:
        """Leave a note on the newest version, which `get_versions()` and `history()` show; None takes it away.

        Raises:
            RequestError: the message is no text.
        """
        if message is not None and (not isinstance(message, str) or "\0" in message):
            raise InvalidArgument(f"annotate() takes a text, got {message!r}")
        versions.annotate(self._session, self._id, self._path, message)
