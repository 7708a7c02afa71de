"""Running a user's SQL: on one snapshot that cannot be written to, with results in the types of columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pixeltable.catalog.loading import read_epoch
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import (
    Error,
    FailedSql,
    InvalidExpression,
    RefusedSql,
    UnknownColumn,
    UnknownSqlColumn,
)
from pixeltable.lazy import psycopg
from pixeltable.plan.query import distinct_names
from pixeltable.plan.statement import Statement, common_type, plan_statement
from pixeltable.session.past import moment_of_version, record_at
from pixeltable.session.query import Answer
from pixeltable.session.session import Session
from pixeltable.session.statement_values import bound_values, check_text
from pixeltable.session.tags import moment_of_tag
from pixeltable.session.transactions import read
from pixeltable.storage.cells import decoder
from pixeltable.storage.database import Connection, snapshot
from pixeltable.storage.fetching import columns_of
from pixeltable.storage.result_types import numbered_cursor, result_reader, result_type
from pixeltable.types.column_type import BinaryType, ColumnType

if TYPE_CHECKING:
    from psycopg import RawCursor
    from psycopg.rows import TupleRow

_ORIGINS = (
    "SELECT a.attrelid, a.attnum, c.relname || '.' || a.attname FROM pg_attribute a "
    "JOIN pg_class c ON c.oid = a.attrelid WHERE a.attrelid = ANY($1)"
)
_LIMITS = ("54", "57014")
"""SQLSTATEs of a statement that is too complex, and of one that was cancelled; what else is an OperationalError is not
the statement's fault."""

_OWN_NAMES_ONLY = "SET LOCAL search_path = pg_catalog, pg_temp"
"""So that no name means a function or table of another program's in the same database."""

_MAX_COLUMNS = 1600
"""About as many as a result can have."""

_RECORD = 2249
"""Source: as in `storage.result_types`."""

_NAME = re.compile(r'(?:"(?P<table>(?:[^"]|"")*)"\.)?"(?P<column>(?:[^"]|"")*)"')


@dataclass(frozen=True, slots=True)
class _Result:
    """What PostgreSQL said: names, type numbers and cells by column.

    `origins` are the stored columns that each of them is as it is stored: one, or in a UNION one for each branch; None
    stands for a computed one.
    """

    names: list[str]
    oids: list[int]
    origins: list[list[str | None]]
    columns: list[list[Any]]


def run_statement(session: Session, text: str, values: Mapping[str, Any]) -> Answer:
    """The rows of a SELECT over tables by path.

    Raises:
        InvalidSql: it cannot be read.
        RefusedSql: it does more than to read tables.
        UnknownPath: there is no such table.
        UnknownColumn: a table has no such column.
        InvalidArgument: `values` are not those of its parameters.
        FailedSql: PostgreSQL reported an error.
    """
    check_text("the SQL", text)
    for _ in range(session.settings.write_attempts):
        catalog, statement = _planned(session, text)
        bound = bound_values(statement.parameters, values)
        try:
            result, epoch = read(session, partial(_fetched, statement=statement, values=bound))
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError) or _is_current(session, text, statement):
                raise _failure(error, statement) from None
            continue
        if epoch == catalog.epoch or _is_current(session, text, statement):
            return _answer(session, statement, result)
    raise InvalidExpression("the schema of the tables kept changing while the SQL ran", hint="Try again.")


def _planned(session: Session, text: str) -> tuple[Catalog, Statement]:
    """The statement over the catalog as last seen, or as it is now where something seems not to be there."""
    catalog = session.catalog
    try:
        return catalog, _plan(session, text, catalog)
    except Error:
        newest = session.refresh()
        if newest is catalog:
            raise
    return newest, _plan(session, text, newest)


def _plan(session: Session, text: str, catalog: Catalog) -> Statement:
    def at_version(table: TableRecord, version: int | str) -> TableRecord:
        if isinstance(version, str):
            moment = moment_of_tag(session, table.id, table.path, version)
        else:
            moment = moment_of_version(session, table.id, table.path, version)
        return record_at(session, table.id, table.path, moment)

    return plan_statement(text, catalog, versions=at_version)


def _is_current(session: Session, text: str, statement: Statement) -> bool:
    """Whether the SQL means the same tables and columns now as when it was planned."""
    return _plan(session, text, session.refresh()).sql == statement.sql


