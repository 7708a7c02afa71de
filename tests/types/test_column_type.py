"""How types print, what they accept of one another, what they have in common, and how they are stored."""

import json
from typing import Any, NotRequired

import pytest

import pixeltable as pxt
from pixeltable.types.column_type import (
    TYPES,
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    decode_type,
    encode_type,
)
from pixeltable.types.common import common_type
from pixeltable.types.hints import json_type_from
from pixeltable.types.json_structure import JsonFields, JsonItems, JsonKey

F32 = ArrayType(shape=(3,), dtype="float32")

PRINTED = {
    "Int": IntType(), "Int | None": IntType(True), "Array": ArrayType(), "Array[(3,), float32]": F32,
    "Array[float32]": ArrayType(dtype="float32"), "Array[(3, None)]": ArrayType(shape=(3, None)),
    "Array[(), str] | None": ArrayType(True, (), "str"), "Image": ImageType(), "Image[(8, 4)]": ImageType(size=(8, 4)),
    "Image['RGB']": ImageType(mode="RGB"), "Image[(8, 4), 'L'] | None": ImageType(True, (8, 4), "L"),
}  # fmt: skip


@pytest.mark.parametrize("text", PRINTED)
def test_text(text: str) -> None:
    assert str(PRINTED[text]) == text


@pytest.mark.parametrize("column_type", [*PRINTED.values(), *(kind(True) for kind in TYPES.values())], ids=str)
def test_survives_storage(column_type: ColumnType) -> None:
    assert decode_type(json.loads(json.dumps(encode_type(column_type)))) == column_type


def test_json_of_a_catalog_that_knew_no_schema_is_open() -> None:
    assert decode_type({"type": "Json", "nullable": True}) == JsonType(True)


def test_keys_have_no_order() -> None:
    keys = (JsonKey("a", IntType()), JsonKey("b", StringType(), required=False))
    assert JsonFields(keys) == JsonFields(keys[::-1])
    assert JsonFields(keys) != JsonFields(keys[:1])
    assert JsonFields(keys) != JsonItems(IntType())


@pytest.mark.parametrize("kind", TYPES.values())
def test_accepts_itself_nullable_or_not(kind: type[ColumnType]) -> None:
    assert kind().accepts(kind(True))
    assert kind(True).accepts(kind())
    assert kind().with_nullable(True) == kind(True)


ACCEPTS = {(FloatType, IntType)} | {(JsonType, kind) for kind in (StringType, IntType, FloatType, BoolType)}


def test_accepts_what_needs_no_conversion() -> None:
    pairs = {(wide, narrow) for wide in TYPES.values() for narrow in TYPES.values() if wide().accepts(narrow())}
    assert pairs == ACCEPTS | {(kind, kind) for kind in TYPES.values()}


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (ArrayType(), F32, True), (F32, ArrayType(), False), (ArrayType(dtype="float32"), F32, True),
        (ArrayType(dtype="float64"), F32, False), (ArrayType(shape=(None,)), F32, True),
        (ImageType(), ImageType(size=(1, 1), mode="L"), True), (ImageType(mode="L"), ImageType(), False),
        (ImageType(mode="L"), ImageType(mode="RGB"), False), (ImageType(), ArrayType(), False),
        (ArrayType(shape=(None, None)), F32, False), (F32, ArrayType(shape=(None,), dtype="float32"), False),
    ],
)  # fmt: skip
def test_arrays_and_images_accept_by_parameters(wide: ColumnType, narrow: ColumnType, expected: bool) -> None:
    assert wide.accepts(narrow) == expected


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([IntType()], "Int"), ([IntType(), IntType(True)], "Int | None"), ([IntType(), FloatType()], "Float"),
        ([FloatType(), IntType(True)], "Float | None"), ([IntType(), StringType()], "Json"),
        ([BoolType(), IntType()], "Json"),
        ([JsonType(), StringType(True)], "Json | None"), ([IntType(), DateType()], "None"),
        ([BinaryType(), StringType()], "None"),
        ([F32, F32], "Array[(3,), float32]"), ([F32, ArrayType(True)], "Array | None"),
        ([F32, ArrayType(shape=(4,), dtype="float32")], "Array[(None,), float32]"),
        ([F32, ArrayType(shape=(3,), dtype="int8")], "Array[(3,)]"),
        ([F32, ArrayType(shape=(3, 3), dtype="float32")], "Array[float32]"), ([F32, IntType()], "None"),
        ([ImageType(size=(8, 8), mode="L"), ImageType(mode="L")], "Image['L']"), ([], "None"),
    ],
)  # fmt: skip
def test_common_type(types: list[ColumnType], expected: str) -> None:
    assert str(common_type(types)) == expected
    assert str(common_type(types[::-1])) == expected


