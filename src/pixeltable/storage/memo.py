"""The result memo: what expensive calls returned, by a hash of the call; durable, shared by a database's sessions."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pixeltable.storage.database import Connection, Database

_ENTRY_BYTES = 160
"""What an entry takes beside its value, in the table and its two indexes."""

_LARGEST_SHARE = 4
"""A value of more than this part of the limit is not kept: it would drive out too many others."""

_CHECK_SHARE = 32
"""The memo is trimmed, on average, each time this part of the limit has been written."""

_TRIMMED_SHARE = 7 / 8
"""How full it is after it was trimmed: the next times there is nothing to do."""

_TRIM_LOCK = 7_205_759_403_792_801
"""Advisory lock of who trims; any constant of ours does."""

# `set_config(..., true)` holds until the end of the statement's own transaction: its commit does not wait for the disk.
# A crash of the server may cost the last moments' entries, which are then computed again.
_QUICKLY = "SELECT set_config('synchronous_commit', 'off', true)"

# What was not used for an hour is marked as used, unless somebody else holds it: readers wait for nobody.
_GET = f"""
WITH found AS MATERIALIZED (
    SELECT key, value, used_at < now() - interval '1 hour' AS old FROM pixeltable.memo WHERE key = ANY (%b::bytea[])
), touched AS (
    UPDATE pixeltable.memo SET used_at = now() WHERE ({_QUICKLY}) = 'off' AND key IN (
        SELECT m.key FROM pixeltable.memo m JOIN found USING (key) WHERE found.old FOR UPDATE OF m SKIP LOCKED)
)
SELECT key, value FROM found
"""

_PUT = f"""
INSERT INTO pixeltable.memo (key, function, value, size_bytes)
SELECT u.key, u.function, u.value, {_ENTRY_BYTES} + coalesce(octet_length(u.value), 0)
FROM unnest(%b::bytea[], %b::text[], %b::text[]) AS u(key, function, value)
WHERE ({_QUICKLY}) = 'off'
ON CONFLICT (key) DO """

_KEEP = "NOTHING"
_OVERWRITE = "UPDATE SET value = excluded.value, size_bytes = excluded.size_bytes, used_at = now()"

_TRIM = f"""
WITH ordered AS MATERIALIZED (
    SELECT key, sum(size_bytes) OVER (ORDER BY used_at DESC, key) AS total FROM pixeltable.memo
), surplus AS MATERIALIZED (
    SELECT key FROM ordered WHERE total > %s
), locked AS MATERIALIZED (
    SELECT m.key FROM pixeltable.memo m JOIN surplus USING (key) FOR UPDATE OF m SKIP LOCKED
)
DELETE FROM pixeltable.memo USING locked WHERE memo.key = locked.key AND ({_QUICKLY}) = 'off'
"""


@dataclass(frozen=True, slots=True)
class MemoEntry:
    """A result to remember: under which key, of which function (its path), and as which text; None is a null result."""

    key: bytes
    function: str
    value: str | None

    @property
    def size_bytes(self) -> int:
        """What it counts for, taking each character for a byte: close enough to decide what is too large."""
        return _ENTRY_BYTES + len(self.value or "")


@dataclass(frozen=True, slots=True)
class FunctionMemo:
    """What is remembered of one function."""

    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MemoStats:
    """What the memo holds, in all and by path of function; `hits` and `misses` are this session's look-ups.

    `size_bytes` counts values as text, before the database compresses them.
    """

    entries: int
    size_bytes: int
    limit_bytes: int
    functions: Mapping[str, FunctionMemo]
    hits: int
    misses: int


class Memo:
    """The memo of a database, bounded by `limit_bytes`: what was used least recently goes. For any number of threads.

    A limit of 0 switches it off: nothing is found and nothing is kept. When a process trims is left to chance, by how
    much it writes: so any number of them, however short they live, together trim as often as one that writes as much.
    """

    def __init__(self, database: Database, limit_bytes: int, *, chance: Callable[[], float] = random.random) -> None:
        self._database = database
        self._limit_bytes = limit_bytes
        self._chance = chance
        self._lock = threading.Lock()
        self._hits = 0
        self._misses = 0

    def after_fork(self) -> None:
        """In a forked child: counts of its own, and a lock that no thread of the parent's holds."""
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    def get(self, keys: Sequence[bytes]) -> dict[bytes, str | None]:
        """The results known for these keys, each given once. One round trip; waits for no writer."""
        if not keys or not self._limit_bytes:
            return {}
        found: dict[bytes, str | None] = dict(
            self._database.read(lambda connection: connection.execute(_GET, (list(keys),), binary=True).fetchall())
        )
        with self._lock:
            self._hits += len(found)
            self._misses += len(keys) - len(found)
        return found

    def put(self, entries: Sequence[MemoEntry]) -> None:
        """Remember results; those under keys that are known stay as they are. What returned survives this process."""
        self._write(_PUT + _KEEP, entries)

    def replace(self, entries: Sequence[MemoEntry]) -> None:
        """Remember results in place of those known for these keys."""
        self._write(_PUT + _OVERWRITE, entries)

    def _write(self, statement: str, entries: Sequence[MemoEntry]) -> None:
        largest = self._limit_bytes / _LARGEST_SHARE
        kept = {entry.key: entry for entry in entries if entry.size_bytes <= largest}
        if not kept:
            return
        # In order of keys: two writers of the same ones wait for one another, and neither for what the other waits for.
        written = [kept[key] for key in sorted(kept)]
        columns = ([e.key for e in written], [e.function for e in written], [e.value for e in written])
        self._database.read(lambda connection: connection.execute(statement, columns))
        size_bytes = sum(entry.size_bytes for entry in written)
        if self._chance() < size_bytes * _CHECK_SHARE / self._limit_bytes:
            self.trim()

    def trim(self) -> int:
        """Forget what was used least recently, if the limit is passed, and say how many entries; 0 if another trims."""

        def work(connection: Connection) -> int:
            with connection.transaction():
                free = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TRIM_LOCK,)).fetchone()
                if free is None or not free[0]:
                    return 0
                total = connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM pixeltable.memo").fetchone()
                if total is None or total[0] <= self._limit_bytes:
                    return 0
                return connection.execute(_TRIM, (self._limit_bytes * _TRIMMED_SHARE,)).rowcount

        return self._database.read(work)

    def clear(self, function: str | None = None) -> int:
        """Forget all, or what is known of the function at this path, and say how many entries."""
        where = "" if function is None else " WHERE function = %s"
        parameters = () if function is None else (function,)
        return self._database.read(
            lambda connection: connection.execute(f"DELETE FROM pixeltable.memo{where}", parameters).rowcount
        )

    def stats(self) -> MemoStats:
        """What is remembered at the moment. Reads all entries' sizes: for people, not for each call."""
        rows = self._database.read(
            lambda connection: connection.execute(
                "SELECT function, count(*), sum(size_bytes)::bigint FROM pixeltable.memo GROUP BY 1 ORDER BY 3 DESC, 1"
            ).fetchall()
        )
        functions = {path: FunctionMemo(entries, size_bytes) for path, entries, size_bytes in rows}
        with self._lock:
            hits, misses = self._hits, self._misses
        return MemoStats(
            sum(part.entries for part in functions.values()),
            sum(part.size_bytes for part in functions.values()),
            self._limit_bytes,
            functions,
            hits,
            misses,
        )
