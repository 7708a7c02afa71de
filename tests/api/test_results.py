"""Reading, comparing and showing a ResultSet; conversions have files of their own."""

from typing import Any

import numpy as np
import pytest

from pixeltable.api.results import ResultSet
from pixeltable.exceptions import NotFoundError, RequestError, UnknownColumn
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import ArrayType, FloatType, IntType, JsonType, StringType

FAILED = CellError("ZeroDivisionError", "division by zero")


def people() -> ResultSet:
    return ResultSet(
        {"name": ["Ada", "Bo", "Cy"], "age": [36, None, 5]},
        {"name": StringType(), "age": IntType(nullable=True)},
        errors={"age": {1: FAILED}},
    )


def floats(*values: float | None) -> ResultSet:
    return ResultSet({"x": list(values)}, {"x": FloatType(nullable=True)})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(0, {"name": "Ada", "age": 36}, id="row"),
        pytest.param(-1, {"name": "Cy", "age": 5}, id="row from the end"),
        pytest.param(np.int64(1), {"name": "Bo", "age": None}, id="numpy row"),
        pytest.param("age", [36, None, 5], id="column"),
        pytest.param((2, "name"), "Cy", id="cell by name"),
        pytest.param((-1, 1), 5, id="cell by number"),
    ],
)
def test_key_selects(key: Any, expected: Any) -> None:
    assert people()[key] == expected


def test_slice_is_a_result_with_the_errors_of_its_rows() -> None:
    part = people()[1:]
    assert list(part) == [{"name": "Bo", "age": None}, {"name": "Cy", "age": 5}]
    assert part.errors == {"age": {0: FAILED}}


def test_reversed_slice_moves_errors_along() -> None:
    assert people()[::-1][:2].errors == {"age": {1: FAILED}}


@pytest.mark.parametrize("key", [3, -4, (3, "name"), (0, 2), (0, -3)], ids=repr)
def test_number_out_of_range_is_an_index_error(key: Any) -> None:
    with pytest.raises(IndexError, match="out of range"):
        people()[key]


@pytest.mark.parametrize("key", ["nmae", (0, "nmae")], ids=repr)
@pytest.mark.parametrize("error", [UnknownColumn, NotFoundError, KeyError])
def test_unknown_column_is_a_key_error_with_a_suggestion(key: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^the result has no column 'nmae'\. Did you mean 'name'\?$"):
        people()[key]


@pytest.mark.parametrize("key", [1.5, None, (0, 1, 2), (slice(None), "age"), (0, 1.5)], ids=repr)
def test_other_keys_are_refused(key: Any) -> None:
    with pytest.raises(RequestError):
        people()[key]


def test_changing_a_column_that_was_read_leaves_the_result_alone() -> None:
    result = people()
    result["name"].clear()
    assert result[0, "name"] == "Ada"


def test_length_counts_rows() -> None:
    assert (len(people()), len(people()[:0])) == (3, 0)


def test_schema_gives_type_names() -> None:
    assert people().schema == {"name": "String", "age": "Int | None"}


def test_nan_equals_nan() -> None:
    assert floats(1.0, float("nan"), None) == floats(1.0, float("nan"), None)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        pytest.param(np.array([1.0, np.nan]), np.array([1.0, np.nan]), True, id="same elements"),
        pytest.param(np.array([1.0, 2.0]), np.array([1.0, 3.0]), False, id="other elements"),
        pytest.param(np.zeros((2, 1)), np.zeros((1, 2)), False, id="other shape"),
        pytest.param(np.array(["a"]), np.array(["a"]), True, id="strings"),
        pytest.param(np.zeros(1), None, False, id="null"),
    ],
)
def test_arrays_are_compared_by_elements(a: Any, b: Any, equal: bool) -> None:
    types = {"a": ArrayType(nullable=True)}
    assert (ResultSet({"a": [a]}, types) == ResultSet({"a": [b]}, types)) is equal


def test_arrays_and_nan_within_json_are_compared_too() -> None:
    def result() -> ResultSet:
        return ResultSet({"j": [{"k": [np.zeros(2), float("nan")]}]}, {"j": JsonType()})

    assert result() == result()


@pytest.mark.parametrize("other", [floats(1.0), floats(1.0, 3.0), people(), [{"x": 1.0}, {"x": 2.0}]])
def test_other_values_names_and_kinds_are_not_equal(other: object) -> None:
    assert floats(1.0, 2.0) != other


def test_text_shows_rows_extent_and_failures() -> None:
    assert repr(people()).splitlines() == [
        "   name   age",
        "0  Ada     36",
        "1  Bo    None",
        "2  Cy       5",
        "",
        "[3 rows x 2 columns, 1 failed cell]",
    ]


def test_long_result_shows_both_ends() -> None:
    lines = repr(floats(*map(float, range(1000)))).splitlines()
    numbers = [line.split()[0] for line in lines[1:-2]]
    assert numbers == [*map(str, range(30)), "...", *map(str, range(970, 1000))]
    assert lines[-1] == "[1000 rows x 1 column]"


def test_wide_result_shows_its_outer_columns() -> None:
    names = [f"column_{i}" for i in range(40)]
    lines = repr(ResultSet({n: [1] for n in names}, {n: IntType() for n in names})).splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0].split()[0] == "column_0"
    assert lines[0].split()[-1] == "column_39"


def test_html_is_escaped() -> None:
    shown = ResultSet({"<b>": ["<script>"]}, {"<b>": StringType()})._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "&lt;b&gt;" in shown


def test_long_result_is_cut_in_html() -> None:
    shown = floats(*map(float, range(1000)))._repr_html_()
    assert shown.count("<tr>") == 1 + 60 + 1
    assert "1000 rows x 1 column" in shown
