"""What nodes mean in Python where SQL is not there to compare with: Json, arrays, conversion, errors of cells."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pixeltable.exceptions import Unsupported
from pixeltable.exec.batch import Batch, Column, Failure, failure_of
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import as_expr
from pixeltable.types.column_type import (
    ArrayType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
)
from tests.exec.columns import column, context, evaluated

NEW_YORK = ZoneInfo("America/New_York")
J, K = column("j", JsonType(True)), column("k", JsonType(True))
I, X, S = column("i", IntType(True)), column("x", FloatType(True)), column("s", StringType(True))  # noqa: E741
A = column("a", ArrayType(True, (2, 3), "float32"))
T, U = column("t", TimestampType()), column("u", TimestampType())


def values(expr: Expr, **columns: list[Any]) -> list[Any]:
    found = evaluated(expr, columns, context(zone=NEW_YORK))
    failed = {row: failure.error.type for row, failure in found.failures.items()}
    return [failed.get(row, value) for row, value in enumerate(found.values)]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (J.a, [1, None, None, None, None]), (J.a.b, [None] * 5), (J[0], [None, "x", None, None, None]),
        (J[-1], [None, "y", None, None, None]), (J[2], [None] * 5), (J[-3], [None] * 5),
        (J == "xy", [False, False, True, False, None]),
        (J == {"a": 1}, [True, False, False, False, None]), (J == ("x", "y"), [False, True, False, False, None]),
        (J != 5, [True, True, True, False, None]), (J > 4, [None, None, None, True, None]),
        (J.isin(["xy", 5, ["x", "y"]]), [False, True, True, True, None]),
        (J == None, [False, False, False, False, True]),  # noqa: E711
    ],
    ids=str,
)  # fmt: skip
def test_json(expr: Expr, expected: list[Any]) -> None:
    assert values(expr, j=[{"a": 1}, ["x", "y"], "xy", 5, None]) == expected


def test_json_true_is_not_one() -> None:
    assert values(J == 1, j=[1, 1.0, True]) == [True, True, False]
    assert values(J.isin([1]), j=[1, 1.0, True]) == [True, True, False]
    assert values(J.isin([True]), j=[1, True, "True"]) == [False, True, False]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (J + K, [3, "TypeError", None]), (J * 2, [2, "aa", None]), (J / 0, [None, None, None]),
        (-J, [-1, "TypeError", None]),
        (J // 2, [0, "TypeError", None]), (J**2, [1, "TypeError", None]),
    ],
    ids=str,
)  # fmt: skip
def test_arithmetic_of_json(expr: Expr, expected: list[Any]) -> None:
    columns = {"j": [1, "a", None], "k": [2, 1, 3]}
    assert values(expr, **columns) == expected


def test_json_built_from_expressions() -> None:
    assert values(as_expr([I, {"k": S, "n": None}]), i=[1, None], s=["a", None]) == [
        [1, {"k": "a", "n": None}], [None, {"k": None, "n": None}],
    ]  # fmt: skip
    assert values(as_expr({"a": (I, [])}), i=[1]) == [{"a": [1, []]}]


ARRAY = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [(A[1, 2], 5.0), (A[0], [0, 1, 2]), (A[:, 1:][0], [1, 2]), (A[:, ::-1], [[2, 1, 0], [5, 4, 3]]),
    (A[-2, 0], 0.0)],
    ids=str,
)  # fmt: skip
def test_array_items(expr: Expr, expected: Any) -> None:
    found, missing = values(expr, a=[ARRAY, None])
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected
    assert missing is None


@pytest.mark.parametrize(
    ("expr", "given", "expected"),
    [
        (I.astype(FloatType()), 1, 1.0), (I.astype(StringType()), 1, "ValueError"),
        (S.astype(DateType()), "2024-01-31", datetime.date(2024, 1, 31)),
        (S.astype(TimestampType()), "2024-01-31T12:00", datetime.datetime(2024, 1, 31, 12, tzinfo=NEW_YORK)),
        (S.astype(DateType()), "soon", "ValueError"), (J.astype(IntType()), 1.5, "ValueError"),
        (J.astype(IntType()), 2, 2),
        (J.astype(ArrayType(shape=(2,), dtype="int64")), [1, 2, 3], "ValueError"),
    ],
    ids=str,
)  # fmt: skip
def test_conversion(expr: Expr, given: Any, expected: Any) -> None:
    (name,) = (node.ref_name for node in nodes_in(expr) if hasattr(type(node), "ref_type"))
    assert values(expr, **{name: [given, None]}) == [expected, None]


def test_conversion_to_media_is_not_supported_yet() -> None:
    with pytest.raises(Unsupported):
        values(S.astype(ImageType()), s=["x.png"])


def clock(minute: int, fold: int) -> datetime.datetime:
    return datetime.datetime(2024, 11, 3, 1, minute, fold=fold, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [(T < U, [True, True, False]), (T == U, [False, False, True]), (T != U, [True, True, False]),
    (T >= U, [False, False, True])],
    ids=str,
)  # fmt: skip
def test_instants_in_the_hour_that_comes_twice(expr: Expr, expected: list[bool]) -> None:
    before, after = [clock(30, 0), clock(10, 0), clock(30, 1)], [clock(10, 1), clock(10, 1), clock(30, 1)]
    assert values(expr, t=before, u=after) == expected


def test_isin_of_instants() -> None:
    times = [clock(30, 0), clock(30, 1), clock(30, 1).astimezone(datetime.UTC)]
    assert values(T.isin([clock(30, 1)]), t=times) == [False, True, True]


def test_isin_finds_no_nan() -> None:
    nan = float("nan")
    assert values(X.isin([nan, 1]), x=[nan, 1.0, None]) == [False, True, None]


def test_floor_division_and_modulo_of_floats() -> None:
    assert values(X // 2, x=[-7.0, 7.5, None]) == [-4.0, 3.0, None]
    assert values(X % -3, x=[7.0, -7.0, None]) == [-2.0, -1.0, None]
    assert values(X % 0, x=[7.0]) == [None]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (I**2, [4, 9, None]), (I**-1, [0.5, -1 / 3, None]), (I**0.5, [2**0.5, None, None]),
        (I**I, [4.0, (-3.0) ** -3, None]),
        (I**10**9, ["OverflowError", "OverflowError", None]), (1.0 * I**5000, ["OverflowError", "OverflowError", None]),
    ],
    ids=["square", "inverse", "root", "self", "huge", "no float"],
)  # fmt: skip
def test_power(expr: Expr, expected: list[Any]) -> None:
    assert values(expr, i=[2, -3, None]) == expected


def test_power_of_zero_and_one() -> None:
    assert values(I**-1, i=[0]) == [None]
    assert values(I**10**9, i=[0, 1, -1]) == [0, 1, 1]


def test_a_power_beyond_floats_fails_its_cell_alone() -> None:
    assert values(I ** column("k", IntType()), i=[10, 10], k=[2, 400]) == [100.0, "OverflowError"]


def test_repetition() -> None:
    assert values(S * I, s=["ab", "ab", "ab", None], i=[2, -1, None, 1]) == ["abab", "", None, None]


def test_a_column_that_is_not_there_can_only_be_read_from_a_table() -> None:
    with pytest.raises(Unsupported, match="can only be read from a table"):
        values(I + X, i=[1])


def test_the_first_failure_of_a_row_counts() -> None:
    found = evaluated(as_expr([J + 1, -K]), {"j": ["a", 1], "k": ["b", 2]}, context())
    assert found.values == [None, [2, -2]]
    assert found.failures[0].inputs == "'a', 1"


def test_taking_rows_takes_their_failures() -> None:
    batch = Batch(3)
    failure: Failure = failure_of(ValueError("bad"))
    batch.put(I, Column([1, None, 3], {1: failure}))
    taken = batch.take([2, 1])
    assert taken.get(I) == Column([3, None], {1: failure})
    assert taken.get(X) is None
