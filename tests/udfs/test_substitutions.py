"""One body under several signatures, by the types that take the place of its type variables."""

from typing import TypeVar

import pytest

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.exceptions import InvalidType
from pixeltable.func import Batch
from pixeltable.types.column_type import IntType, JsonType, StringType
from pixeltable.udfs.function import LIVE
from pixeltable.udfs.registry import find
from tests.udfs.columns import column

T = TypeVar("T")


@pxt.udf(type_substitutions=({T: str}, {T: int}))
def doubled(value: T, others: list[T], maybe: T | None = None) -> T:  # noqa: ARG001  # types are what it is about
    return value + value  # type: ignore[operator, no-any-return]  # both have it


@pxt.udf(batch_size=8, type_substitutions=[{T: str}, {T: int}])
def same(values: Batch[T]) -> Batch[T]:
    return values


def test_each_substitution_is_a_signature() -> None:
    assert doubled.signatures == [
        "(value: String, others: Json[list[String]], maybe: String | None = None) -> String",
        "(value: Int, others: Json[list[Int]], maybe: Int | None = None) -> Int",
    ]
    assert same.signatures == ["(values: String) -> String", "(values: Int) -> Int"]


def test_the_arguments_choose_the_signature() -> None:
    assert doubled(column("s", StringType()), []).col_type == StringType()
    assert doubled(column("n", IntType()), []).col_type == IntType()
    with pytest.raises(RequestError, match="no signature accepts"):
        doubled(column("j", JsonType()), 1.5, [])


def test_a_stored_call_finds_its_signature_again() -> None:
    spec = doubled.overloads[1].spec
    LIVE.pop(spec.path)
    assert find(spec).returns == IntType()


def test_a_type_variable_that_nothing_takes_the_place_of_is_refused() -> None:
    with pytest.raises(InvalidType, match="names no column type"):
        pxt.udf(type_substitutions=({},))(doubled.body)


def test_it_runs(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.insert(n=2, s="ab")
    t.add_computed_column(m=doubled(t.n, [t.n]))
    assert t.select(t.m, a=doubled(t.s, []), b=same(t.n), c=same(t.s)).collect()[0] == {
        "m": 4, "a": "abab", "b": 2, "c": "ab",
    }  # fmt: skip
