"""What a cell has beside its value: why it failed, and how near its vector is to a query."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidExpression
from pixeltable.exprs.expr import METHODS, PROPERTIES, Expr
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import ArrayType, BoolType, ColumnType, FloatType, ImageType, IntType, StringType
from pixeltable.types.literals import literal_type, plain


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CellProperty(Expr):
    """`errortype` or `errormsg` of a stored cell; null where the cell did not fail."""

    source: ColumnRef
    name: str

    @property
    def col_type(self) -> ColumnType:
        return StringType(True)

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Similarity(Expr):
    """How near the indexed value of a column is to `query`, by the metric of the index.

    `index` is its name, or None for the only one. `modality` says what `query` is: string, image, ... or vector.
    """

    source: ColumnRef
    query: Literal | Variable
    modality: str
    index: str | None

    @property
    def col_type(self) -> ColumnType:
        return FloatType(True)

    def __str__(self) -> str:
        return f"{self.source}.similarity({self.modality}={self.query})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VectorScore(Expr):
    """A Similarity whose index is known and whose query was embedded: `vector` holds a 1-d array, or stands for one."""

    source: ColumnRef
    index: int
    metric: str
    vector: Literal | Variable

    @property
    def col_type(self) -> ColumnType:
        return FloatType(True)

    def __str__(self) -> str:
        return f"{self.metric}({self.source}, <vector>)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BaseRow(Expr):
    """The row of a table, by its id, that a row is of: its own, or that of a base."""

    table_id: int
    path: str

    @property
    def col_type(self) -> ColumnType:
        return IntType()

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowHash(Expr):
    """A text of hexadecimal digits that chance gives every row of a table; the same whenever the seed is."""

    seed: int

    @property
    def col_type(self) -> ColumnType:
        return StringType()

    def __str__(self) -> str:
        return f"<chance {self.seed}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowId(Expr):
    """The id that a row has for life, in the table that gave it."""

    table_id: int

    @property
    def col_type(self) -> ColumnType:
        return IntType()

    def __str__(self) -> str:
        return "<row id>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InShare(Expr):
    """Whether a sample of a `fraction` chooses a row, as its id and the seed decide."""

    row: Expr
    seed: int
    fraction: float

    @property
    def col_type(self) -> ColumnType:
        return BoolType()

    def __str__(self) -> str:
        return f"<chance {self.seed}> < {self.fraction}"


MODALITIES = ("string", "image", "audio", "video", "document", "vector")
_MODALITY_OF: dict[type, str] = {ArrayType: "vector", ImageType: "image"}


def _similarity(source: Expr, item: Any = None, *, idx: str | None = None, **query: Any) -> Expr:
    if not isinstance(source, ColumnRef):
        raise InvalidExpression(f"similarity() is a method of a column with an embedding index, not of `{source}`")
    if item is not None:
        kind = item.col_type if isinstance(item, Variable) else literal_type(item)
        query = {**query, "item" if query else _MODALITY_OF.get(type(kind), "string"): item}
    if query.keys() - set(MODALITIES) or len(query) != 1:
        raise InvalidArgument(
            f"similarity() takes exactly one of {', '.join(MODALITIES)}, got {', '.join(sorted(query)) or 'none'}"
        )
    ((modality, value),) = query.items()
    value = plain(value)
    if isinstance(value, Variable):
        return Similarity(source, _searchable(value, modality), modality, idx)
    value_type = literal_type(value)
    if value_type is None or isinstance(value, Expr):
        raise InvalidArgument(f"similarity({modality}=...) takes a literal value, got {type(value).__name__}")
    if modality == "string" and not isinstance(value_type, StringType):
        raise InvalidArgument(f"similarity(string=...) takes a string, got {type(value).__name__}")
    return Similarity(source, Literal(value, value_type), modality, idx)


def _searchable(query: Variable, modality: str) -> Variable:
    if query.col_type.name.lower() != {"vector": "array"}.get(modality, modality):
        raise InvalidArgument(f"similarity({modality}=...): the parameter `{query}` has type `{query.col_type}`")
    return query


def _cell_property(name: str) -> Any:
    def build(source: Expr) -> Expr:
        if not isinstance(source, ColumnRef):
            raise InvalidExpression(f"{name} is a property of a column, not of `{source}`")
        return CellProperty(source, name)

    return build


METHODS["*", "similarity"] = _similarity
for _name in ("errortype", "errormsg"):
    PROPERTIES["*", _name] = _cell_property(_name)
