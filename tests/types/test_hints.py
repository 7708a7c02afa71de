"""Types as users write them: forms in schemas, hints in signatures."""

import datetime
import enum
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Optional, Required, TypedDict, Union

import numpy as np
import numpy.typing as npt
import PIL.Image
import pydantic
import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidType, PixeltableDeprecationWarning
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


class Sparse(TypedDict, total=False):
    a: "str"
    b: Required[int]


class Shape(pydantic.BaseModel):
    name: str
    center: Point
    tags: list[str] = []
    note: str = None  # type: ignore[assignment]  # as programs have it

    @pydantic.computed_field  # type: ignore[prop-decorator]  # documented so
    @property
    def area(self) -> float:
        return 1.5


class Tree(pydantic.BaseModel):
    kids: "list[Tree]"


class Names(pydantic.RootModel[list[str]]):
    pass


class Open(pydantic.BaseModel, extra="allow"):
    x: int


class Rewritten(pydantic.BaseModel, serialize_by_alias=True):
    id: int = pydantic.Field(serialization_alias="ID")
    day: datetime.date
    size: int
    mass: Annotated[int, pydantic.PlainSerializer(str)]
    secret: str = pydantic.Field(exclude=True)

    @pydantic.field_serializer("size")
    def _size(self, size: int) -> str:
        return f"{size} m"


class Summed(pydantic.BaseModel):
    x: int

    @pydantic.model_serializer
    def _sum(self) -> int:
        return self.x


class Unresolved(TypedDict):
    a: "NoSuchName"  # type: ignore[name-defined]  # noqa: F821  # the point


FORMS = [
    (pxt.Int, "Int"), (pxt.Int | None, "Int | None"), (Optional[pxt.Int], "Int | None"),  # noqa: UP045
    (Union[None, pxt.Int], "Int | None"),  # noqa: UP007
    (pxt.Json, "Json"), (pxt.Json | None, "Json | None"), (pxt.Array, "Array"),
    (pxt.Array | None, "Array | None"), (pxt.Array[(3,), pxt.Float], "Array[(3,), float32]"),
    (pxt.Array[pxt.Int], "Array[int64]"), (pxt.Array[(2, None), np.uint8], "Array[(2, None), uint8]"),
    (pxt.Array[np.dtype(">f8")], "Array[float64]"), (pxt.Array[(), pxt.Bool] | None, "Array[(), bool] | None"),
    (pxt.Array[(3,), pxt.String], "Array[(3,), str]"), (pxt.Array[(3, None)], "Array[(3, None)]"),
    (pxt.Array[()], "Array[()]"), (pxt.Array[pxt.Float, (2,)], "Array[(2,), float32]"),
    (pxt.Array[np.float16], "Array[float16]"), (pxt.Int | pxt.Float, "Float"),
    (pxt.Array["U7"], "Array[str]"), (pxt.Image, "Image"),
    (pxt.Image[(8, 4)], "Image[(8, 4)]"), (pxt.Image["RGB"], "Image['RGB']"),
    (pxt.Image[(8, 4), "L"], "Image[(8, 4), 'L']"),
    (pxt.Image["L", (8, 4)], "Image[(8, 4), 'L']"), (pxt.Image["L"] | None, "Image['L'] | None"), (pxt.Video, "Video"),
    (IntType(True), "Int | None"), (Annotated[pxt.Int, "a comment"], "Int"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text"), FORMS, ids=[text for _, text in FORMS])
def test_form(form: Any, text: str) -> None:
    assert str(type_from_form(form, subject="column 'c'")) == text


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_a_form(name: str) -> None:
    assert str(type_from_form(getattr(pxt, name), subject="column 'c'")) == name


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        (int, "pxt.Int"), (str, "pxt.String"), (float, "pxt.Float"), (dict, "pxt.Json"),
        (datetime.datetime, "pxt.Timestamp"),
        (int | None, "`pxt.Int | None`"), (Optional[bytes], "`pxt.Binary | None`"),  # noqa: UP045
        (bytearray, "pxt.Binary"), (list[int], "pxt.Json[list[int]]"), (Movie, "pxt.Json[Movie]"),
        (Point | None, "pxt.Json[Point] | None"), (dict[str, int], "pxt.Json"), (PIL.Image.Image, "pxt.Image"),
        (np.float32, "pxt.Float"), (np.uint8, "pxt.Int"), (Size, "pxt.Int"), (Literal["a"], "pxt.String"),
        ([pxt.Int], "pxt.Int, pxt.String"), ({"type": 1}, "pxt.Int, pxt.String"), (set, "pxt.Int, pxt.String"),
        (pxt.Int | int, "pxt.Int, pxt.String"),
        ("Int", "pxt.Int, pxt.String"), (None, "pxt.Int, pxt.String"), (Any, "pxt.Int, pxt.String"),
        (np.ndarray, "pxt.Array[shape, dtype]"), (npt.NDArray[np.int8], "pxt.Array[shape, dtype]"),
        (object, "pxt.Int, pxt.String"), (3, "pxt.Int, pxt.String"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_schema_takes(form: Any, hint: str) -> None:
    with pytest.raises(InvalidType, match="column 'c'") as caught:
        type_from_form(form, subject="column 'c'")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pxt.Array[3], lambda: pxt.Array[(-1,)], lambda: pxt.Array[(-1,), pxt.Int],
        lambda: pxt.Array[(1.5,), pxt.Int], lambda: pxt.Array[()][pxt.Int],
        lambda: pxt.Array[pxt.Json], lambda: pxt.Array["nonsense"], lambda: pxt.Array[np.complex64],
        lambda: pxt.Array[pxt.Int, pxt.Float], lambda: pxt.Image[(1, 2, 3)], lambda: pxt.Image["L", "RGB"],
        lambda: pxt.Required[int],
    ],
)  # fmt: skip
def test_what_no_form_takes(make: Any) -> None:
    with pytest.raises((TypeError, InvalidType)):
        make()


def test_required_is_deprecated() -> None:
    with pytest.warns(PixeltableDeprecationWarning, match="older way to write T"):
        form = pxt.Required[pxt.String]
    assert str(type_from_form(form, subject="column 'c'")) == "String"


WRITTEN = [
    (pxt.String, "Json[String]"), (int, "Json[Int]"), (int | None, "Json[Int] | None"), (pxt.Json, "Json"),
    (Any, "Json"), (dict, "Json"), (dict[str, int], "Json"), (list, "Json"),
    ([pxt.Int], "Json[list[Int]]"), (list[int], "Json[list[Int]]"), ([(int, str)], "Json[list[Json[(Int, String)]]]"),
    (list[(int, str)], "Json[list[Json[(Int, String)]]]"), ((int, str | None), "Json[(Int, String | None)]"),
    ((int,), "Json[(Int,)]"), ((), "Json[()]"), ((int, ...), "Json[list[Int]]"), (tuple[int, ...], "Json[list[Int]]"),
    ({"a": int, "b": pxt.String | None}, "Json[{'a': Int, 'b': String | None}]"), ({}, "Json[{}]"),
    ({"a": {"b": [float]}}, "Json[{'a': {'b': list[Float]}}]"), ({"it's": NotRequired[bool]}, None),
    ({"a": pxt.Json[{"b": int}] | None}, "Json[{'a': Json[{'b': Int}] | None}]"),
    ({"a": pxt.Json, "b": Any}, "Json[{'a': Json, 'b': Json | None}]"),
    (Movie, "Json[{'title': String, 'year': NotRequired[Int]}]"),
    ([Point], "Json[list[{'x': Int}]]"), (Point | None, "Json[{'x': Int}] | None"),
    (list[int] | None, "Json[list[Int]] | None"), (Literal["a", "b"], "Json[String]"), (Size, "Json[Int]"),
    (int | str, "Json"), (IntType(), "Json[Int]"), (pxt.Json[pxt.Json[list[int]]], "Json[list[Int]]"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "text"), WRITTEN, ids=[str(n) for n in range(len(WRITTEN))])
def test_typed_json(item: Any, text: str | None) -> None:
    found = str(type_from_form(pxt.Json[item], subject="column 'c'"))
    assert found == (text or 'Json[{"it\'s": NotRequired[Bool]}]')


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (bytes, "JSON has no `bytes`"), (pxt.Timestamp, "JSON has no `pxt.Timestamp`"), ([int, str], "JSON has no"),
        ({"type": "object"}, "JSON has no `'object'`"), ({1: int}, "the key 1 of an object is not a string"),
        ({"a": [{int}]}, "JSON has no `{<class 'int'>}`"), (None, "JSON has no `None`"), (3, "JSON has no `3`"),
        ((int, datetime.date), "JSON has no `date`"), (pxt.Array[np.int8], r"JSON has no `pxt.Array\[int8\]`"),
    ],
    ids=str,
)  # fmt: skip
def test_what_json_does_not_have(item: Any, message: str) -> None:
    with pytest.raises(InvalidType, match=message):
        pxt.Json[item]


