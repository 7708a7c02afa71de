"""Types as users write them: forms in schemas, hints in signatures."""

import datetime
import enum
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import numpy as np
import numpy.typing as npt
import PIL.Image
import pydantic
import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidType
from pixeltable.types.column_type import TYPES, ImageType, IntType
from pixeltable.types.hints import type_from_form, type_from_hint


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Mixed(enum.Enum):
    A = 1
    B = "b"


class Empty(enum.Enum):
    pass


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Point(pydantic.BaseModel):
    x: int


FORMS = [
    (pxt.Int, "Int"), (pxt.Int | None, "Int | None"), (Optional[pxt.Int], "Int | None"),  # noqa: UP045
    (Union[None, pxt.Int], "Int | None"),  # noqa: UP007
    (pxt.Required[pxt.String], "String"), (pxt.Json, "Json"), (pxt.Json | None, "Json | None"), (pxt.Array, "Array"),
    (pxt.Array | None, "Array | None"), (pxt.Array[(3,), pxt.Float], "Array[(3,), float32]"),
    (pxt.Array[pxt.Int], "Array[int64]"), (pxt.Array[(2, None), np.uint8], "Array[(2, None), uint8]"),
    (pxt.Array[np.dtype(">f8")], "Array[float64]"), (pxt.Array[(), pxt.Bool] | None, "Array[(), bool] | None"),
    (pxt.Array[(3,), pxt.String], "Array[(3,), str]"), (pxt.Array["U7"], "Array[str]"), (pxt.Image, "Image"),
    (pxt.Image[(8, 4)], "Image[(8, 4)]"), (pxt.Image["RGB"], "Image['RGB']"),
    (pxt.Image[(8, 4), "L"], "Image[(8, 4), 'L']"),
    (pxt.Image["L", (8, 4)], "Image[(8, 4), 'L']"), (pxt.Image["L"] | None, "Image['L'] | None"), (pxt.Video, "Video"),
    (IntType(True), "Int | None"), (Annotated[pxt.Int, "a comment"], "Int"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text"), FORMS, ids=[text for _, text in FORMS])
def test_form(form: Any, text: str) -> None:
    assert str(type_from_form(form, column="c")) == text


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_a_form(name: str) -> None:
    assert str(type_from_form(getattr(pxt, name), column="c")) == name


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        (int, "pxt.Int"), (str, "pxt.String"), (float, "pxt.Float"), (dict, "pxt.Json"),
        (datetime.datetime, "pxt.Timestamp"),
        (int | None, "pxt.Int, pxt.String"), ([pxt.Int], "pxt.Int, pxt.String"), ({"type": 1}, "pxt.Int, pxt.String"),
        ("Int", "pxt.Int, pxt.String"), (None, "pxt.Int, pxt.String"), (Any, "pxt.Int, pxt.String"),
        (np.ndarray, "pxt.Int, pxt.String"), (object, "pxt.Int, pxt.String"), (3, "pxt.Int, pxt.String"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_schema_takes(form: Any, hint: str) -> None:
    with pytest.raises(InvalidType, match="column 'c'") as caught:
        type_from_form(form, column="c")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pxt.Array[(3,)], lambda: pxt.Array[(-1,), pxt.Int], lambda: pxt.Array[(1.5,), pxt.Int],
        lambda: pxt.Array[pxt.Json], lambda: pxt.Array["nonsense"], lambda: pxt.Array[np.complex64],
        lambda: pxt.Array[pxt.Int, pxt.Float], lambda: pxt.Image[(1, 2, 3)], lambda: pxt.Image["L", "RGB"],
        lambda: pxt.Required[int],
    ],
)  # fmt: skip
def test_what_no_form_takes(make: Any) -> None:
    with pytest.raises((TypeError, InvalidType)):
        make()


HINTS = [
    (str, "String"), (int, "Int"), (float, "Float"), (bool, "Bool"), (bytes, "Binary"),
    (datetime.datetime, "Timestamp"),
    (datetime.date, "Date"), (uuid.UUID, "UUID"), (list, "Json"), (list[int], "Json"), (tuple[int, ...], "Json"),
    (dict[str, Any], "Json"), (Sequence[str], "Json"), (Mapping[str, int], "Json"), (Movie, "Json"), (Point, "Json"),
    (Point | None, "Json | None"), (int | None, "Int | None"), (Optional[list[int]], "Json | None"),  # noqa: UP045
    (int | float, "Float"),
    (int | str, "Json"), (Literal["a", "b"], "String"), (Literal["a", None], "String | None"),
    (Literal[1, "a"], "Json"),
    (Literal[Size.SMALL], "Int"), (Size, "Int"), (Mixed, "Json"), (PIL.Image.Image, "Image"),
    (PIL.Image.Image | None, "Image | None"), (Annotated[int, "a comment"], "Int"),
    (pxt.Array[(3,), pxt.Float], "Array[(3,), float32]"),
    (pxt.Image["RGB"], "Image['RGB']"), (ImageType(), "Image"),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "text"), HINTS, ids=[str(n) for n in range(len(HINTS))])
def test_hint(hint: Any, text: str) -> None:
    assert str(type_from_hint(hint)) == text


@pytest.mark.parametrize(
    "hint",
    [
        Any,
        object,
        None,
        type(None),
        np.ndarray,
        npt.NDArray[np.int8],
        set[int],
        Empty,
        Any | None,
        int | object,
        complex,
        [int],
        "x",
    ],
    ids=str,
)
def test_what_names_no_type(hint: Any) -> None:
    assert type_from_hint(hint) is None
