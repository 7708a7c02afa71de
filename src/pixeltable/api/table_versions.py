"""The versions of a table: reading it as it was."""

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pixeltable.api.extension import extension
from pixeltable.api.query_start import QueryStart
from pixeltable.exceptions import InvalidArgument
from pixeltable.plan.query import Moment
from pixeltable.session import past

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
            version: the number of a version.
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
        """The version of a number."""
        if type(version) is not int:
            raise InvalidArgument(f"a version is given by its number, got {version!r}")
        return past.moment_of_version(self._session, self._id, self._path, version)
