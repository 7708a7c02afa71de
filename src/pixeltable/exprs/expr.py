"""`Expr`, the base of all nodes, with the operators users write; the nodes themselves are in the modules beside it.

The operators look their builders up in `BUILDERS`, and methods (`t.text.upper()`) in `METHODS`: the modules that define
nodes and functions fill both when they are imported, so that no node needs to know another.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, ClassVar, NoReturn, TypeVar

from pixeltable.exceptions import NotCalled, NoValueYet, UnknownMethod
from pixeltable.lazy import np
from pixeltable.types.column_type import ColumnType

BUILDERS: dict[str, Callable[..., "Expr"]] = {}
"""From operator name to the function that builds its node."""

METHODS: dict[tuple[str, str], Callable[..., Any]] = {}
"""From (type name, method name) to a function of the receiver; type name `*` serves every type."""

PROPERTIES: dict[tuple[str, str], Callable[["Expr"], "Expr"]] = {}
"""As METHODS, for names that are read without a call."""

RECORDS: dict[str, type] = {}
"""Records that nodes hold and that hold nodes themselves, by the name of their class."""

ADDED_LATER = {"added_later": True}
"""Metadata of the last fields of a node or a record: stored without them where they have their default, as before."""

AnyRecord = TypeVar("AnyRecord")


def record(cls: type[AnyRecord]) -> type[AnyRecord]:
    """Make a dataclass one that nodes can hold; a decorator.

    Nodes within a record are no children of the node that holds it: they are over other rows, such as those of the
    table that a query reads.
    """
    RECORDS[cls.__name__] = cls
    return cls


def builder(name: str) -> Callable[[Callable[..., "Expr"]], Callable[..., "Expr"]]:
    """Register a function as the builder of an operator."""

    def register(build: Callable[..., Expr]) -> Callable[..., Expr]:
        BUILDERS[name] = build
        return build

    return register


def _binary(name: str) -> Callable[["Expr", Any], "Expr"]:
    return lambda self, other: BUILDERS[name](self, other)


def _reflected(name: str) -> Callable[["Expr", Any], "Expr"]:
    return lambda self, other: BUILDERS[name](other, self)


class Expr:
    """A node. Subclasses are frozen dataclasses whose fields are children, types and plain data.

    Nodes are compared by their `structure()`: `==` builds a comparison.

    What users reach by a name on an expression is a method, a property, or, of Json, a key. So the names that are for
    the inside, fields of nodes included, are such as no Json object has for keys: they begin with a word of ours.
    """

    __slots__ = ("_structure",)

    __array_ufunc__ = None
    """Tells numpy that `np.float64(2) * t.x` is for this class to answer."""

    expr_precedence: ClassVar[int] = 100
    """How tightly the node binds when shown; higher binds tighter, 100 needs no parentheses."""

    @property
    def col_type(self) -> ColumnType:
        """The type of the values this node yields."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = self.col_type.name
        found = PROPERTIES.get((kind, name)) or PROPERTIES.get(("*", name))
        if found is not None:
            return found(self)
        method = METHODS.get((kind, name)) or METHODS.get(("*", name))
        if method is not None:
            return Method(method, self)
        if kind == "Json":
            return BUILDERS["field"](self, name)
        known = {n for k, n in (*METHODS, *PROPERTIES) if k in (kind, "*")}
        raise UnknownMethod(name, expr=str(self), type_name=str(self.col_type), known=known)

    def __getitem__(self, key: Any) -> "Expr":
        return BUILDERS["item"](self, key)

    __add__, __radd__ = _binary("+"), _reflected("+")
    __sub__, __rsub__ = _binary("-"), _reflected("-")
    __mul__, __rmul__ = _binary("*"), _reflected("*")
    __truediv__, __rtruediv__ = _binary("/"), _reflected("/")
    __floordiv__, __rfloordiv__ = _binary("//"), _reflected("//")
    __mod__, __rmod__ = _binary("%"), _reflected("%")
    __pow__, __rpow__ = _binary("**"), _reflected("**")
    __and__, __rand__ = _binary("&"), _reflected("&")
    __or__, __ror__ = _binary("|"), _reflected("|")
    __lt__, __le__, __gt__, __ge__ = _binary("<"), _binary("<="), _binary(">"), _binary(">=")
    __eq__ = _binary("==")  # type: ignore[assignment]  # builds a node, as users expect
    __ne__ = _binary("!=")  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __neg__(self) -> "Expr":
        return BUILDERS["negate"](self)

    def __invert__(self) -> "Expr":
        return BUILDERS["~"](self)

    def __abs__(self) -> "Expr":
        return BUILDERS["abs"](self)

    def __round__(self, digits: int | None = None) -> "Expr":
        return BUILDERS["round"](self, digits)

    def isin(self, values: Any) -> "Expr":
        """Whether the value is one of `values`: a list, a Json expression, or a query of one column.

        Null members count for nothing. A query is run when the query that the expression is part of is run.
        """
        return BUILDERS["isin"](self, values)

    def astype(self, target: Any) -> "Expr":
        """The same value as another type; where it is none of that type, the cell fails."""
        return BUILDERS["astype"](self, target)

    def __bool__(self) -> NoReturn:
        raise NoValueYet(
            str(self),
            use="it cannot be used with and, or, not, in or if",
            hint="Use &, | and ~, with parentheses around comparisons, and isin().",
        )

    def __iter__(self) -> NoReturn:
        raise NoValueYet(str(self), use="it cannot be iterated over", hint="Run a query: table.select(...).collect().")

    def __contains__(self, _: Any) -> NoReturn:  # without it Python says just that there is no iterating
        raise NoValueYet(str(self), use="`in` cannot look into it", hint="Strings and Json have .contains().")

    def __len__(self) -> NoReturn:
        raise NoValueYet(str(self), use="it has no len()", hint="Strings and Json have .len(), tables .count().")

    def __int__(self) -> NoReturn:
        raise NoValueYet(str(self), use="it is no int yet", hint="Convert where the query runs: .astype(pxt.Int).")

    def __float__(self) -> NoReturn:
        raise NoValueYet(str(self), use="it is no float yet", hint="Use a function: pxtf.math, or a @pxt.udf.")

    def __repr__(self) -> str:
        return str(self)


