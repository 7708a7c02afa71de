"""Connections: a pool, and running work on them so that a lost server costs a wait, not an error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from pixeltable.exceptions import DatabaseUnavailable, Error, InvalidState

Result = TypeVar("Result")
Connection = psycopg.Connection

_CONNECT_TIMEOUT_S = 5
_RECOVERY_S = 20.0
"""How long a call waits for a lost server to come back before it gives up."""

_SESSION_OPTIONS = "-c hnsw.iterative_scan=strict_order -c hnsw.ef_search=100 -c hnsw.max_scan_tuples=200000"


class Database:
    """A pool of connections to one database.

    A connection is held for the statements of one step, never while user code runs. `revive` is called after a lost
    connection, to start an embedded server again.
    """

    def __init__(self, conninfo: str, *, max_connections: int, zone_name: str, revive: Callable[[], None]) -> None:
        self._revive = revive
        self._conninfo = psycopg.conninfo.make_conninfo(
            conninfo, options=f"{_SESSION_OPTIONS} -c TimeZone={zone_name}", connect_timeout=_CONNECT_TIMEOUT_S
        )
        self._max_connections = max_connections
        self._inherited: list[ConnectionPool] = []
        self._joined = True
        self._pool = self._new_pool()
        self._pool.open()

    def _new_pool(self) -> ConnectionPool:
        return ConnectionPool(
            self._conninfo,
            min_size=0,
            max_size=self._max_connections,
            max_idle=300,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 3},
            timeout=_RECOVERY_S,
            reconnect_timeout=_RECOVERY_S,
            num_workers=1,
        )

    def after_fork(self) -> None:
        """In a forked child: connections of its own when it first needs one, none of the parent's."""
        self._inherited.append(self._pool)  # kept, since ending it would end the parent's connections
        self._pool = self._new_pool()
        self._joined = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit mode; returned to the pool at the end, closed if it broke.

        Raises:
            DatabaseUnavailable: none could be had.
        """
        if not self._joined:
            self._revive()  # a child needs a share of its own in an embedded server
            self._pool.open()
            self._joined = True
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise DatabaseUnavailable(f"no database connection within {_RECOVERY_S:.0f} s: {error}") from None

    def dedicated(self) -> Connection:
        """A connection outside the pool, for a lock that is held while user code runs. The caller closes it."""
        return psycopg.connect(self._conninfo, autocommit=True)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """`work` on a connection, again after a lost one; for work that may be done twice."""
        return self.attempt(work, recall=lambda _: None)

    def attempt(self, work: Callable[[Connection], Result], *, recall: Callable[[Connection], Result | None]) -> Result:
        """`work` on a connection. After a lost one, `recall` says what the work had done; None means: do it (again).

        Raises:
            DatabaseUnavailable: the server did not come back in time.
            InvalidState: the server has no room left; nothing was written.
        """
        deadline = time.monotonic() + _RECOVERY_S
        lost = False
        while True:
            try:
                with self.connection() as connection:
                    done = recall(connection) if lost else None
                    return work(connection) if done is None else done
            except psycopg.errors.DiskFull as error:
                raise InvalidState(
                    f"the database's disk is full: {error.diag.message_primary}",
                    hint="Free some space; nothing was written.",
                ) from error
            except psycopg.OperationalError as error:
                if not _is_lost(error):
                    raise _unavailable(error) from error
                if time.monotonic() > deadline:
                    raise _unavailable(error) from error
                lost = True
                self._recover()

    def _recover(self) -> None:
        """Start the server again where that is ours to do, and forget connections to the one that is gone."""
        try:
            self._revive()
        except Error:
            time.sleep(0.2)  # somebody else's server, or one that is starting: the loop of `attempt` has the deadline
        self._pool.check()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close(timeout=2)


def _is_lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection broke (no SQLSTATE, or class 08 or 57P) rather than the statement failed."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _unavailable(error: psycopg.OperationalError) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the database cannot be reached: {str(error).strip()}", hint="Try again.")