def _fetched(connection: Connection, *, statement: Statement, values: Sequence[Any]) -> tuple[_Result, int]:
    with snapshot(connection):
        connection.execute(_OWN_NAMES_ONLY)
        cursor = numbered_cursor(connection)
        try:
            cursor.execute(statement.sql.encode(), values, prepare=False)
        except psycopg.OperationalError as error:
            if (error.sqlstate or "").startswith(_LIMITS):
                raise _failure(error, statement) from None
            raise
        except psycopg.errors.ReadOnlySqlTransaction as error:  # what the rules let through, if they ever do
            raise _failure(error, statement) from None
        described = cursor.description or []
        if not described:
            raise RefusedSql("a SELECT of no columns")
        try:
            columns = columns_of(cursor, width=len(described))
        except OverflowError:
            raise FailedSql("a numeric result is out of the range of Float") from None
        names, oids = [column.name for column in described], [column.type_code for column in described]
        if statement.branches_sql and statement.branches <= _MAX_COLUMNS // len(names):
            cursor.execute(statement.branches_sql.encode(), values, prepare=False)
        origins = _origins(cursor)
        each = [origins[place :: len(names)] for place in range(len(names))]
        return _Result(names, oids, each, columns), read_epoch(connection)


def _origins(cursor: "RawCursor[TupleRow]") -> list[str | None]:
    """For each column of a result the `heap.column` that it is, if it is one as it is stored."""
    result = cursor.pgresult
    assert result is not None
    places = [(result.ftable(n), result.ftablecol(n)) for n in range(result.nfields)]
    tables = sorted({table for table, _ in places if table})
    if not tables:
        return [None] * len(places)
    found = numbered_cursor(cursor.connection).execute(_ORIGINS, [tables]).fetchall()
    names = {(table, number): name for table, number, name in found}
    return [names.get(place) for place in places]


def _answer(session: Session, statement: Statement, result: _Result) -> Answer:
    full = [statement.full_names.get(name, name) for name in result.names]
    names = distinct_names(None if name == "?column?" else name for name in full)
    known = statement.stored_types
    columns, types = {}, {}
    for name, oid, origins, cells in zip(names, result.oids, result.origins, result.columns, strict=True):
        stored = common_type([None if origin is None else known.get(origin) for origin in origins])
        if stored is None:
            types[name], read = _computed(statement, name, oid=oid), result_reader(oid, session.settings.zone)
        else:
            types[name], read = stored.with_nullable(stored.nullable or statement.adds_nulls), decoder(stored)
        columns[name] = cells if read is None else [None if cell is None else read(cell) for cell in cells]
    return Answer(columns, types)


def _computed(statement: Statement, name: str, *, oid: int) -> ColumnType:
    found = result_type(oid)
    if oid == _RECORD:
        raise RefusedSql(
            f"a statement that yields whole rows, as {name!r} does", hint="Name columns, or use to_jsonb()."
        )
    if found is None:
        known = psycopg.adapters.types.get(oid)
        raise RefusedSql(
            f"a statement that yields PostgreSQL's type {known.name if known else oid}, as {name!r} does",
            hint="There is no such column type: cast it, as in CAST(... AS text).",
        )
    if isinstance(found, BinaryType) and statement.names_arrays:
        raise RefusedSql(
            f"a statement that computes with an Array, as for {name!r}",
            hint="Select the columns of arrays as they are.",
        )
    return found


def _failure(error: "psycopg.Error", statement: Statement) -> Error:
    """What users meet where PostgreSQL reported an error."""
    message = error.diag.message_primary
    if message is None:
        return FailedSql(str(error).strip())
    if isinstance(error, psycopg.errors.UndefinedColumn) and error.diag.statement_position is not None:
        found = _NAME.match(statement.sql, int(error.diag.statement_position) - 1)
        if found is not None:
            return _unknown_column(statement, found["table"], found["column"])
    return FailedSql(message, hint=error.diag.message_hint or "")


def _unknown_column(statement: Statement, qualifier: str | None, column: str) -> Error:
    name = statement.full_names.get(column, column)
    named = [table for alias, table in statement.tables if alias == qualifier]
    tables = named or [table for _, table in statement.tables]
    for table in tables:
        if any(found.name == name for found in table.ready_columns):
            return RefusedSql(
                f"a query of the column {name!r} of table {table.path!r}, which is computed whenever it is read",
                hint="Stored columns can be read.",
            )
    known = _column_names(tables)
    if len({table.id for table in tables}) == 1:
        return UnknownColumn(name, table=tables[0].path, known=known)
    return UnknownSqlColumn(name, tables=[table.path for table in tables], known=known)


def _column_names(tables: Sequence[TableRecord]) -> list[str]:
    return [column.name for table in tables for column in table.ready_columns if column.heap is not None]
