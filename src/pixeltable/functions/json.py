"""Functions on Json, methods of Json expressions; null where a required argument is null.

A method hides a key of the same name: `t.j.keys()` calls this `keys`, `t.j['keys']` is what the object has under it.
Where a value is of the wrong kind, such as a list where an object is wanted, the cell fails. Numbers are equal if their
values are; true and 1 are not. The keys of an object have one order, that in which the database keeps them: shorter
ones first, those of equal length by code point.
"""

import builtins
import importlib
import json
from typing import Annotated, Any

from pixeltable.functions.aggregates import make_list
from pixeltable.functions.lists import list_iterator
from pixeltable.types.column_type import JsonType
from pixeltable.types.json_equality import equal_json
from pixeltable.udfs.decorator import udf

__all__ = [
    "concat",
    "contains",
    "count",
    "dumps",
    "flatten",
    "get",
    "is_empty",
    "items",
    "keys",
    "len",
    "list_iterator",
    "make_list",
    "max",
    "mean",
    "merge",
    "min",
    "sum",
    "values",
]

Json = Annotated[Any, JsonType()]

PYTHON_ONLY = {
    "dumps": "the database writes large and small numbers in another way",
    "items": "pairs can only be made in a subquery",
    "max": "floats would be compared as decimals",
    "mean": "a sum of decimals is not one of floats",
    "min": "as max",
    "sum": "as mean",
}
"""Functions without a rule for SQL, and why."""


@udf(is_method=True)
def concat(self: Json | None, other: Json | None) -> list:  # type: ignore[type-arg]  # any Json
    """The elements of one list, then those of another; null is an empty list.

    Raises:
        TypeError: one of them is no list.

    >>> concat.body([1, 2], [3]), concat.body(None, [3])
    ([1, 2, 3], [3])
    """
    return [*_list_or_empty(self), *_list_or_empty(other)]


@concat.to_sql
def _concat_sql(self: Any, other: Any) -> Any:
    if not (_is_json(self) and _is_json(other)):
        return None
    func, empty = _sqlalchemy().func, _json_constant("[]")
    lists = [_of_kind("array", func.coalesce(part, empty, type_=_jsonb())) for part in (self, other)]
    return lists[0].op("||", return_type=_jsonb())(lists[1])


@udf(is_method=True)
def contains(self: Json, value: Json) -> bool:
    """Whether a list has an element that equals `value`; of an object, whether it has that key.

    Raises:
        TypeError: it is neither a list nor an object.

    >>> contains.body([1, "a"], "a"), contains.body({"a": 1}, "a"), contains.body([1], True)
    (True, True, False)
    """
    if isinstance(self, dict):
        return isinstance(value, str) and value in self
    return any(equal_json(element, value) for element in _list(self, "a list or an object"))


@contains.to_sql
def _contains_sql(self: Any, value: Any) -> Any:
    sa = _sqlalchemy()
    if not _is_json(self) or not _is_exact(value):
        return None
    has_key = self.has_key(value) if isinstance(value.type, sa.Text) else sa.false()
    has_element = _of_kind("array", self).contains(sa.func.to_jsonb(value, type_=_jsonb()))
    return sa.case((_kind(self) == "object", has_key), else_=has_element)


@udf(is_method=True)
def count(self: Json, value: Json) -> int:
    """How many elements of a list equal `value`.

    Raises:
        TypeError: it is no list.

    >>> count.body([1, 2.0, 2, True], 2), count.body([1, 2], "a")
    (2, 0)
    """
    return builtins.sum(equal_json(element, value) for element in _list(self))


@count.to_sql
def _count_sql(self: Any, value: Any) -> Any:
    sa = _sqlalchemy()
    if not _is_json(self) or not _is_exact(value):
        return None
    wanted = sa.func.jsonb_build_object(sa.literal_column("'v'"), value)
    path = sa.literal_column("'strict $[*] ? (@ == $v)'")
    return _length(sa.func.jsonb_path_query_array(_of_kind("array", self), path, wanted))


@udf(is_method=True)
def dumps(obj: Json) -> str:
    """The value as JSON text, with characters beyond ASCII as they are and the keys of objects in their order.

    >>> dumps.body({"name": "é", "n": [1, 2.5, None]})
    '{"n": [1, 2.5, null], "name": "é"}'
    """
    return json.dumps(_in_order(obj), ensure_ascii=False)


@udf(is_method=True)
def flatten(self: Json) -> list:  # type: ignore[type-arg]  # any Json
    """The list with the elements of its lists in their place, one level deep; other elements stay.

    Raises:
        TypeError: it is no list.

    >>> flatten.body([[1, [2]], 3, []])
    [1, [2], 3]
    """
    return [item for element in _list(self) for item in (element if isinstance(element, list) else [element])]


