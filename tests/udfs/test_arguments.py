"""Arguments are bound as Python binds them, and checked against the parameters' types."""

import datetime
import uuid
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.exprs.call import Call
from pixeltable.exprs.leaves import Literal
from pixeltable.types.column_type import ArrayType, ColumnType, FloatType, IntType, JsonType, StringType
from pixeltable.types.forms import Json
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import Function
from tests.udfs.columns import column

Pair = Annotated[NDArray[np.float32], ArrayType(shape=(2,), dtype="float32")]


@udf
def join(a: str, b: str, sep: str = "-", *, times: int = 1) -> str:
    return sep.join([a, b]) * times


@udf
def take_float(x: float) -> float:
    return x


@udf
def take_timestamp(x: datetime.datetime) -> bool:
    return bool(x)


@udf
def take_date(x: datetime.date) -> bool:
    return bool(x)


@udf
def take_uuid(x: uuid.UUID) -> bool:
    return bool(x)


@udf
def take_json(x: Json) -> bool:
    return bool(x)


@udf
def take_pair(x: Pair) -> bool:
    return bool(x.any())


def values(call: Call) -> list[Any]:
    return [arg.value for arg in call.call_args if isinstance(arg, Literal)]


def test_every_parameter_has_an_argument_in_order() -> None:
    assert values(join("x", times=2, b="y")) == ["x", "y", "-", 2]


def test_call_shows_only_what_is_not_default() -> None:
    assert str(join(column("s", StringType()), "y", times=2)) == "join(s, 'y', times=2)"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        pytest.param(("x",), {}, "missing a required argument: 'b'", id="missing"),
        pytest.param(("x", "y"), {"c": 1}, "unexpected keyword argument 'c'", id="unknown"),
        pytest.param(("x", "y"), {"a": "z"}, "multiple values for argument 'a'", id="duplicate"),
        pytest.param(("x", "y", "z", 2), {}, "too many positional", id="too many"),
    ],
)
def test_misfit_names_function_and_parameters(args: tuple[Any, ...], kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        join(*args, **kwargs)
    assert "join()" in caught.value.message
    assert "(a: String, b: String, sep: String = '-', *, times: Int = 1)" in caught.value.message


def test_wrong_type_names_function_parameter_and_both_types() -> None:
    with pytest.raises(TypeMismatch, match=r"join\(\): parameter `b` takes `String`, but `n` has type `Int`"):
        join("x", column("n", IntType()))


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        pytest.param(take_float, 3, 3, id="int as float"),
        pytest.param(take_timestamp, "2024-01-02", datetime.datetime(2024, 1, 2), id="text as timestamp"),  # noqa: DTZ001
        pytest.param(take_date, "2024-01-02", datetime.date(2024, 1, 2), id="text as date"),
        pytest.param(take_uuid, str(uuid.UUID(int=7)), uuid.UUID(int=7), id="text as UUID"),
        pytest.param(take_json, {"k": [1]}, {"k": [1]}, id="dict as Json"),
        pytest.param(take_json, 3, 3, id="number as Json"),
    ],
)
def test_literals_fit(function: Function, value: Any, expected: Any) -> None:
    assert values(function(value)) == [expected]


def test_list_literal_becomes_an_array() -> None:
    (array,) = values(take_pair([1, 2]))
    assert array.dtype == np.float32
    assert array.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        pytest.param(take_float, "3", id="text as number"),
        pytest.param(take_float, [3.0], id="list as number"),
        pytest.param(take_timestamp, "soon", id="no timestamp"),
        pytest.param(take_uuid, "7", id="no UUID"),
        pytest.param(take_pair, [1, 2, 3], id="wrong shape"),
        pytest.param(take_pair, ["a", "b"], id="wrong dtype"),
    ],
)
def test_literals_that_do_not_fit_name_function_and_parameter(function: Function, value: Any) -> None:
    with pytest.raises(TypeMismatch, match=rf"{function.name}\(\): parameter `x`"):
        function(value)


@pytest.mark.parametrize("function", [take_float, take_timestamp, take_uuid, join.using(b="y")])
def test_json_expressions_fit_any_scalar(function: Function) -> None:
    assert function(column("j", JsonType())).call_args[0].col_type == JsonType()


def test_json_expression_is_no_array() -> None:
    with pytest.raises(TypeMismatch):
        take_pair(column("j", JsonType()))


@pytest.mark.parametrize(("function", "kind"), [(take_float, FloatType), (take_pair, ArrayType)])
def test_none_takes_the_type_of_the_parameter(function: Function, kind: type[ColumnType]) -> None:
    call = function(None)
    assert type(call.call_args[0].col_type) is kind
    assert call.call_args[0].col_type.nullable
    assert call.col_type.nullable
