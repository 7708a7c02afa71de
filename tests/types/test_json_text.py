"""JSON text, and what it refuses."""

import collections
import datetime
import enum
import json
import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.types.conform import CellRejected, json_texts
from pixeltable.types.json_text import json_text


class Level(enum.IntEnum):
    LOW = 1


class Mood(enum.Enum):
    GOOD = "good"


class Point(pydantic.BaseModel):
    x: Any
    names: dict[Any, Any] = {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (1, "1"), (1.0, "1.0"), (-0.0, "-0.0"),
        ("é\n\U0001f600", '"é\\n\U0001f600"'), ("", '""'),
        ((1, (2,)), "[1,[2]]"), ({"a": {"b": []}}, '{"a":{"b":[]}}'), ({"": None}, '{"":null}'), (2**70, str(2**70)),
        ([np.int64(1), np.float32(0.5), np.bool_(True)], "[1,0.5,true]"), (np.array([[1, 2]]), "[[1,2]]"),
        ([Level.LOW, Mood.GOOD, Path("a/b")], '[1,"good","a/b"]'), (Point(x=(1, "a")), '{"x":[1,"a"],"names":{}}'),
        (collections.OrderedDict(b=1, a=2), '{"b":1,"a":2}'), ('a"b\\u0000', '"a\\"b\\\\u0000"'),
        ("\x01\x7f\u2028", None),
    ],
    ids=ascii,
)  # fmt: skip
def test_text(value: Any, text: str | None) -> None:
    assert json_text(value) == (json.dumps(value, ensure_ascii=False) if text is None else text)


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "Out of range float"), ([math.inf], "Out of range float"),
        ({"a": [-math.inf]}, "Out of range float"),
        (np.array([math.nan]), "Out of range float"), ("a\0", "NUL"), (["\0"], "NUL"), ({"\0": 1}, "NUL"),
        (Point(x="\0"), "NUL"), (collections.OrderedDict(a="\0"), "NUL"), (np.array(["a\0b"]), "NUL"),
        ("\ud800", "surrogates not allowed"), ({"k": ["\udfff"]}, "surrogates not allowed"),
        ({1: 2}, "key 1 is not a string"), ([{None: 2}], "key None is not a string"), ({"a": ({True: 1},)}, "key True"),
        (collections.OrderedDict({1: "a"}), "key 1"), ([collections.defaultdict(int, {2: 1})], "key 2"),
        (Point(x=1, names={1: "a"}), "key 1"), ({(1, 2): 3}, "tuple"),
        ({1, 2}, "set has no JSON form"), ([b"x"], "bytes has no JSON form"), (object(), "object has no JSON form"),
        (datetime.date(2024, 1, 1), "date has no JSON form"), (uuid.UUID(int=1), "UUID has no JSON form"),
        (1j, "complex has no JSON form"), (np.array([1j]), "complex has no JSON form"), (CIRCLE, "Circular reference"),
    ],
    ids=[str(n) for n in range(27)],
)  # fmt: skip
def test_refused(value: Any, reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        json_text(value)


def test_nesting_beyond_the_stack_is_a_rejected_cell() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CellRejected, match="value 1: is not valid JSON"):
        json_texts([[], deep])


def test_nesting_of_a_hundred_levels() -> None:
    value: Any = 1
    for _ in range(50):
        value = {"k": [value]}
    assert json.loads(json_text(value)) == value


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(characters),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(characters), inner),
)


@given(values)
def test_reads_back_as_it_was(value: Any) -> None:
    assert json.loads(json_text(value)) == value