INTS, FLOATS, PAIR = [int], [float], (int, int)
POINT, OPEN_POINT = {"x": int, "y": int}, {"x": float, "y": NotRequired[float | None]}


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (FLOATS, INTS, True), (INTS, FLOATS, False), (INTS, PAIR, True), (PAIR, INTS, False), (PAIR, (int,), False),
        ([int | None], INTS, True), (INTS, [int | None], False), (OPEN_POINT, POINT, True), (POINT, OPEN_POINT, False),
        (POINT, {"x": int}, False), ({"x": int}, POINT, False), (OPEN_POINT, {"x": int}, True), (POINT, INTS, False),
        (Any, POINT, True), (POINT, Any, False), ([Any], INTS, True), (float, int, True), (float, INTS, False),
    ],
)  # fmt: skip
def test_json_accepts_by_what_is_in_it(wide: Any, narrow: Any, expected: bool) -> None:
    assert json_type_from(wide).accepts(json_type_from(narrow)) is expected


def test_json_of_a_scalar_accepts_the_scalar() -> None:
    assert json_type_from(float).accepts(IntType())
    assert not json_type_from(int).accepts(StringType())
    assert not json_type_from([int]).accepts(IntType())
    assert not IntType().accepts(json_type_from(int))


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([INTS, FLOATS], "Json[list[Float]]"), ([INTS, [str]], "Json[list[Json]]"), ([PAIR, INTS], "Json[list[Int]]"),
        ([PAIR, (int, float)], "Json[(Int, Float)]"), ([PAIR, (str,)], "Json[list[Json]]"), ([(), ()], "Json[()]"),
        ([(), INTS], "Json[list[Int]]"), ([INTS, POINT], "Json"), ([INTS, Any], "Json"), ([int, float], "Json[Float]"),
        ([int, str], "Json"), ([int | None, [int]], "Json | None"),
        ([POINT, {"x": float, "z": str}],
         "Json[{'x': Float, 'y': NotRequired[Int], 'z': NotRequired[String]}]"),
        ([{"a": {"b": int}}, {"a": {"c": int}}],
         "Json[{'a': {'b': NotRequired[Int], 'c': NotRequired[Int]}}]"),
    ],
)  # fmt: skip
def test_what_json_types_have_in_common(items: list[Any], expected: str) -> None:
    types = [json_type_from(item) for item in items]
    assert str(common_type(types)) == expected
    assert common_type(types[::-1]) == common_type(types)


TREE = {
    "a": [{"b": int, "c": NotRequired[pxt.Json[[{"d": str}]]]}],
    "t": ({"x": int}, {"x": float}),
    "u": ({"x": int}, {"x": int}),
}


@pytest.mark.parametrize(
    ("steps", "full", "expected"),
    [
        (["a"], ["a"], "Json[list[{'b': Int, 'c': NotRequired[list[{'d': String}]]}]] | None"),
        (["a", 0], ["a", 0], "Json[{'b': Int, 'c': NotRequired[list[{'d': String}]]}] | None"),
        (["a", 0, "b"], ["a", 0, "b"], "Int | None"), (["a", -1, "c", 0, "d"], ["a", -1, "c", 0, "d"], "String | None"),
        (["a", "b"], ["a", "*", "b"], "Json[list[Int]] | None"),
        (["a", "*", "b"], ["a", "*", "b"], "Json[list[Int]] | None"),
        (["a", "c", 0], ["a", "*", "c", 0], "Json[list[Json[{'d': String}] | None]] | None"),
        (["a", "c", "d"], ["a", "*", "c", "*", "d"], "Json[list[Json[list[String]] | None]] | None"),
        (["a", slice(1, 3), "b"], ["a", slice(1, 3), "*", "b"], "Json[list[Int]] | None"),
        (["t", 1, "x"], ["t", 1, "x"], "Float | None"),
        (["t", slice(0, 1)], ["t", slice(0, 1)], "Json[({'x': Int},)] | None"),
        (["t", "x"], ["t", "*", "x"], "Json[list[Json | None]] | None"),
        (["u", "x"], ["u", "*", "x"], "Json[list[Int]] | None"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_path_leads_to(steps: list[Any], full: list[Any], expected: str) -> None:
    json_type = json_type_from(TREE)
    assert json_type.follow(steps)[1] == tuple(full)
    assert str(json_type.at(*steps)) == expected


def test_a_path_into_open_json_is_open() -> None:
    assert JsonType().follow(["a", "*", 0]) == (JsonType(True), ("a", "*", 0))
