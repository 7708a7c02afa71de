"""Single rows and row batches."""

import datetime
import json
import uuid
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixeltable.api.row import Row, RowBatch
from pixeltable.exceptions import UnknownColumn, Unsupported
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import FloatType, IntType
from pixeltable.types.json_form import json_form

FAILED = CellError("ValueError", "no", attempts=3)


def batch() -> RowBatch:
    return RowBatch({"k": [1, 2], "x": [0.5, None]}, {"k": IntType(), "x": FloatType(True)}, errors={"x": {1: FAILED}})


def test_row_is_a_mapping() -> None:
    row = batch()[0]
    assert dict(row) == {"k": 1, "x": 0.5}
    assert row.get("nothing", "default") == "default"
    assert "nothing" not in row


def test_unknown_cell_is_an_unknown_column() -> None:
    with pytest.raises(UnknownColumn, match="Columns: k, x"):
        batch()[0]["zz"]


def test_row_carries_the_errors_of_its_cells() -> None:
    assert [row.errors for row in batch()] == [{}, {"x": FAILED}]


def test_rows_with_equal_arrays_are_equal() -> None:
    assert Row({"a": np.zeros(2)}) == Row({"a": np.zeros(2)})
    assert Row({"a": np.zeros(2)}) == {"a": np.zeros(2)}
    assert Row({"a": np.zeros(2)}) != Row({"a": np.ones(2)})


def test_batch_is_a_sequence_of_rows() -> None:
    assert [row["k"] for row in batch()] == [1, 2]
    assert batch()[-1] == {"k": 2, "x": None}
    assert Row({"k": 1, "x": 0.5}) in batch()


def test_slice_is_a_batch_with_its_errors() -> None:
    part = batch()[1:]
    assert isinstance(part, RowBatch)
    assert part[0].errors == {"x": FAILED}


def test_batch_gives_columns_and_schema() -> None:
    assert batch()["x"] == [0.5, None]
    assert batch().column_names == ["k", "x"]
    assert batch().schema == {"k": "Int", "x": "Float | None"}


def test_row_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        batch()[2]


def test_batches_are_equal_by_rows() -> None:
    assert batch() == batch()
    assert batch() != batch()[:1]


def test_batch_and_rows_become_json() -> None:
    assert batch().to_json() == [{"k": 1, "x": 0.5}, {"k": 2, "x": None}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), "2024-01-02T00:00:00+00:00", id="timestamp"),
        pytest.param(uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", id="uuid"),
        pytest.param(np.array([[1.0, np.nan]]), [[1.0, None]], id="array"),
        pytest.param(np.int64(3), 3, id="numpy scalar"),
        pytest.param({"a": (1, b"x")}, {"a": [1, "eA=="]}, id="nested"),
    ],
)
def test_json_form(value: Any, expected: Any) -> None:
    assert json_form(value) == expected


def test_image_becomes_a_data_url() -> None:
    assert json.dumps(json_form(Image.new("1", (1, 1)))).startswith('"data:image/png;base64,iVBOR')


def test_unknown_kind_has_no_json_form() -> None:
    with pytest.raises(Unsupported, match="type object"):
        json_form(object())
