"""How a database orders texts where a statement cannot say: those within Json."""

from pixeltable.storage.database import Connection

_BY_CODE_POINT = """
    SELECT datlocprovider = 'b' OR (datlocprovider = 'c' AND datcollate IN ('C', 'POSIX'))
    FROM pg_database WHERE datname = current_database()
"""


def orders_by_code_point(connection: Connection) -> bool:
    """Whether it is by code point, as Python does."""
    row = connection.execute(_BY_CODE_POINT).fetchone()
    return bool(row and row[0])