class Method(functools.partial[Any]):
    """A method of an expression, to be called.

    Compared or used as a value it is refused: either the call was forgotten, or the key of a Json object was meant.
    What is below it, as in `t.j.items[0]`, can only be below the key.
    """

    __hash__ = functools.partial.__hash__

    def __getitem__(self, key: Any) -> Expr:
        return self._key()[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._is_of_json():
            self.refuse()
        return getattr(self._key(), name)

    def refuse(self, *_: Any) -> NoReturn:
        """Say that it is not called.

        Raises:
            NotCalled: always.
        """
        receiver, name = self.args[0], self.func.__name__
        hint = f"Call it: {receiver}.{name}(...)."
        if self._is_of_json():
            hint += f" What an object has under that key is {receiver}[{name!r}]."
        raise NotCalled(f"{receiver}.{name}", hint=hint)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __invert__ = refuse
    __and__ = __rand__ = __or__ = __ror__ = __bool__ = __len__ = __iter__ = refuse

    def _is_of_json(self) -> bool:
        return bool(self.args[0].col_type.name == "Json")

    def _key(self) -> Expr:
        return BUILDERS["item"](self.args[0], self.func.__name__) if self._is_of_json() else self.refuse()


def children_of(node: Expr) -> list[Expr]:
    """The nodes directly below one, in the order they were written."""
    found: list[Expr] = []
    for value in field_values(node):
        if isinstance(value, Expr):
            found.append(value)
        elif type(value) is tuple:
            found += _exprs_in(value)
    return found


def nodes_in(expr: Expr) -> Iterator[Expr]:
    """The node itself and all below it, parents first."""
    waiting = [expr]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children_of(node))


