"""What hints and defaults a function may have."""

import enum
import typing
from collections.abc import Callable
from typing import Any

import pytest

from pixeltable.exceptions import Error, InvalidArgument, InvalidType, Unsupported
from pixeltable.types.column_type import FloatType, IntType, JsonType, StringType
from pixeltable.types.json_structure import JsonItems
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf


class Color(enum.Enum):
    RED = "red"


def no_parameter_hint(x) -> int:  # type: ignore[no-untyped-def]
    return int(x)


def no_return_hint(x: int):  # type: ignore[no-untyped-def]
    return x


def unknown_hint(x: object) -> int:
    return id(x)


def unresolved(x: "Missing") -> int:  # type: ignore[name-defined]  # noqa: F821
    return int(x)


def no_value(x: int) -> None: ...


def underscore(_x: int) -> int:
    return _x


def order_by(order_by: int) -> int:
    return order_by


def wrong_default(x: int = "a") -> int:  # type: ignore[assignment]
    return x


def null_default(x: int = None) -> int:  # type: ignore[assignment]  # noqa: RUF013  # what is refused
    return x


def spread(*xs: int) -> int:
    return sum(xs)


def keywords(**xs: int) -> int:
    return sum(xs.values())


def positional(x: int, /) -> int:
    return x


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        pytest.param(
            no_parameter_hint, InvalidType, "'no_parameter_hint', parameter 'x'.*Use str, int", id="unannotated"
        ),
        pytest.param(no_return_hint, InvalidType, "'no_return_hint': the return value", id="no return hint"),
        pytest.param(unknown_hint, InvalidType, "`object` names no column type", id="unknown hint"),
        pytest.param(unresolved, InvalidType, "'unresolved'.*Missing", id="forward reference"),
        pytest.param(no_value, InvalidType, "names no column type", id="returns nothing"),
        pytest.param(underscore, InvalidArgument, "'_x': this name is reserved", id="underscore"),
        pytest.param(order_by, InvalidArgument, "'order_by': this name is reserved", id="reserved"),
        pytest.param(wrong_default, InvalidArgument, "default 'a' is no `Int`", id="wrong default"),
        pytest.param(null_default, InvalidArgument, r"Annotate it as `Int \| None`", id="null default"),
        pytest.param(spread, Unsupported, r"\*args", id="args"),
        pytest.param(keywords, Unsupported, r"\*\*kwargs", id="kwargs"),
        pytest.param(positional, Unsupported, "positional-only", id="positional only"),
    ],
)
def test_rejected(fn: Callable[..., Any], error: type[Error], message: str) -> None:
    with pytest.raises(error, match=message):
        udf(fn)


def test_hints_become_types() -> None:
    @udf
    def f(a: str, b: float | None, c: list[int], d: typing.Literal["x", "y"] = "x") -> dict[str, int]:
        return {a: len(c) + len(d) + int(b or 0)}

    assert [p.type for p in f.parameters] == [
        StringType(), FloatType(True), JsonType(schema=JsonItems(IntType())), StringType(),
    ]  # fmt: skip
    assert f.returns == JsonType()


def test_enum_default_is_stored_as_its_value() -> None:
    @udf
    def f(a: Color = Color.RED) -> str:
        return str(a)

    assert f.parameters[0].default == "red"


def test_batch_hints_say_which_parameters_are_lists() -> None:
    @udf(batch_size=4)
    def f(a: Batch[int], b: int) -> Batch[int]:
        return [x + b for x in a]

    assert [(p.type, p.batched) for p in f.parameters] == [(IntType(), True), (IntType(), False)]
    assert f.returns == IntType()
