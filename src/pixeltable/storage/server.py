"""The embedded PostgreSQL server as its users see it: joining, leaving, further databases; all processes share one."""

import os
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from pixeltable.exceptions import DatabaseUnavailable, InvalidConfiguration, InvalidState
from pixeltable.lazy import psycopg
from pixeltable.storage.locks import exclusive, is_free, shared
from pixeltable.storage.server_data import DATABASE, DataFolder, open_data
from pixeltable.storage.server_process import PORT, running, start, start_watcher, stop
from pixeltable.storage.server_settings import ROLE
from pixeltable.storage.server_watch import START_LOCK_NAME, USERS_LOCK_NAME

# More than a start (120 s) that another process is in the middle of.
_START_LOCK_S = 150.0
_ACCEPT_S = 30.0
_POLL_S = 0.01


class EmbeddedServer:
    """One user's share in the server of a home.

    Each living process that joined holds a share of the lock `server.users`, which the kernel takes back however the
    process ends; the one that gets the lock alone when it leaves was the last and stops the server. When the last one
    dies without leaving, the watcher gets the lock alone and does the same.
    """

    def __init__(self, home: Path, *, state_dir: Path) -> None:
        self._home = home
        self._state_dir = state_dir
        self._pid = os.getpid()
        self._mutex = threading.RLock()
        self._share: int | None = None
        self._data: DataFolder | None = None
        self._conninfo: str | None = None

    @property
    def conninfo(self) -> str:
        """How to connect, for libpq; known after `join()`."""
        if self._conninfo is None:
            raise InvalidState("the database server was not joined", hint="Call join() first.")
        return self._conninfo

    def join(self) -> str:
        """Start the server unless it runs, and count this process as a user of it.

        Returns:
            `conninfo`.

        Raises:
            InvalidConfiguration: this machine or this home cannot hold a server.
            DatabaseUnavailable: the server does not start.
        """
        _require_posix()
        self._forget_if_forked()
        with self._mutex:
            try:
                self._home.mkdir(parents=True, exist_ok=True)
                with self._start_lock() as lock:
                    self._take_share()
                    try:
                        self._start(lock)
                    except BaseException:
                        self._drop_share()
                        raise
            except OSError as error:
                raise DatabaseUnavailable(
                    f"the database of {str(self._home)!r} cannot be started: {error}",
                    hint="Check the rights on that folder, or set PIXELTABLE_DB_URL to a server of your own.",
                ) from error
            return self.conninfo

    def ensure_running(self) -> None:
        """After a lost connection: wait until the server accepts again, and start it if it died.

        Raises:
            DatabaseUnavailable: it does neither.
        """
        self._forget_if_forked()
        deadline = time.monotonic() + _ACCEPT_S
        with self._mutex:
            while not self._accepts():
                if time.monotonic() > deadline:
                    raise DatabaseUnavailable(
                        f"the database of {str(self._home)!r} has accepted no connection for {_ACCEPT_S:.0f} s",
                        hint="Try again; its log is in the folder `log` of the database.",
                    )
                time.sleep(_POLL_S)

    def leave(self) -> None:
        """Stop counting this process as a user; the last one stops the server. In a forked child: only forget."""
        self._forget_if_forked()
        with self._mutex:
            if self._share is None:
                return
            try:
                with self._start_lock():
                    self._drop_share()
                    if self._data is not None and self._is_unused():
                        stop(self._data)
            except FileNotFoundError:
                # The home was deleted; a server whose files are gone ends by itself within a minute.
                self._drop_share()

    def create_database(self, name: str) -> str:
        """Create a further, empty database in the same server unless it exists.

        Returns:
            How to connect to it, for libpq.
        """
        # How it looks if the database exists, and if another process creates it at the same moment.
        exists = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with psycopg.connect(self.conninfo, autocommit=True) as connection, suppress(*exists):
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return psycopg.conninfo.make_conninfo(self.conninfo, dbname=name)

    def _start_lock(self) -> AbstractContextManager[int]:
        return exclusive(self._home / START_LOCK_NAME, timeout_s=_START_LOCK_S)

    def _start(self, lock: int) -> None:
        self._data = open_data(self._home, state_dir=self._state_dir, lock=lock)
        # Before the server: from its first moment on, there is someone to stop it.
        start_watcher(self._data, home=self._home)
        server = start(self._data, home=self._home, state_dir=self._state_dir)
        self._conninfo = psycopg.conninfo.make_conninfo(
            host=str(server.socket_folder), port=PORT, dbname=DATABASE, user=ROLE
        )

    def _take_share(self) -> None:
        if self._share is None:
            self._share = shared(self._home / USERS_LOCK_NAME, timeout_s=_START_LOCK_S)

    def _is_unused(self) -> bool:
        users = self._home / USERS_LOCK_NAME
        if is_free(users):
            return True
        # The watcher wakes when we drop our share, and has the lock alone for a moment: it does not count as a user.
        os.close(shared(users, timeout_s=_START_LOCK_S))
        return is_free(users)

    def _drop_share(self) -> None:
        if self._share is not None:
            # close() and not LOCK_UN, which would also take the share from a forked child that still works.
            os.close(self._share)
            self._share = None

    def _forget_if_forked(self) -> None:
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._mutex = threading.RLock()  # the copy may be locked by a thread that exists in the parent only
        self._drop_share()

    def _accepts(self) -> bool:
        if self._share is None or self._data is None or running(self._data) is None:
            self.join()
        return psycopg.pq.PGconn.ping(self.conninfo.encode()) == psycopg.pq.Ping.OK


def _require_posix() -> None:
    if sys.platform == "win32":
        raise InvalidConfiguration(
            "the embedded database server does not run on Windows",
            hint="Set PIXELTABLE_DB_URL to a PostgreSQL server of your own.",
        )
