"""`pxt.iterators`: what older programs write for the iterators of the library."""

import pytest

import pixeltable as pxt
from pixeltable.exceptions import PixeltableDeprecationWarning


def test_the_older_splitter_is_the_newer_one(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String})
    with pytest.warns(PixeltableDeprecationWarning, match=r"string\.string_splitter"):
        call = pxt.iterators.StringSplitter.create(text=t.text, separators="sentence")
    v = pxt.create_view(f"{ns}/v", t, iterator=call)
    t.insert(text="One. Two.")
    assert v.select(v.text).collect()["text"] == ["One.", "Two."]
