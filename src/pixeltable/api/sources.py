"""Rows from elsewhere: dicts, pydantic models, data frames, Arrow tables, and other tables and queries."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.api.arrow import TYPE_KEY
from pixeltable.api.query import Query
from pixeltable.api.query_start import QueryStart
from pixeltable.api.results import ResultSet
from pixeltable.api.stand_in import table_of
from pixeltable.exceptions import InvalidArgument, InvalidSchema, MissingPackage, TypeMismatch, Unsupported
from pixeltable.session.rows import as_rows
from pixeltable.types.column_type import ColumnType, JsonType, decode_type
from pixeltable.types.common import common_type
from pixeltable.types.literals import literal_type, plain

_FILES = (".csv", ".xls", ".xlsx", ".json", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, and the types of the columns for which the source tells them; `names` are all of its columns."""

    rows: Sequence[Mapping[str, Any]]
    names: tuple[str, ...]
    types: Mapping[str, ColumnType]


def rows_of(source: Any, *, call: str) -> Iterable[Any]:
    """The rows of a source, as dicts or pydantic models.

    Raises:
        Unsupported: it is none.
    """
    source = table_of(source)
    if isinstance(source, Query | QueryStart | ResultSet) or _is_frame(source) or hasattr(source, "__arrow_c_stream__"):
        return read_source(source, call=call).rows
    if isinstance(source, str | bytes | Mapping) or not hasattr(source, "__iter__"):
        raise _unreadable(source, call)
    return source  # type: ignore[no-any-return]  # an iterable, as was just seen


def read_source(source: Any, *, call: str) -> Source:
    """A source as rows and what it says of their types.

    Raises:
        Unsupported: it is none, or has no rows and no types.
    """
    source = table_of(source)
    if isinstance(source, QueryStart):
        source = source._query()  # noqa: SLF001  # a friend
    if isinstance(source, Query):
        source = source.collect()
    if isinstance(source, ResultSet):
        types = source._cells.types  # noqa: SLF001  # a friend
        return Source(list(source), tuple(types), types)
    if _is_frame(source):
        return _of_pandas(source)
    if hasattr(source, "__arrow_c_stream__"):
        return _of_arrow(source)
    if isinstance(source, str | bytes | Mapping) or not hasattr(source, "__iter__"):
        raise _unreadable(source, call)
    rows = as_rows(source)
    return Source(rows, tuple(dict.fromkeys(name for row in rows for name in row)), {})


def _unreadable(source: Any, call: str) -> Unsupported:
    hint = "Pass a list of dicts, pydantic models, a data frame, an Arrow table, a table or a query."
    if isinstance(source, str) and source.lower().endswith(_FILES):
        hint = "Files are not read yet: read it with pandas, say, and pass the data frame."
    return Unsupported(f"{call} cannot read rows from a {type(source).__name__}", hint=hint)


def _is_frame(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns")


def _of_pandas(frame: Any) -> Source:
    """What is missing in a frame, NaN, NaT or NA, is null."""
    names = tuple(map(str, frame.columns))
    columns = [_pandas_cells(frame.iloc[:, place]) for place in range(len(names))]
    return Source([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)], names, {})


def _pandas_cells(series: Any) -> list[Any]:
    cells = series.astype(object)
    values = cells.where(series.notna(), None).tolist()
    return [value.to_pydatetime() if hasattr(value, "to_pydatetime") else value for value in values]


def _of_arrow(source: Any) -> Source:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackage("pyarrow", extra="arrow") from error
    table = pyarrow.table(source)
    types = {}
    for field in table.schema:
        told = (field.metadata or {}).get(TYPE_KEY)
        if told is not None:
            types[field.name] = decode_type(json.loads(told)).with_nullable(field.nullable)
    rows = table.to_pylist()
    texts = [name for name, kind in types.items() if isinstance(kind, JsonType)]  # written as text by `to_arrow`
    for row in rows if texts else ():
        row.update({name: json.loads(row[name]) for name in texts if row[name] is not None})
    return Source(rows, tuple(table.column_names), types)


def column_types(source: Source, overrides: Mapping[str, ColumnType], *, key: Sequence[str]) -> dict[str, ColumnType]:
    """The types of the columns: those given, those that the source tells, and for others what all values are.

    Columns of which nothing is told accept null, but those of the `key`.

    Raises:
        InvalidArgument: a type is given for what is no column.
        InvalidSchema, TypeMismatch: the values of a column do not say what they are.
    """
    unknown = sorted(set(overrides) - set(source.names))
    if unknown:
        raise InvalidArgument(f"schema_overrides: the source has no column {unknown[0]!r}: {', '.join(source.names)}")
    found = {}
    for name in source.names:
        given = overrides.get(name) or source.types.get(name)
        kind = _inferred(name, source.rows) if given is None else given
        found[name] = kind.with_nullable(False) if name in key else kind
    return found


def _inferred(name: str, rows: Sequence[Mapping[str, Any]]) -> ColumnType:
    values = [plain(row.get(name)) for row in rows]
    kinds = {type(value): literal_type(value) for value in values if value is not None}
    if not kinds:
        raise InvalidSchema(
            f"column {name!r}: all values are null, so its type cannot be told",
            hint=f"Pass schema_overrides={{{name!r}: pxt.String | None}}, say.",
        )
    strange = next((kind for kind, column_type in kinds.items() if column_type is None), None)
    if strange is not None:
        raise TypeMismatch(f"column {name!r}: no column can hold a {strange.__name__}")
    types = list(dict.fromkeys(filter(None, (literal_type(value) for value in values if value is not None))))
    common = common_type(types)
    if common is None:
        listed = ", ".join(sorted({str(kind) for kind in types}))
        raise TypeMismatch(f"column {name!r} has values of types {listed}", hint="Say which with schema_overrides.")
    return common.with_nullable(True)


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