@flatten.to_sql
def _flatten_sql(self: Any) -> Any:
    return _selected(_of_kind("array", self), "lax $[*][*]") if _is_json(self) else None


@udf(is_method=True)
def get(self: Json, key: str, default: Json | None = None) -> Json | None:
    """What an object has under a key, or `default`, without which it is null.

    Raises:
        TypeError: it is no object.

    >>> get.body({"a": 1}, "a"), get.body({"a": 1}, "b"), get.body({"a": 1}, "b", 0)
    (1, None, 0)
    """
    return _object(self).get(key, default)


@get.to_sql
def _get_sql(self: Any, key: Any, default: Any) -> Any:
    sa = _sqlalchemy()
    if not _is_json(self) or not isinstance(default, sa.Null):
        return None
    found = _of_kind("object", self).op("->", return_type=_jsonb())(key)
    return sa.func.nullif(found, _json_constant("null"), type_=_jsonb())


@udf(is_method=True)
def is_empty(self: Json | None) -> bool:
    """Whether the value is null, an empty list, an empty object or an empty string.

    >>> is_empty.body([]), is_empty.body(None), is_empty.body(0)
    (True, True, False)
    """
    return self is None or (isinstance(self, list | dict | str) and not self)


@is_empty.to_sql
def _is_empty_sql(self: Any) -> Any:
    sa = _sqlalchemy()
    empty = [_json_constant(text) for text in ("[]", "{}", '""')]
    return sa.func.coalesce(self.in_(empty), sa.true(), type_=sa.Boolean) if _is_json(self) else None


@udf(is_method=True)
def items(self: Json) -> list:  # type: ignore[type-arg]  # pairs of a string and any Json
    """The keys of an object with their values, as lists of two.

    Raises:
        TypeError: it is no object.

    >>> items.body({"b": [1], "a": 2})
    [['a', 2], ['b', [1]]]
    """
    found = _object(self)
    return [[key, found[key]] for key in sorted(found, key=_rank)]


@udf(is_method=True)
def keys(self: Json) -> list[str]:
    """The keys of an object.

    Raises:
        TypeError: it is no object.

    >>> keys.body({"name": 1, "b": 2, "a": 3})
    ['a', 'b', 'name']
    """
    return sorted(_object(self), key=_rank)


@keys.to_sql
def _keys_sql(self: Any) -> Any:
    return _selected(_of_kind("object", self), "strict $.keyvalue().key") if _is_json(self) else None


@udf(is_method=True)
def len(self: Json) -> int:
    """The number of elements of a list, of keys of an object, or of characters of a string.

    Raises:
        TypeError: it is a number or a bool.

    >>> len.body([1, 2]), len.body({"a": 1}), len.body("abc")
    (2, 1, 3)
    """
    if not isinstance(self, list | dict | str):
        raise _wrong_kind(self, "a list, an object or a string")
    return builtins.len(self)


@len.to_sql
def _len_sql(self: Any) -> Any:
    if not _is_json(self):
        return None
    sa = _sqlalchemy()
    of_object = _length(_selected(self, "lax $.keyvalue()"))
    of_text = sa.func.length(self.op("#>>", return_type=sa.Text())(sa.literal_column("'{}'")), type_=sa.Integer)
    # The length of what is neither is refused with a DataError, so that Python answers.
    return sa.case((_kind(self) == "object", of_object), (_kind(self) == "string", of_text), else_=_length(self))


@udf(is_method=True)
def max(self: Json) -> float | None:
    """The greatest of a list of numbers; null if it is empty.

    Raises:
        TypeError: it is no list, or an element is no number.

    >>> max.body([1, 2.5]), max.body([])
    (2.5, None)
    """
    return builtins.max(_numbers(self), default=None)


@udf(is_method=True)
def mean(self: Json) -> float | None:
    """The average of a list of numbers; null if it is empty.

    Raises:
        TypeError: it is no list, or an element is no number.

    >>> mean.body([1, 2]), mean.body([])
    (1.5, None)
    """
    found = _numbers(self)
    return float(builtins.sum(found)) / builtins.len(found) if found else None


@udf(is_method=True)
def merge(self: Json, other: Json) -> dict:  # type: ignore[type-arg]  # any Json
    """The keys of two objects in one; where both have a key, with the value of `other`. Objects within are not merged.

    Raises:
        TypeError: one of them is no object.

    >>> merge.body({"a": 1, "b": {"c": 1}}, {"b": {"d": 2}})
    {'a': 1, 'b': {'d': 2}}
    """
    return {**_object(self), **_object(other)}


