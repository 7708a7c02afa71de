"""What is larger than the database holds is refused before anything is sent, naming the cell."""

import datetime

import numpy as np
import pytest

from pixeltable.types import conform as rules
from pixeltable.types.column_type import ArrayType, BinaryType, ColumnType, StringType
from pixeltable.types.conform import CellRejected, conform, json_texts

TOO_LARGE = [
    (StringType(True), "é" * 51),
    (BinaryType(True), b"x" * 101),
    (ArrayType(True), np.zeros(26, "f4")),
]


@pytest.mark.parametrize(("column_type", "value"), TOO_LARGE, ids=["string", "binary", "array"])
def test_cells(monkeypatch: pytest.MonkeyPatch, column_type: ColumnType, value: object) -> None:
    monkeypatch.setattr(rules, "MOST_BYTES", 100)
    assert conform(column_type, [None, value[:25]], zone=datetime.UTC)[0] is None  # type: ignore[index]
    with pytest.raises(
        CellRejected, match=r"value 1: has 10\d bytes, and a cell of its type holds 100; keep it in a file"
    ):
        conform(column_type, [None, value], zone=datetime.UTC)


@pytest.mark.parametrize("value", ["x" * 99, ["x" * 97], {"a": "b" * 93}], ids=["text", "list", "dict"])
def test_json(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    monkeypatch.setattr(rules, "MOST_JSON_BYTES", 100)
    assert json_texts([None, "y" * 50, "z" * 50])[0] is None
    with pytest.raises(CellRejected, match="value 1: has 101 bytes"):
        json_texts([None, value])
