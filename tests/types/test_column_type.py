"""How types print, what they accept of one another, what they have in common, and how they are stored."""

import json

import pytest

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
