"""Functions that make UUIDs, and write them as text; null where a required argument is null."""

import importlib
import os
import time
import uuid
from typing import Any

from pixeltable.udfs.decorator import udf

PYTHON_ONLY = {
    "uuid4": "within a statement one expression may be computed more than once, and would differ from itself",
    "uuid7": "as uuid4",
}
"""Functions without SQL, and why."""


@udf(is_deterministic=False)
def uuid4() -> uuid.UUID:
    """A random UUID, another one in every row (version 4 of RFC 9562).

    >>> uuid4.body().version
    4
    """
    return uuid.uuid4()


@udf(is_deterministic=False)
def uuid7() -> uuid.UUID:
    """A UUID that begins with the time, so that later ones are greater; another one in every row (version 7).

    The time is exact to a quarter of a microsecond: order within that is random. As a computed primary key it
    identifies rows that have nothing else.

    Source:
        RFC 9562, section 5.7, with the fraction of the millisecond in `rand_a` (section 6.2, method 3).

    >>> earlier, later = uuid7.body(), uuid7.body()
    >>> earlier.version, earlier.variant == uuid.RFC_4122, earlier != later
    (7, True, True)
    """
    milliseconds, rest_ns = divmod(time.time_ns(), 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    rand_b = int.from_bytes(os.urandom(8)) & (2**62 - 1)
    return uuid.UUID(int=(milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | rand_b)


@udf(is_method=True)
def to_string(u: uuid.UUID) -> str:
    """The UUID as text of 32 hexadecimal digits in five groups.

    >>> to_string.body(uuid.UUID(int=255))
    '00000000-0000-0000-0000-0000000000ff'
    """
    return str(u)


@to_string.to_sql
def _to_string_sql(u: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(u, sa.Text)


@udf(is_method=True)
def hex(u: uuid.UUID) -> str:
    """The UUID as 32 hexadecimal digits.

    >>> hex.body(uuid.UUID(int=255))
    '000000000000000000000000000000ff'
    """
    return u.hex


@hex.to_sql
def _hex_sql(u: Any) -> Any:
    sa = _sqlalchemy()
    return sa.func.replace(sa.cast(u, sa.Text), "-", "", type_=sa.Text)


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")