HINTS = [
    (str, "String"), (int, "Int"), (float, "Float"), (bool, "Bool"), (bytes, "Binary"),
    (datetime.datetime, "Timestamp"),
    (datetime.date, "Date"), (uuid.UUID, "UUID"), (list, "Json"), (list[int], "Json[list[Int]]"),
    (tuple[int, ...], "Json[list[Int]]"), (tuple[int, str], "Json[(Int, String)]"),
    (tuple, "Json"), (list[Any], "Json[list[Json | None]]"), (list[datetime.date], "Json[list[Json | None]]"),
    (list[int | str | None], "Json[list[Json | None]]"), (list[Size], "Json[list[Int]]"),
    (list[list], "Json[list[Json]]"),
    (dict[str, Any], "Json"), (Sequence[str], "Json[list[String]]"), (Mapping[str, int], "Json"),
    (Movie, "Json[{'title': String, 'year': NotRequired[Int]}]"), (Point, "Json[{'x': Int}]"),
    (Point | None, "Json[{'x': Int}] | None"), (Sparse, "Json[{'a': NotRequired[String], 'b': Int}]"),
    (Shape, "Json[{'name': String, 'center': {'x': Int}, 'tags': NotRequired[list[String]], "
    "'note': NotRequired[String | None], 'area': NotRequired[Float]}]"),
    (Tree, "Json[{'kids': list[Json]}]"), (Names, "Json[list[String]]"), (Open, "Json"), (Summed, "Json"),
    (Rewritten, "Json[{'ID': Int, 'day': Json | None, 'size': Json | None, 'mass': Json | None, "
    "'secret': NotRequired[String]}]"),
    (Unresolved, "Json"),
    (list[Movie], "Json[list[{'title': String, 'year': NotRequired[Int]}]]"),
    (list[pxt.Json[(pxt.Int,)]], "Json[list[Json[(Int,)]]]"), (list[pxt.Json[int]], "Json[list[Int]]"),
    (list[int] | list[float] | None, "Json[list[Float]] | None"),
    (int | None, "Int | None"), (Optional[list[int]], "Json[list[Int]] | None"),  # noqa: UP045
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
