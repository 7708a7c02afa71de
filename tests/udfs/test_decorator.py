"""What `@udf` accepts and what it makes."""

from collections.abc import Iterator
from typing import Any

import pytest

from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.expr import METHODS, PROPERTIES
from pixeltable.types.column_type import BinaryType, StringType
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf
from tests.udfs.columns import column


def plain(x: int) -> int:
    """Nothing happens to x."""
    return x


async def asynchronous(x: int) -> int:
    return x


def batched(x: Batch[int]) -> Batch[int]:
    return x


async def async_batched(x: Batch[int]) -> Batch[int]:
    return x


def half_batched(x: Batch[int]) -> int:
    return len(x)


def yielding(x: int) -> Iterator[int]:
    yield x


@pytest.mark.parametrize(
    ("fn", "batch_size", "kind"),
    [
        (plain, None, "plain"),
        (asynchronous, None, "async"),
        (batched, 8, "batched"),
        (async_batched, 8, "async-batched"),
    ],
)
def test_kind(fn: Any, batch_size: int | None, kind: str) -> None:
    assert udf(batch_size=batch_size)(fn).kind == kind


@pytest.mark.parametrize(
    ("fn", "batch_size", "message"),
    [
        pytest.param(batched, None, "Declare it with @udf", id="hints without size"),
        pytest.param(plain, 8, "at least one parameter", id="size without hints"),
        pytest.param(half_batched, 8, "return value", id="return is no batch"),
        pytest.param(batched, 0, "at least 1", id="size 0"),
    ],
)
def test_batch_size_and_batch_hints_go_together(fn: Any, batch_size: int | None, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        udf(batch_size=batch_size)(fn)


@pytest.mark.parametrize("fn", [lambda x: x, len, int, yielding, 3])
def test_only_plain_functions_can_be_declared(fn: Any) -> None:
    with pytest.raises(InvalidArgument):
        udf(fn)


def test_function_keeps_name_docstring_and_body() -> None:
    declared: Any = udf(plain)
    assert (declared.__name__, declared.__doc__, declared.__module__) == (plain.__name__, plain.__doc__, __name__)
    assert declared.__wrapped__ is plain
    assert declared.body(3) == 3


def test_help_shows_signature_and_docstring() -> None:
    assert udf(display_name="same")(plain).help_str() == "same(x: Int) -> Int\n\nNothing happens to x."


def test_non_deterministic_is_recorded() -> None:
    assert not udf(is_deterministic=False)(plain).spec.deterministic


def test_method_and_property_belong_to_the_type_of_the_first_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, ("Binary", "head_of"), None)  # taken out again after the test
    monkeypatch.setitem(PROPERTIES, ("Binary", "size_of"), None)

    @udf(is_method=True)
    def head_of(data: bytes, n: int = 1) -> bytes:
        return data[:n]

    @udf(is_property=True)
    def size_of(data: bytes) -> int:
        return len(data)

    source: Any = column("b", BinaryType())
    assert str(source.head_of(2)) == "head_of(b, 2)"
    assert str(source.size_of) == "size_of(b)"
    other: Any = column("s", StringType())
    assert not hasattr(other, "head_of")


def test_property_takes_one_argument() -> None:
    def pair(a: int, b: int) -> int:
        return a + b

    with pytest.raises(InvalidArgument, match="property"):
        udf(is_property=True)(pair)
