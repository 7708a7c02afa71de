from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixeltable.api.cell_text import CELL_CHARACTERS, cell_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(True, "True", id="bool"),
        pytest.param(10**15 / 4, "250000000000000.0", id="large float in full"),
        pytest.param(-1.5e-7, "-1.5e-07", id="tiny float"),
        pytest.param(float("inf"), "inf", id="infinity"),
        pytest.param("a\tb", "a\\tb", id="tab"),
        pytest.param(np.array([1, 2]), "[1, 2]", id="short vector"),
        pytest.param(np.zeros(1024, dtype="float32"), "array(1024, float32)", id="long vector"),
        pytest.param(b"\x00" * 600, r"b'\x00\x00\x00\x00\x00\x00\x00\x00'... (600 bytes)", id="bytes"),
        pytest.param(Image.new("L", (4, 3)), "<Image 4x3 L>", id="image"),
    ],
)
def test_value_is_shown_as(value: Any, expected: str) -> None:
    assert cell_text(value) == expected


@pytest.mark.parametrize(
    "value", ["x" * 1000, "\n" * 1000, list(range(1000)), {"k": "v" * 100}], ids=["s", "nl", "l", "d"]
)
def test_long_value_is_cut(value: Any) -> None:
    text = cell_text(value)
    assert len(text) == CELL_CHARACTERS
    assert text.endswith("...")


def test_longest_text_is_not_cut() -> None:
    assert cell_text("x" * CELL_CHARACTERS) == "x" * CELL_CHARACTERS
