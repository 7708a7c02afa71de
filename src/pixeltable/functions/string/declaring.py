"""How the functions on text are declared, whichever file of the package they are in."""

from collections.abc import Callable
from typing import Any

from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import Function

MODULE = __name__.rpartition(".")[0]

MAX_CHARACTERS = 2**28
"""Text that a function makes longer by a number is at most this long: four bytes each are what a cell can have."""


def text_function(body: Callable[..., Any]) -> Function:
    """Declare a function that is no method; a decorator."""
    return udf(in_package(body))


def text_method(body: Callable[..., Any]) -> Function:
    """Declare a method of text; a decorator."""
    return udf(is_method=True)(in_package(body))


def in_package(body: Callable[..., Any]) -> Callable[..., Any]:
    """The body under the name of the package, which columns store: it stays when a function moves to another file."""
    body.__module__ = MODULE
    return body


def check_length(characters: int) -> None:
    """Refuse a text before it fills the memory.

    Raises:
        OverflowError: it would be longer than MAX_CHARACTERS.
    """
    if characters > MAX_CHARACTERS:
        raise OverflowError(f"the text would be {characters} characters long, and at most {MAX_CHARACTERS} are allowed")
