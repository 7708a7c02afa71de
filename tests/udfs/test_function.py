"""Overloads, fixed arguments and the hooks."""

from typing import Any

import pytest

from pixeltable.exceptions import InvalidArgument, TypeMismatch
from pixeltable.types.column_type import ArrayType, ColumnType, FloatType, IntType, StringType
from pixeltable.types.forms import Array, Float
from pixeltable.udfs.decorator import udf
from tests.udfs.columns import column
from tests.udfs.library import double


@udf
def scale(x: float, by: float = 2.0, *, plus: int = 0) -> float:
    return x * by + plus


@udf
def zeros(n: int, text: str = "") -> list[int]:
    return [0] * (n + len(text))


@zeros.conditional_return_type
def _(n: int) -> ColumnType:
    return ArrayType(shape=(n,), dtype="float32")


def test_using_fixes_arguments_of_the_same_function() -> None:
    call = scale.using(x=2)(column("y", FloatType()), plus=1)
    assert str(call) == "scale(2, y, plus=1)"
    assert call.call_function is scale.spec


def test_using_can_be_repeated() -> None:
    bound = scale.using(by=3.0).using(plus=1)
    assert [p.name for p in bound.parameters] == ["x"]
    assert bound.arity == 1


def test_using_refuses_unknown_names() -> None:
    with pytest.raises(InvalidArgument, match="unknown parameter speed"):
        scale.using(speed=1)


def test_using_refuses_expressions() -> None:
    with pytest.raises(InvalidArgument, match="plain value"):
        scale.using(by=column("y", FloatType()))


def test_using_checks_types() -> None:
    with pytest.raises(TypeMismatch, match="`by`"):
        scale.using(by="fast")


def test_fixed_argument_cannot_be_given_again() -> None:
    with pytest.raises(InvalidArgument, match="'by'"):
        scale.using(by=3.0)(1.0, by=4.0)


def test_first_overload_that_accepts_wins() -> None:
    assert double(1).col_type == IntType()
    assert double("a").col_type == StringType()


def test_overloads_have_paths_of_their_own() -> None:
    assert double("a").call_function.path == "tests.udfs.library.double#1"


def test_no_overload_lists_arguments_and_signatures() -> None:
    with pytest.raises(InvalidArgument, match=r"double\(Float\).*\(x: Int\) -> Int; \(x: String\) -> String"):
        double(1.5)


def test_constant_arguments_decide_the_return_type() -> None:
    assert zeros(3).call_result == ArrayType(shape=(3,), dtype="float32")


def test_declared_type_holds_where_an_argument_is_not_constant() -> None:
    assert zeros(column("n", IntType())).call_result == zeros.returns


def test_return_type_rule_may_return_a_form() -> None:
    @udf
    def f(n: int) -> list[int]:
        return [n]

    f.conditional_return_type(lambda n: Array[(n,), Float])  # type: ignore[misc]
    assert f(2).call_result == ArrayType(shape=(2,), dtype="float32")


def test_return_type_rule_names_parameters_of_the_function() -> None:
    with pytest.raises(InvalidArgument, match="width"):
        scale.conditional_return_type(lambda width: width)


def test_sql_rule_is_kept() -> None:
    @udf
    def f(n: int) -> int:
        return n

    @f.to_sql
    def rule(n: Any) -> Any:
        return n

    assert f.sql is rule


def test_readable_signature() -> None:
    assert scale.signature == "(x: Float, by: Float = 2.0, *, plus: Int = 0) -> Float"
    assert scale.arity == 3
