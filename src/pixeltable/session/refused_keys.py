"""What users are told when a unique index, or the primary key, refuses a value."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import ConstraintViolation, DuplicateKey, RepeatedValue
from pixeltable.lazy import psycopg


@contextmanager
def refusals_explained(table: TableRecord, views: Sequence[TableRecord] = ()) -> Iterator[None]:
    """Within it, a write that meets a key that exists, or is too long to be one, fails with an error of ours.

    Raises:
        DuplicateKey: a row with that primary key exists.
        RepeatedValue: a row with that value of a unique index exists.
        ConstraintViolation: a value is too long for a unique index, or the primary key.
    """
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        for owner in (table, *views):
            for index in owner.btrees:
                if index.db_name == error.diag.constraint_name:
                    raise RepeatedValue(repeated_text(index.keys, error), table=owner.path, index=index.name) from None
        names = (column.name for column in table.primary_key)
        raise DuplicateKey(repeated_text(names, error), table=table.path) from None
    except psycopg.errors.ProgramLimitExceeded as error:
        if "index row" not in (error.diag.message_primary or ""):
            raise
        raise too_long(table, None) from error


def repeated_text(names: Iterable[object], error: "psycopg.errors.UniqueViolation") -> str:
    """The columns and values that exist already, the columns by the users' names."""
    values = (error.diag.message_detail or "").partition("=(")[2].rpartition(")")[0]
    return f"({', '.join(map(str, names))})=({values})"


def too_long(table: TableRecord, index: str | None) -> ConstraintViolation:
    """The error for a string that a unique index, or the primary key if it has no name, cannot hold."""
    unique = [other.name for other in table.btrees if other.unique]
    place = f"the unique index {index!r}" if index else " or ".join(["the primary key", *map(repr, unique)])
    return ConstraintViolation(
        f"a value is too long for {place} of table {table.path!r}, which holds about 2,600 bytes",
        hint="Make a hash of it the key.",
    )