def all_nodes_in(expr: Expr) -> Iterator[Expr]:
    """As `nodes_in`, and the nodes in the records they hold."""
    for node in nodes_in(expr):
        yield node
        for value in field_values(node):
            for inner in exprs_in_record(value):
                yield from all_nodes_in(inner)


def field_values(node: Any) -> list[Any]:
    """The values of the fields of a node or a record, in order of declaration."""
    return [getattr(node, name) for name in _field_names(type(node))]  # type: ignore[arg-type]  # mypy takes no class for hashable


@functools.cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _exprs_in(value: Any) -> Iterator[Expr]:
    if isinstance(value, Expr):
        yield value
    elif type(value) is tuple:
        for item in value:
            yield from _exprs_in(item)


def exprs_in_record(value: Any) -> Iterator[Expr]:
    """The nodes at the top of a record, in order; of what is none, the nodes in the records within it."""
    if is_record(value):
        for inner in field_values(value):
            yield from _exprs_in(inner)
            yield from exprs_in_record(inner)
    elif type(value) is tuple:
        for item in value:
            yield from exprs_in_record(item)


def is_record(value: Any) -> bool:
    """Whether the value is of a class that `record` made one for nodes to hold."""
    return RECORDS.get(type(value).__name__) is type(value)


def operand_text(child: Expr, parent: int, *, right: bool = False) -> str:
    """The text of `child` under an operator that binds as tightly as `parent`."""
    tighter = child.expr_precedence > parent or (child.expr_precedence == parent and not right)
    return str(child) if tighter else f"({child})"


def structure(value: Any) -> Any:
    """A hashable value that is equal for nodes built alike."""
    if isinstance(value, Expr):
        return _structure_of_node(value)
    if type(value) in (tuple, list):
        return (type(value).__name__, *(structure(item) for item in value))
    if type(value) is dict:
        return ("dict", *((key, structure(item)) for key, item in value.items()))
    if type(value) in (bool, int, float, str):
        return _scalar_structure(value)
    if isinstance(value, np.ndarray):  # whole: its repr() leaves out digits, and the middle of a long one
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if is_record(value):
        return (type(value).__name__, *map(structure, field_values(value)))
    return _scalar_structure(value)


def _structure_of_node(node: Expr) -> Any:
    try:
        return _known_structure(node)
    except AttributeError:
        found = (type(node).__name__, *map(structure, field_values(node)))
        object.__setattr__(node, "_structure", found)
        return found


_known_structure = Expr.__dict__["_structure"].__get__
"""What was found before: a node never changes. Not by its name, since names of nodes may be keys of Json."""


def _scalar_structure(value: Any) -> Any:
    """1, 1.0 and True are equal in Python but not the same literal, nor are 0.0 and -0.0; NaN is the same as NaN."""
    if type(value) is float:
        return ("float", value.hex())
    if type(value) in (bool, int):
        return (type(value).__name__, value)
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def rebuild(node: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """A copy of the tree in which `change` replaced nodes; what it answers None for is kept, its children changed."""
    replaced = change(node)
    if replaced is not None:
        return replaced
    before = field_values(node)
    after = [_rebuild_value(value, change) for value in before]
    same = all(new is old for new, old in zip(after, before, strict=True))
    return node if same else type(node)(*after)


def _rebuild_value(value: Any, change: Callable[[Expr], Expr | None]) -> Any:
    if isinstance(value, Expr):
        return rebuild(value, change)
    if type(value) is tuple:
        items = tuple(_rebuild_value(item, change) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def rebuild_record(value: AnyRecord, change: Callable[[Expr], Expr | None]) -> AnyRecord:
    """A copy of a record in which `change` replaced nodes, as in `rebuild`."""
    changed: Any = _rebuild_record(value, change)
    return changed  # type: ignore[no-any-return]  # of the same class


def _rebuild_record(value: Any, change: Callable[[Expr], Expr | None]) -> Any:
    if type(value) is tuple:
        return tuple(_rebuild_record(item, change) for item in value)
    if not is_record(value):
        return _rebuild_value(value, change)
    return replace(value, **{f.name: _rebuild_record(getattr(value, f.name), change) for f in fields(value)})
