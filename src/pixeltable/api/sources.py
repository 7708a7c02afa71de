"""Rows from elsewhere: dicts, pydantic models, data frames, Arrow tables, and other tables and queries."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pixeltable.api.frames import Source, is_arrow, is_pandas, source_of_arrow, source_of_pandas
from pixeltable.api.query import Query, refuse_pending_columns
from pixeltable.api.query_start import QueryStart
from pixeltable.api.results import ResultSet
from pixeltable.api.stand_in import table_of
from pixeltable.exceptions import InvalidArgument, InvalidName, InvalidSchema, TypeMismatch, Unsupported
from pixeltable.session.rows import as_rows
from pixeltable.types.column_type import ColumnType
from pixeltable.types.common import common_type
from pixeltable.types.literals import literal_type, plain

_FILES = (".csv", ".xls", ".xlsx", ".json", ".jsonl", ".parquet")


def rows_of(source: Any, *, call: str) -> Iterable[Any]:
    """The rows of a source, as dicts or pydantic models.

    Raises:
        Unsupported: it is none.
    """
    source = table_of(source)
    if is_tabular(source):
        return read_source(source, call=call).rows
    if not _is_rows(source):
        raise _unreadable(source, call)
    return source  # type: ignore[no-any-return]  # an iterable, as was just seen


def is_tabular(source: Any) -> bool:
    """Whether it has columns, and so may have no rows: a frame, an Arrow table, a table, a query or its result."""
    source = table_of(source)
    return isinstance(source, Query | QueryStart | ResultSet) or is_pandas(source) or is_arrow(source)


def read_source(source: Any, *, call: str) -> Source:
    """A source as rows and what it says of their types.

    Raises:
        Unsupported: it is none, or has no rows and no types.
        InvalidName, InvalidArgument, InvalidData: its names, or its values, cannot be those of a table.
    """
    source = table_of(source)
    if isinstance(source, QueryStart):
        source = source._query()  # noqa: SLF001  # a friend
    if isinstance(source, Query):
        refuse_pending_columns(source, role=f"{call}()")
        source = source.collect()
    if isinstance(source, ResultSet):
        return _of_result(source)
    if is_pandas(source):
        return source_of_pandas(source)
    found = source_of_arrow(source) if is_arrow(source) else None
    if found is not None:
        return found
    if is_arrow(source) or not _is_rows(source):
        raise _unreadable(source, call)
    rows = as_rows(source)
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        _check_name(name)
    return Source(len(rows), names, lambda name, start, stop: [row.get(name) for row in rows[start:stop]], {})


def _of_result(result: ResultSet) -> Source:
    """A column in which a cell failed accepts null."""
    cells = result._cells  # noqa: SLF001  # a friend
    types = {
        name: kind.with_nullable(kind.nullable or any(value is None for value in cells.columns[name]))
        for name, kind in cells.types.items()
    }
    return Source(len(result), tuple(types), lambda name, start, stop: cells.columns[name][start:stop], types)


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise InvalidName(f"the source has a column named {name!r}, and names are strings")


def _unreadable(source: Any, call: str) -> Unsupported:
    hint = "Pass a list of dicts, pydantic models, a data frame, an Arrow table, a table or a query."
    if isinstance(source, str) and source.lower().endswith(_FILES):
        hint = "Files are not read yet: read it with pandas, say, and pass the data frame."
    if isinstance(source, Mapping) or _is_model(source):
        hint = "It is one row: put it into a list."
    what = f"class {source.__name__}" if isinstance(source, type) else f"a {type(source).__name__}"
    return Unsupported(f"{call} cannot read rows from {what}", hint=hint)


def _is_rows(source: Any) -> bool:
    """Whether it yields rows, one after the other."""
    is_one = isinstance(source, str | bytes | Mapping | type) or _is_model(source)
    return not is_one and hasattr(source, "__iter__")


def _is_model(source: Any) -> bool:
    return hasattr(source, "model_dump")


def column_types(source: Source, overrides: Mapping[str, ColumnType], *, key: Sequence[str]) -> dict[str, ColumnType]:
    """The types of the columns: those given, those that the source tells, and for others what all values are.

    Columns of which nothing is told accept null, but those of the `key`.

    Raises:
        InvalidArgument: a type is given for what is no column.
        InvalidSchema, TypeMismatch: the values of a column do not say what they are.
    """
    if not source.names:
        raise InvalidSchema("the source has no columns")
    unknown = sorted(set(overrides) - set(source.names))
    if unknown:
        raise InvalidArgument(f"schema_overrides: the source has no column {unknown[0]!r}: {', '.join(source.names)}")
    found = {}
    for name in source.names:
        given = overrides.get(name) or source.types.get(name)
        kind = _inferred(name, source) if given is None else given
        found[name] = kind.with_nullable(False) if name in key else kind
    return found


def _inferred(name: str, source: Source) -> ColumnType:
    """What all values of a column are; of one without values, what its frame says."""
    kinds: dict[type, ColumnType | None] = {}
    types: dict[ColumnType, None] = {}
    for cells in source.slices(name):
        for value in filter(_is_there, map(plain, cells)):
            column_type = literal_type(value)
            kinds.setdefault(type(value), column_type)
            if column_type is not None:
                types[column_type] = None
    if not kinds and name in source.silent:
        return source.silent[name]
    if not kinds:
        raise InvalidSchema(
            f"column {name!r}: all values are null, so its type cannot be told",
            hint=f"Pass schema_overrides={{{name!r}: pxt.String | None}}, say.",
        )
    strange = next((kind for kind, column_type in kinds.items() if column_type is None), None)
    if strange is not None:
        raise TypeMismatch(f"column {name!r}: no column can hold a {strange.__name__}")
    common = common_type(list(types))
    if common is None:
        listed = ", ".join(sorted({str(kind) for kind in types}))
        raise TypeMismatch(f"column {name!r} has values of types {listed}", hint="Say which with schema_overrides.")
    return common.with_nullable(True)


def _is_there(value: Any) -> bool:
    return value is not None


def normalised(names: Sequence[str]) -> dict[str, str]:
    """Names that columns can have, by the names that the source has.

    >>> normalised(["a b", "1st", "a_b"])
    {'a b': 'a_b', '1st': 'c1st', 'a_b': 'a_b_1'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = re.sub(r"[^0-9A-Za-z_]", "_", name)
        stem = stem if re.match("[A-Za-z]", stem) else f"c{stem}"
        free, number = stem, 0
        while free.lower() in taken:
            number += 1
            free = f"{stem}_{number}"
        taken.add(free.lower())
        found[name] = free
    return found
