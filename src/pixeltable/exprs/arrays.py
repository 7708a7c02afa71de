"""Reaching into arrays, and building arrays from expressions."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidExpression, TypeMismatch
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import Literal, as_expr
from pixeltable.exprs.operators import Cast
from pixeltable.lazy import np
from pixeltable.types.column_type import (
    ArrayType,
    BoolType,
    ColumnType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    dtype_name,
)
from pixeltable.types.conform import CellRejected, conform

Index = int | slice
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArrayItem(Expr):
    """`source[index]` with numpy's meaning of integers and slices; null if an integer is out of range.

    Where the number of dimensions is not known, what is left if none is, is an array without dimensions.
    """

    source: Expr
    index: tuple[Index, ...]

    @property
    def col_type(self) -> ColumnType:
        source = self.source.col_type
        assert isinstance(source, ArrayType)
        nullable = source.nullable or any(isinstance(item, int) for item in self.index)
        if source.shape is None:
            return ArrayType(True, None, source.dtype)
        shape = _shape_within(source.shape, self.index)
        if shape:
            return ArrayType(nullable, shape, source.dtype)
        return _item_type(source.dtype)

    def __str__(self) -> str:
        return f"{self.source}[{', '.join(map(show_index, self.index))}]"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArrayOf(Expr):
    """The array whose items along the first dimension are these: numbers, Bools, texts, or arrays; null if one is."""

    items: tuple[Expr, ...]

    @property
    def col_type(self) -> ArrayType:
        found = _array_type([item.col_type for item in self.items])
        return ArrayType(True) if found is None else found  # an argument that took a variable's place may misfit

    def __str__(self) -> str:
        return f"array([{', '.join(_show_item(item) for item in self.items)}])"


def _show_item(item: Expr) -> str:
    return str(item).removeprefix("array(").removesuffix(")") if isinstance(item, ArrayOf) else str(item)


def _shape_within(shape: Shape, index: Sequence[Index]) -> Shape:
    """The shape of a part; of a length that is not known, only all of it is the same."""
    picked = zip(index, shape, strict=False)
    parts = [_length(item, length) for item, length in picked if isinstance(item, slice)]
    return (*parts, *shape[len(index) :])


def _length(item: slice, length: int | None) -> int | None:
    return None if length is None else len(range(*item.indices(length)))


def _item_type(dtype: str | None) -> ColumnType:
    """The type of a single item; any scalar that Json has too, where the dtype is not known."""
    if dtype is None:
        return JsonType(True)
    return _SCALARS.get(dtype, FloatType()).with_nullable(True)


_SCALARS: dict[str, ColumnType] = {"bool": BoolType(), "str": StringType()} | {
    f"{sign}int{bits}": IntType() for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def show_index(item: Index) -> str:
    """An index as it is written."""
    if isinstance(item, int):
        return str(item)
    shown = f"{'' if item.start is None else item.start}:{'' if item.stop is None else item.stop}"
    return shown if item.step is None else f"{shown}:{item.step}"


def array_item(source: Expr, key: Any) -> ArrayItem:
    """The node for `source[key]`; an ellipsis becomes a slice of each dimension it stands for.

    Raises:
        InvalidExpression: an index is neither an int nor a slice of ints, or is one that no value has.
    """
    kind = source.col_type
    assert isinstance(kind, ArrayType)
    index = _without_ellipsis(source, key if isinstance(key, tuple) else (key,), kind)
    node = ArrayItem(source, tuple(_plain_index(source, item) for item in index))
    if kind.shape is None:
        return node
    if len(node.index) > len(kind.shape):
        raise InvalidExpression(
            f"{node}: `{kind}` has {len(kind.shape)} dimensions, not {len(node.index)}",
            hint="Give at most one position for each.",
        )
    for place, (item, length) in enumerate(zip(node.index, kind.shape, strict=False)):
        if isinstance(item, int) and length is not None and not -length <= item < length:
            raise InvalidExpression(f"{node}: {item} is out of range for dimension {place} of `{kind}`")
    return node


def _without_ellipsis(source: Expr, index: Sequence[Any], kind: ArrayType) -> Sequence[Any]:
    places = [place for place, item in enumerate(index) if item is Ellipsis]
    if not places:
        return index
    if kind.shape is None or len(places) > 1:
        fact = "the array has no known number of dimensions" if kind.shape is None else "there can be just one"
        raise InvalidExpression(f"{source}[...]: {fact}, so what `...` stands for is open", hint="Write `:` for each.")
    missing = len(kind.shape) - (len(index) - 1)
    return [*index[: places[0]], *[slice(None)] * missing, *index[places[0] + 1 :]]


def _plain_index(source: Expr, item: Any) -> Index:
    bounds = (item.start, item.stop, item.step) if isinstance(item, slice) else (item,)
    for bound in bounds:
        is_open = bound is None and isinstance(item, slice)
        if not is_open and (isinstance(bound, bool) or not isinstance(bound, int | np.integer)):
            raise InvalidExpression(
                f"{source}[{item!r}]: an array takes positions (int), slices of them and `...`",
                hint="Such as a[0, 1:3].",
            )
    plain_bounds = [None if bound is None else int(bound) for bound in bounds]
    if isinstance(item, slice) and plain_bounds[2] == 0:
        raise InvalidExpression(f"{source}[{show_index(slice(*plain_bounds))}]: the step of a slice cannot be 0")
    return slice(*plain_bounds) if isinstance(item, slice) else int(item)


def array(values: Any) -> Expr:
    """An array of values and expressions: `pxt.array([t.x, t.y, 0])`.

    Items are numbers, Bools, texts, arrays of one shape, or lists of such. Ints become an array of `pxt.Int`; together
    with Floats, or Floats alone, one of `pxt.Float`, which has 32 bits. The array is null where an item is.

    Raises:
        TypeMismatch: the items have no type in common that arrays have, or are arrays of different shapes.
        InvalidExpression: it is no list, or an empty one.

    >>> array([[1, 2], [3, 4]]).col_type
    ArrayType(nullable=False, shape=(2, 2), dtype='int64')
    """
    if isinstance(values, np.ndarray):
        return as_expr(values)
    leaves = [*_leaves(values)]
    node = _array(values, as_floats=any(isinstance(leaf.col_type, FloatType) for leaf in leaves))
    if not all(isinstance(leaf, Literal) for leaf in leaves):
        return node
    try:
        return Literal(array_value(values, node.col_type), node.col_type)
    except ValueError as error:
        raise TypeMismatch(f"array(): {error}") from None


def _leaves(values: Any) -> Iterator[Expr]:
    if isinstance(values, list | tuple):
        for value in values:
            yield from _leaves(value)
    elif isinstance(values, Expr):
        yield values
    else:
        yield as_expr(values)


def _array(values: Any, *, as_floats: bool) -> ArrayOf:
    if not isinstance(values, list | tuple) or not values:
        raise InvalidExpression(
            f"array() takes a list with at least one item, got {values!r}",
            hint="What a Json expression holds becomes an array by .astype(pxt.Array[shape, dtype]).",
        )
    items = tuple(
        _array(value, as_floats=as_floats) if isinstance(value, list | tuple) else _item(value, as_floats=as_floats)
        for value in values
    )
    found = _array_type([item.col_type for item in items])
    if found is None:
        kinds = ", ".join(dict.fromkeys(f"`{item.col_type}`" for item in items))
        raise TypeMismatch(
            f"array(): items of type {kinds} are not of one array",
            hint="Items are numbers, Bool, String or arrays of one shape and dtype; of Json, .astype(pxt.Float).",
        )
    return ArrayOf(items)


def _item(value: Any, *, as_floats: bool) -> Expr:
    """A single item; an Int among Floats is one too."""
    expr = as_expr(value)
    if not as_floats or not isinstance(expr.col_type, IntType):
        return expr
    kind = FloatType(expr.col_type.nullable)
    return Literal(float(expr.value), kind) if isinstance(expr, Literal) else Cast(expr, kind)


def _array_type(items: Sequence[ColumnType]) -> ArrayType | None:
    """The type of an array of items of these types, None if there is none."""
    nullable = any(item.nullable for item in items)
    if all(isinstance(item, ArrayType) for item in items):
        return _stacked([item for item in items if isinstance(item, ArrayType)], nullable)
    dtypes = {_DTYPES.get(type(item)) for item in items}
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    return None if dtype is None else ArrayType(nullable, (len(items),), dtype)


_DTYPES: dict[type[ColumnType], str] = {IntType: "int64", FloatType: "float32", BoolType: "bool", StringType: "str"}


def _stacked(items: Sequence[ArrayType], nullable: bool) -> ArrayType | None:
    dtypes = {item.dtype for item in items}
    shapes = [item.shape for item in items if item.shape is not None]
    if len(dtypes - {None}) > 1 or len(set(map(len, shapes))) > 1:
        return None
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    if len(shapes) < len(items):
        return ArrayType(nullable, None, dtype)
    lengths = [set(along) - {None} for along in zip(*shapes, strict=True)]
    if any(len(known) > 1 for known in lengths):
        return None
    return ArrayType(nullable, (len(items), *(next(iter(known), None) for known in lengths)), dtype)


def array_value(items: Sequence[Any], kind: ArrayType) -> "np.ndarray":
    """The array of items none of which is null.

    Raises:
        ValueError: arrays among them are of different shapes or dtypes, or an item is none of the dtype.
    """
    if isinstance(items[0], np.ndarray):
        return _stack(items)
    try:
        found: np.ndarray = conform(kind.with_nullable(False), [list(items)], zone=datetime.UTC)[0]
    except CellRejected as error:
        raise ValueError(error.reason) from None
    return found


def _stack(arrays: "Sequence[np.ndarray]") -> "np.ndarray":
    if len({(item.shape, dtype_name(item.dtype)) for item in arrays}) > 1:
        shown = ", ".join(f"{dtype_name(item.dtype)} {item.shape}" for item in arrays)
        raise ValueError(f"arrays of different shapes or dtypes are not items of one: {shown}")
    return np.stack(arrays)
