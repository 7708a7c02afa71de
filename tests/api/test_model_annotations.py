"""Models in a module whose annotations are text."""

from __future__ import annotations

import types
from typing import Any

import pytest

import pixeltable as pxt

Base = pxt.model_base()


class Named(Base, name="named"):
    id: pxt.Int = pxt.Column(primary_key=True)
    name: pxt.String | None
    shout = name.upper()
    both: pxt.String | None = name + shout


def test_types_are_read_from_text(ns: str) -> None:
    Base.create_all(ns)
    Named.insert([{"id": 1, "name": "ab"}])
    assert Named.collect()[0] == {"id": 1, "name": "ab", "shout": "AB", "both": "abAB"}
    metadata = Named.get_metadata()
    assert metadata["primary_key"] == ["id"]
    assert [column["type_"] for column in metadata["columns"].values()] == ["Int", *["String | None"] * 3]


def test_types_of_the_function_around_are_found(ns: str) -> None:
    vector = pxt.Array[(2,), pxt.Float]
    own = pxt.model_base()

    class Vectors(own, name="vectors"):
        v: vector
        maybe: pxt.Json | None

    own.create_all(ns)
    assert Vectors.get_metadata()["columns"]["v"]["type_"] == "Array[(2,), float32]"


def test_what_cannot_be_read_is_said_with_its_column() -> None:
    own = pxt.model_base()
    with pytest.raises(pxt.RequestError, match=r"column 'v': the annotation 'nowhere.Type' cannot be read") as caught:

        class Broken(own, name="broken"):
            v: nowhere.Type

    assert caught.value.error_code is pxt.ErrorCode.INVALID_TYPE


def test_annotations_may_come_after_the_body(ns: str) -> None:
    """As those of Python 3.14 do, by a function that the compiler leaves in the body."""
    own = pxt.model_base()

    def body(namespace: dict[str, Any]) -> None:
        namespace["id"] = pxt.Column(primary_key=True)
        namespace["three"] = 3
        namespace["__annotate_func__"] = lambda _: {"id": pxt.Int, "text": pxt.String | None}

    late = types.new_class("Late", (own,), {"name": "late"}, body)
    own.create_all(ns)
    assert late.columns() == ["id", "three", "text"]
    assert late.get_metadata()["primary_key"] == ["id"]
