"""Whether clocks of a zone show the same in the database as in Python: each has its own copy of the time zone database.

They are of different releases, and made with or without what is known of the time before 1970.
"""

import datetime
import hashlib

from pixeltable.storage.database import Connection

_FIRST = datetime.datetime(1800, 1, 1, tzinfo=datetime.UTC)
_LAST = datetime.datetime(2101, 1, 1, tzinfo=datetime.UTC)
_STEP = datetime.timedelta(hours=240)
_INSTANTS = (_LAST - _FIRST) // _STEP + 1

_OFFSETS = """
    SELECT encode(sha256(string_agg(extract(timezone FROM instant)::int::text, ',' ORDER BY instant)::bytea), 'hex')
    FROM generate_series(%s::timestamptz, %s::timestamptz, %s::interval) AS instant
"""


def clocks_agree(connection: Connection, zone: datetime.tzinfo) -> bool:
    """Whether the zone of a connection has the offsets of `zone`, every ten days over three centuries."""
    # As hours: an interval of days would go by the clock.
    step = f"{_STEP // datetime.timedelta(hours=1)} hours"
    row = connection.execute(_OFFSETS, (_FIRST, _LAST, step)).fetchone()
    assert row is not None
    return bool(row[0] == _offsets(zone))


def _offsets(zone: datetime.tzinfo) -> str:
    instants = (_FIRST + n * _STEP for n in range(_INSTANTS))
    offsets = (instant.astimezone(zone).utcoffset() or datetime.timedelta() for instant in instants)
    second = datetime.timedelta(seconds=1)
    return hashlib.sha256(",".join(str(offset // second) for offset in offsets).encode()).hexdigest()
