"""Outputs of an iterator that are not stored: whenever they are read, the iterator yields their items again."""

import datetime
import functools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from types import FunctionType
from typing import Any, Protocol

from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.types.column_type import ColumnType, IntType
from pixeltable.udfs.function import LIVE, Function, FunctionOptions
from pixeltable.udfs.signature import Signature

_TOGETHER = 64


class Listing(Protocol):
    """An iterator as it was declared."""

    name: str
    parameters: tuple[Parameter, ...]
    outputs: Mapping[str, ColumnType] | None
    unstored: tuple[str, ...]
    declared: Callable[..., Iterable[Any]]

    @property
    def spec(self) -> FunctionSpec: ...

    def check_arguments(self, args: Sequence[Any]) -> None: ...


class UnstoredOutput(Function):
    """An output of an iterator as a function of the arguments of that, the place in the list, and the stored outputs.

    It is found under the path of the iterator, as its `number`th overload.
    """

    def __init__(self, iterator: Listing, number: int) -> None:
        assert iterator.outputs is not None
        self.key = iterator.unstored[number - 1]
        self._iterator = iterator
        self._number = number
        stored = {key: kind for key, kind in iterator.outputs.items() if key not in iterator.unstored}
        parameters = [replace(parameter, batched=True, keyword_only=False) for parameter in iterator.parameters]
        parameters.append(Parameter("pos of the item", IntType(), batched=True))
        parameters += [
            Parameter(f"{key} of the item", kind.with_nullable(True), batched=True) for key, kind in stored.items()
        ]
        run = _reading(iterator, self.key, tuple(stored))
        signature = Signature(tuple(parameters), iterator.outputs[self.key].with_nullable(True), True)
        options = FunctionOptions(display_name=f"{iterator.name}.{self.key}")
        super().__init__(run, batch_size=_TOGETHER, options=options, signature=signature)

    @functools.cached_property
    def spec(self) -> FunctionSpec:
        """The function as data; its code is that of the iterator."""
        whole = self._iterator.spec
        path = f"{whole.path}#{self._number}"
        LIVE[path] = self
        return FunctionSpec(path, self.name, self.parameters, self.returns, whole.code)


def _reading(iterator: Listing, key: str, stored: tuple[str, ...]) -> FunctionType:
    """What runs for rows that follow one another."""
    width = len(iterator.parameters)

    def read(*columns: Sequence[Any]) -> list[Any]:
        values = []
        with closing(_Place(iterator)) as place:
            for row in zip(*columns, strict=True):
                args, pos, outputs = row[:width], row[width], dict(zip(stored, row[width + 1 :], strict=True))
                values.append(place.item(args, pos, outputs).get(key))
        return values

    assert isinstance(read, FunctionType)
    return read


class _Place:
    """An iterator, and which item it yields next."""

    def __init__(self, iterator: Listing) -> None:
        self._iterator = iterator
        self._args: tuple[Any, ...] | None = None
        self._made: Any = None
        self._next = 0

    def item(self, args: tuple[Any, ...], pos: int, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The item at a place of the list that these arguments make; `outputs` are what of it is stored."""
        if self._args is None or not _are_same(self._args, args) or (pos < self._next and not self._can_seek):
            self._begin(args)
        if pos != self._next and self._can_seek:
            self._made.seek(pos, **outputs)
            self._next = pos
        while self._next < pos:
            self._step(pos)
        return self._step(pos)

    @property
    def _can_seek(self) -> bool:
        return hasattr(self._made, "seek")

    def _step(self, pos: int) -> Mapping[str, Any]:
        try:
            item: Mapping[str, Any] = next(self._made)
        except StopIteration:
            raise IndexError(f"{self._iterator.name}() does not yield item {pos} any more") from None
        self._next += 1
        return item

    def _begin(self, args: tuple[Any, ...]) -> None:
        self.close()
        self._iterator.check_arguments(args)
        given = list(zip(self._iterator.parameters, args, strict=True))
        by_place = [value for parameter, value in given if not parameter.keyword_only]
        by_name = {parameter.name: value for parameter, value in given if parameter.keyword_only}
        self._made, self._args, self._next = iter(self._iterator.declared(*by_place, **by_name)), args, 0

    def close(self) -> None:
        """Close the iterator, if there is one."""
        made, self._made, self._args = self._made, None, None
        if hasattr(made, "close"):
            with suppress(Exception):  # the items were there
                made.close()


_COMPARED = (str, int, float, bytes, list, dict, datetime.date, datetime.timedelta, uuid.UUID, type(None))


def _are_same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether arguments are surely the same; what is not compared quickly, as arrays are not, counts as another one."""
    pairs = zip(a, b, strict=True)
    return all(x is y or (type(x) is type(y) and isinstance(x, _COMPARED) and x == y) for x, y in pairs)
