"""What holds of all types: storing, printing, accepting, having something in common, conforming."""

import datetime
import json
import pickle
from typing import Any, NotRequired

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exceptions import InvalidExpression
from pixeltable.types.column_type import ColumnType, JsonType, MediaType, decode_type, encode_type
from pixeltable.types.common import common_type
from pixeltable.types.conform import CellRejected, conform
from pixeltable.types.hints import type_from_form
from pixeltable.types.json_structure import accepts_part
from tests.types.generated import KEYS, column_types, json_types, values_of

NAMES = (
    {name: getattr(np, name) for name in ("int8", "uint64", "float16", "float32", "float64")}
    | {name: getattr(pxt, name) for name in pxt.__all__ if name[0].isupper()}
    | {"NotRequired": NotRequired}
)


@given(column_types)
def test_a_type_survives_storage(column_type: ColumnType) -> None:
    assert decode_type(json.loads(json.dumps(encode_type(column_type)))) == column_type


@given(column_types)
def test_the_text_of_a_type_is_how_it_is_written(column_type: ColumnType) -> None:
    assert type_from_form(eval(str(column_type), NAMES.copy()), subject="c") == column_type


@given(column_types)
def test_a_type_reaches_another_process(column_type: ColumnType) -> None:
    assert pickle.loads(pickle.dumps(column_type)) == column_type


@given(column_types)
def test_equal_types_have_equal_hashes(column_type: ColumnType) -> None:
    assert hash(decode_type(encode_type(column_type))) == hash(column_type)


@given(column_types)
def test_a_type_accepts_itself(column_type: ColumnType) -> None:
    assert column_type.accepts(column_type)


@given(column_types, column_types)
def test_types_that_accept_one_another_are_the_same_but_for_null(a: ColumnType, b: ColumnType) -> None:
    if a.accepts(b) and b.accepts(a):
        assert a.matches(b)


@given(json_types, json_types, json_types)
def test_accepting_is_transitive(a: ColumnType, b: ColumnType, c: ColumnType) -> None:
    # Three types at random rarely accept one another, so the wider ones are made of the narrower.
    wide = common_type([a, b])
    assert wide is not None
    wider = common_type([wide, c])
    assert wider is not None
    assert wider.accepts(wide)
    assert wider.accepts(a)


@given(st.lists(column_types, min_size=1, max_size=3))
def test_the_common_type_accepts_all(types: list[ColumnType]) -> None:
    common = common_type(types)
    if common is not None:
        assert all(accepts_part(common, each) for each in types)


@given(st.lists(json_types, min_size=2, max_size=3))
def test_the_common_type_depends_on_no_order(types: list[ColumnType]) -> None:
    assert common_type(types) == common_type(types[::-1])


def only(column_type: ColumnType, value: Any) -> Any:
    (found,) = conform(column_type, [value], zone=datetime.UTC)
    return found


@given(st.data())
def test_conforming_again_changes_nothing(data: st.DataObject) -> None:
    column_type = data.draw(column_types.filter(lambda kind: not isinstance(kind, MediaType)))
    once = only(column_type, data.draw(values_of(column_type)))
    again = only(column_type, once)
    assert repr(again) == repr(once)  # 1 and 1.0 differ, NaN and arrays are the same as themselves


@given(st.data())
def test_a_value_of_an_accepted_type_conforms(data: st.DataObject) -> None:
    narrow, other = data.draw(json_types), data.draw(json_types)
    wide = common_type([narrow, other])
    assert wide is not None
    value = only(narrow, data.draw(values_of(narrow)))
    try:
        only(wide, value)
    except CellRejected as error:
        assert "not exact as a Float" in error.reason  # noqa: PT017  # an Int that no Float is


@given(st.data())
def test_a_path_yields_its_type(data: st.DataObject) -> None:
    column_type = data.draw(json_types)
    steps = data.draw(st.lists(st.sampled_from([*KEYS[:3], 0, 1, -1]), min_size=1, max_size=3))
    try:
        found, full = column_type.follow(steps)
    except InvalidExpression:
        assume(False)
    assert isinstance(column_type, JsonType)
    value = walk([only(column_type, data.draw(values_of(column_type)))], list(full))[0]
    kept = only(column_type.at(*steps), value)
    assert repr(kept) == repr(value)
    assert found.with_nullable(True) == column_type.at(*steps)


def walk(values: list[Any], steps: list[Any]) -> list[Any]:
    """What a path yields, in the words of its definition."""
    for number, step in enumerate(steps):
        if step == "*":
            return [walk(value, steps[number + 1 :]) if isinstance(value, list) else None for value in values]
        if isinstance(step, str):
            values = [value.get(step) if isinstance(value, dict) else None for value in values]
        else:
            values = [
                value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
                for value in values
            ]
    return values
