"""Connections: a pool, and running work on them so that a lost server costs a wait, not an error."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from pixeltable.exceptions import DatabaseRefused, DatabaseUnavailable, Error, InvalidData, InvalidState
from pixeltable.lazy import psycopg
from pixeltable.types.json_text import DIGITS_ALIKE

Result = TypeVar("Result")
if TYPE_CHECKING:
    from psycopg import Connection as Connection
else:
    Connection = Any  # a name for annotations; the class would bring all of psycopg

_CONNECT_TIMEOUT_S = 5
_MAX_IDLE_S = 300.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5

_SESSION_OPTIONS = (
    "-c hnsw.iterative_scan=strict_order -c hnsw.ef_search=100 -c hnsw.max_scan_tuples=200000 "
    "-c standard_conforming_strings=on"  # a database may have it off; then a backslash would end our quoting of texts
)


class Database:
    """A pool of connections to one database.

    A connection is held for the statements of one step, never while user code runs. `revive` is called after a lost
    connection, to start an embedded server again; a call waits `recovery_s` for the server before it gives up.

    Connections are made by the thread that needs one, so that it learns at once, and from the error, that it cannot be
    had: psycopg's pool makes them in the background, and callers wait there for a server that only they can start.
    """

    def __init__(
        self, conninfo: str, *, max_connections: int, zone_name: str, recovery_s: float, revive: Callable[[], None]
    ) -> None:
        self._revive = revive
        self._recovery_s = recovery_s
        self._conninfo = psycopg.conninfo.make_conninfo(
            conninfo, options=f"{_SESSION_OPTIONS} -c TimeZone={zone_name}", connect_timeout=_CONNECT_TIMEOUT_S
        )
        self._max_connections = max_connections
        self._inherited: list[object] = []
        self._joined = True
        self._closed = False
        self._start_empty()

    def _start_empty(self) -> None:
        self._free = threading.BoundedSemaphore(self._max_connections)
        self._idle: deque[tuple[Connection, float]] = deque()  # the one used last at the right end

    def after_fork(self) -> None:
        """In a forked child: connections of its own when it first needs one, none of the parent's."""
        self._inherited.append(self._idle)  # kept, since ending them would end the parent's connections
        self._start_empty()
        self._joined = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit mode; returned to the pool at the end, closed if it broke.

        Raises:
            DatabaseUnavailable: all are in use, and none became free in time.
            DatabaseRefused: the user of the database may not do what the block does.
            psycopg.OperationalError: the server cannot be reached.
        """
        if not self._joined:
            self._revive()  # a child needs a share of its own in an embedded server
            self._joined = True
        free = self._free
        if not free.acquire(timeout=self._recovery_s):
            raise DatabaseUnavailable(
                f"all {self._max_connections} database connections were in use for {self._recovery_s:.0f} s",
                hint="Try again, or raise the setting max_connections.",
            )
        try:
            connection = self._take()
            try:
                yield connection
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
                raise DatabaseRefused(str(error.diag.message_primary)) from error
            finally:
                self._give_back(connection)
        finally:
            free.release()

    def _take(self) -> Connection:
        try:
            return self._idle.pop()[0]
        except IndexError:
            return self._connect()

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.prepare_threshold = 3
        psycopg.types.json.set_json_loads(loaded_json, connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        now = time.monotonic()
        self._idle.append((connection, now))
        self._close_idle(before=now - _MAX_IDLE_S)

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        self._close_idle(before=time.monotonic())

    def _close_idle(self, *, before: float) -> None:
        while True:
            try:
                connection, since = self._idle.popleft()
            except IndexError:
                return
            if since > before:
                self._idle.appendleft((connection, since))
                return
            connection.close()

    def dedicated(self) -> Connection:
        """A connection that does not count among those of the pool, for a lock that is held while user code runs.

        The caller gives it back with `release`, or closes it.

        Raises:
            DatabaseUnavailable: the server did not come back in time.
        """
        return self._recovering(lambda lost: self._connect() if lost else self._alive())

    def _alive(self) -> Connection:
        connection = self._take()
        connection.execute("SELECT")  # one that was idle may be broken by now
        return connection

    def release(self, connection: Connection) -> None:
        """Give back a dedicated connection with the advisory locks it holds."""
        try:
            connection.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.OperationalError:
            connection.close()  # broken: the locks are gone with it
        else:
            self._give_back(connection)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """`work` on a connection, again after a lost one; for work that may be done twice."""
        return self.attempt(work, recall=lambda _: None)

    def attempt(self, work: Callable[[Connection], Result], *, recall: Callable[[Connection], Result | None]) -> Result:
        """`work` on a connection. After a lost one, `recall` says what the work had done; None means: do it (again).

        Raises:
            DatabaseUnavailable: the server did not come back in time.
            InvalidState: the server has no room left; nothing was written.
            InvalidData: a value is too large; nothing was written.
        """

        def once(lost: bool) -> Result:
            with self.connection() as connection:
                done = recall(connection) if lost else None
                return work(connection) if done is None else done

        return self._recovering(once)

    def _recovering(self, once: Callable[[bool], Result]) -> Result:
        """`once(lost)`, again after a lost connection; `lost` says whether there was one before."""
        deadline: float | None = None
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return once(deadline is not None)
            except psycopg.errors.DiskFull as error:
                raise InvalidState(
                    f"the database's disk is full: {error.diag.message_primary}",
                    hint="Free some space; nothing was written.",
                ) from error
            except psycopg.errors.ProgramLimitExceeded as error:
                raise InvalidData(
                    f"a value is larger than the database can hold: {error.diag.message_primary}",
                    hint="Keep it in a file, and its path in the table; nothing was written.",
                ) from error
            except psycopg.OperationalError as error:
                if deadline is None:  # counted from the loss: the work before it may have been long
                    deadline = time.monotonic() + self._recovery_s
                if not (_is_lost(error) or _is_conflict(error)) or time.monotonic() > deadline:
                    raise _unavailable(error) from error
                if _is_lost(error):
                    self._recover()
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _recover(self) -> None:
        """Start the server again where that is ours to do, and forget connections to the one that is gone."""
        self.close_idle()
        with suppress(Error):  # it may be starting: the loop of `attempt` has the deadline
            self._revive()

    def close(self) -> None:
        """Close all connections, those in use as soon as they are given back."""
        self._closed = True
        self.close_idle()


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """A transaction that only reads, and whose statements all see the same data; in another one, as that has it."""
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            yield
        return
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # where that fails, the pool closes the connection
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def jsonb(value: object) -> object:
    """A parameter of a statement for a column of type jsonb.

    Raises:
        InvalidData: a text in it has a character that the database cannot store.
    """
    text = json.dumps(value)
    if "\\u0000" in text.replace("\\\\", ""):
        raise InvalidData("a text holds a NUL character, which cannot be stored", hint="Take it out.")
    if "\\ud" in text and _has_lone_surrogate(text):
        raise InvalidData("a text holds a lone surrogate, which is no Unicode character", hint="Take it out.")
    return psycopg.types.json.Jsonb(value, dumps=lambda _: text)


def _has_lone_surrogate(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def loaded_json(data: str | bytes) -> Any:
    """The value of a Json cell as the database sends it."""
    text = data.encode() if isinstance(data, str) else data
    return json.loads(text) if has_long_number(text) else orjson.loads(text)


def has_long_number(text: bytes) -> bool:
    """Whether JSON may hold an integer beyond 64 bits, of which orjson would make a float."""
    alike = text.translate(DIGITS_ALIKE)  # a pattern takes ten times as long
    at = alike.find(_LONG)
    while at > 0 and alike[at - 1] == _POINT:  # digits of a fraction
        at = alike.find(_LONG, at + len(_LONG))
    return at >= 0


_LONG = b"0" * 19
_POINT = ord(".")


def _is_lost(error: "psycopg.OperationalError") -> bool:
    """Whether the connection broke (no SQLSTATE, or class 08 or 57P) rather than the statement failed."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _is_conflict(error: "psycopg.OperationalError") -> bool:
    """Whether other transactions were in the way, and this one was undone: the same work will go through."""
    return isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)


def _unavailable(error: "psycopg.OperationalError") -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the database does not answer: {str(error).strip()}", hint="Try again.")