@merge.to_sql
def _merge_sql(self: Any, other: Any) -> Any:
    if not (_is_json(self) and _is_json(other)):
        return None
    return _of_kind("object", self).op("||", return_type=_jsonb())(_of_kind("object", other))


@udf(is_method=True)
def min(self: Json) -> float | None:
    """The least of a list of numbers; null if it is empty.

    Raises:
        TypeError: it is no list, or an element is no number.

    >>> min.body([1, 2.5]), min.body([])
    (1.0, None)
    """
    return builtins.min(_numbers(self), default=None)


@udf(is_method=True)
def sum(self: Json) -> float:
    """The sum of a list of numbers, 0 if it is empty.

    Raises:
        TypeError: it is no list, or an element is no number.

    >>> sum.body([1, 2.5]), sum.body([])
    (3.5, 0.0)
    """
    return float(builtins.sum(_numbers(self)))


@udf(is_method=True)
def values(self: Json) -> list:  # type: ignore[type-arg]  # any Json
    """The values of an object, in the order of its keys.

    Raises:
        TypeError: it is no object.

    >>> values.body({"b": [1], "a": 2})
    [2, [1]]
    """
    found = _object(self)
    return [found[key] for key in sorted(found, key=_rank)]


@values.to_sql
def _values_sql(self: Any) -> Any:
    return _selected(_of_kind("object", self), "strict $.*") if _is_json(self) else None


def _list_or_empty(value: Any) -> list[Any]:
    return [] if value is None else _list(value)


def _list(value: Any, wanted: str = "a list") -> list[Any]:
    if not isinstance(value, list):
        raise _wrong_kind(value, wanted)
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_kind(value, "an object")
    return value


def _numbers(value: Any) -> list[float]:
    """The elements of a list of numbers, ints among them as floats."""
    for place, element in enumerate(_list(value, "a list of numbers")):
        if isinstance(element, bool) or not isinstance(element, int | float):
            raise TypeError(f"element {place} of the list is no number, but {_shown(element)}")
    return list(map(float, value))


def _wrong_kind(value: Any, wanted: str) -> TypeError:
    return TypeError(f"expected {wanted}, got {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{_NAMES.get(type(value), type(value).__name__)} {text if builtins.len(text) <= 60 else text[:57] + '...'}"


_NAMES = {
    dict: "an object", list: "a list", str: "a string", bool: "a bool", int: "a number", float: "a number",
    type(None): "null",
}  # fmt: skip


def _rank(key: str) -> tuple[int, bytes]:
    """What keys are ordered by."""
    encoded = key.encode()
    return builtins.len(encoded), encoded


def _in_order(value: Any) -> Any:
    """The value with the keys of all objects in their order."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value, key=_rank)}
    return [_in_order(element) for element in value] if isinstance(value, list) else value


# What the rules for SQL are made of. A rule says None where an argument has no form as Json that is surely Python's.


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")


def _jsonb() -> Any:
    return importlib.import_module("sqlalchemy.dialects.postgresql").JSONB()


def _json_constant(text: str) -> Any:
    sa = _sqlalchemy()
    return sa.type_coerce(sa.literal_column(f"'{text}'::jsonb"), _jsonb())


def _is_json(element: Any) -> bool:
    return isinstance(element.type, type(_jsonb()))


LARGEST_EXACT = 2**53
"""Beyond this, ints and floats are equal in Python that differ as decimals."""


def _is_exact(element: Any) -> bool:
    """Whether the database finds a value equal to just those elements of Json to which Python does."""
    sa = _sqlalchemy()
    if isinstance(element.type, sa.BigInteger):
        return isinstance(element, sa.BindParameter) and -LARGEST_EXACT <= element.value <= LARGEST_EXACT
    return isinstance(element.type, sa.Text | sa.Boolean)


def _kind(element: Any) -> Any:
    sa = _sqlalchemy()
    return sa.func.jsonb_typeof(element, type_=sa.Text)


def _of_kind(kind: str, element: Any) -> Any:
    """The value if it is of a kind; where it is not, the statement fails with a DataError, and Python answers."""
    sa = _sqlalchemy()
    refused = sa.func.to_jsonb(sa.cast(_kind(element), sa.Integer), type_=_jsonb())  # the word for a kind is no number
    return sa.case((_kind(element) == kind, element), else_=refused)


def _selected(element: Any, path: str) -> Any:
    """A list of what a path of the database's own language finds."""
    sa = _sqlalchemy()
    return sa.func.jsonb_path_query_array(element, sa.literal_column(f"'{path}'"), type_=_jsonb())


def _length(element: Any) -> Any:
    sa = _sqlalchemy()
    return sa.func.jsonb_array_length(element, type_=sa.Integer)
