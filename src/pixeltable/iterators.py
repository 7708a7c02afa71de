"""Iterators as older programs write them, `StringSplitter.create(...)`; each warns, and calls what took its place."""

import warnings
from typing import Any

from pixeltable.exceptions import PixeltableDeprecationWarning
from pixeltable.functions.string import string_splitter
from pixeltable.udfs.iterators import IteratorCall

__all__ = ["StringSplitter"]


class StringSplitter:
    """The sentences of a text, in an older spelling."""

    @classmethod
    def create(cls, **arguments: Any) -> IteratorCall:
        """As `string_splitter`, whose arguments it takes by name."""
        warnings.warn(
            "StringSplitter.create() is an older way to call pixeltable.functions.string.string_splitter()",
            PixeltableDeprecationWarning,
            stacklevel=2,
        )
        call: IteratorCall = string_splitter(**arguments)
        return call
