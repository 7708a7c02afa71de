"""`Source`: rows from elsewhere; and those of pandas frames and of what Arrow reads, with what these say of types."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pixeltable.api.arrow import TYPE_KEY
from pixeltable.exceptions import Error, InvalidArgument, InvalidData, MissingPackage
from pixeltable.types.column_type import (
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    decode_type,
)

if TYPE_CHECKING:
    import pyarrow as pa

_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, and the types of the columns for which the source tells them; `names` are all of its columns.

    `cells` reads a column from one row to another, without that: rows are made from a slice at a time where not all of
    them are wanted at once. `silent` are the types of columns that may turn out to have no values to tell them.
    """

    count: int
    names: tuple[str, ...]
    cells: Callable[[str, int, int], Sequence[Any]]
    types: Mapping[str, ColumnType]
    silent: Mapping[str, ColumnType] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, as dicts."""
        columns = (self.cells(name, 0, self.count) for name in self.names)
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def slices(self, name: str) -> Iterator[Sequence[Any]]:
        """The cells of a column, some thousand at a time."""
        for start in range(0, self.count, _SLICE):
            yield self.cells(name, start, min(start + _SLICE, self.count))


def is_pandas(source: Any) -> bool:
    """Whether it is a frame of pandas."""
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns")


def is_arrow(source: Any) -> bool:
    """Whether Arrow can read it: its own tables, frames of polars, relations of DuckDB."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def source_of_pandas(frame: Any) -> Source:
    """What is missing in a frame, NaN, NaT or NA, is null. Its index is no column.

    Raises:
        InvalidArgument: two columns have one name.
        InvalidData: a value is none that Python has.
    """
    names = _distinct([_flat(name) for name in frame.columns])
    places = {name: place for place, name in enumerate(names)}
    told = {name: _type_of_pandas(frame.dtypes.iloc[place]) for name, place in places.items()}  # unless it is `object`

    def cells(name: str, start: int, stop: int) -> list[Any]:
        return _cells(name, frame.iloc[start:stop, places[name]], _pandas_cells)

    types = {name: kind for name, kind in told.items() if kind is not None}
    return Source(len(frame), tuple(names), cells, types)


def _flat(name: Any) -> str:
    """The name of a column; one of several levels is written as pandas users do, `price_mean`."""
    return "_".join(str(part) for part in name if part != "") if isinstance(name, tuple) else str(name)


def _pandas_cells(series: Any) -> list[Any]:
    cells = series.astype(object)
    return [_standard(value) for value in cells.where(series.notna(), None).tolist()]


def _standard(value: Any) -> Any:
    """A datetime for a Timestamp; one that is finer than that stays, and is refused where it is put into a column."""
    is_exact = hasattr(value, "to_pydatetime") and not getattr(value, "nanosecond", 0)
    return value.to_pydatetime() if is_exact else value


_TYPES_BY_KIND: dict[str, ColumnType] = {
    "b": BoolType(True), "i": IntType(True), "u": IntType(True), "f": FloatType(True), "M": TimestampType(True),
}  # fmt: skip


def _type_of_pandas(dtype: Any) -> ColumnType | None:
    if hasattr(dtype, "categories"):
        return _type_of_pandas(dtype.categories.dtype)
    if dtype.kind == "O" and getattr(dtype, "type", None) is str:
        return StringType(True)
    return _TYPES_BY_KIND.get(dtype.kind)


def source_of_arrow(source: Any) -> Source | None:
    """An Arrow table, or what Arrow makes one of; None if it makes none, but a single column, say.

    Raises:
        MissingPackage: pyarrow is not installed.
        InvalidArgument: two columns have one name, or what a field says of its column is no type.
        InvalidData: a value is none that Python has.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackage("pyarrow", extra="arrow") from error
    try:
        table = pyarrow.table(source)
    except (pyarrow.ArrowException, TypeError):
        return None
    _distinct(table.column_names)
    told = {column.name: kind for column in table.schema if (kind := _told_type(column)) is not None}
    silent = {column.name: kind for column in table.schema if (kind := _type_of_arrow(column.type)) is not None}

    def cells(name: str, start: int, stop: int) -> list[Any]:
        found = _cells(name, table.column(name).slice(start, stop - start), lambda column: column.to_pylist())
        # Json is written as text by `to_arrow`.
        return _cells(name, found, _json_values) if isinstance(told.get(name), JsonType) else found

    sure = {name: kind for name, kind in silent.items() if type(kind) in _SURE}
    return Source(table.num_rows, tuple(table.column_names), cells, {**sure, **told}, silent)


_SURE = (BoolType, IntType, FloatType, TimestampType, StringType)
"""Types of Arrow that say of what all values are; of nested ones, say, these say more."""


def _told_type(field: "pa.Field") -> ColumnType | None:
    """What a field says that its column is, beyond the type that Arrow has for it."""
    told = (field.metadata or {}).get(TYPE_KEY)
    if told is not None:
        try:
            return decode_type(json.loads(told)).with_nullable(field.nullable)
        except (ValueError, TypeError, LookupError, Error) as error:
            raise InvalidArgument(
                f"column {field.name!r}: its metadata {TYPE_KEY.decode()!r} names no column type: {told!r}",
                hint="Take it out: table.cast(schema without it).",
            ) from error
    return JsonType(True) if getattr(field.type, "extension_name", "") == "arrow.json" else None


def _json_values(texts: Sequence[str | None]) -> list[Any]:
    return [None if text is None else json.loads(text) for text in texts]


def _type_of_arrow(arrow_type: Any) -> ColumnType | None:
    """The type of a column whose values, of which there are none, say nothing."""
    from pyarrow import types as kinds

    rules: list[tuple[Callable[[Any], bool], ColumnType]] = [
        (kinds.is_boolean, BoolType(True)),
        (kinds.is_integer, IntType(True)),
        (kinds.is_floating, FloatType(True)),
        (kinds.is_timestamp, TimestampType(True)),
        (kinds.is_date, DateType(True)),
        (kinds.is_string, StringType(True)),
        (kinds.is_large_string, StringType(True)),
        (kinds.is_binary, BinaryType(True)),
        (kinds.is_large_binary, BinaryType(True)),
        (kinds.is_nested, JsonType(True)),
    ]
    if kinds.is_dictionary(arrow_type):
        return _type_of_arrow(arrow_type.value_type)
    return next((kind for rule, kind in rules if rule(arrow_type)), None)


def _cells(name: str, column: Any, read: Callable[[Any], list[Any]]) -> list[Any]:
    try:
        return read(column)
    except (ValueError, TypeError, OverflowError) as error:  # ArrowInvalid is a ValueError
        raise InvalidData(f"column {name!r} holds what Python cannot: {error}") from error


def _distinct(names: Sequence[str]) -> Sequence[str]:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InvalidArgument(f"the source has two columns called {twice!r}", hint="Rename one, or leave it out.")
    return names
