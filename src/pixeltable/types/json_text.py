"""JSON text as the database stores it, refusing what JSON cannot express."""

import json
import math
import re
from collections.abc import Collection
from itertools import chain
from typing import Any

import orjson

from pixeltable.lazy import np
from pixeltable.types.literals import plain


def json_text(value: Any) -> str:
    """`value` as JSON; tuples become lists, enum members and numpy scalars what they stand for.

    Raises:
        TypeError: a set, datetime, bytes or other object JSON has no form for, or a key that is no string.
        ValueError: NaN or an infinity, a NUL character, a lone surrogate, a value that contains itself.

    >>> json_text({"k": (1, 2.5, None)})
    '{"k":[1,2.5,null]}'
    """
    text = _ENCODER.encode(value)
    if "e+" in text:
        text = _LARGE_FLOAT.sub(_without_exponent, text)
    if "\\u0000" in text and _holds_nul(json.loads(text)):
        raise ValueError("it contains a NUL character, which cannot be stored")
    if not text.isascii():
        text.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
    if '"' in text:
        _check_keys(value)
    return text


def plain_json(value: Any) -> Any:
    """`value` as it will be read again; itself, unless there is something in it that `json_text` has to convert.

    Raises:
        TypeError, ValueError: see `json_text`.

    >>> plain_json({"k": (1, 2.5, None)})
    {'k': [1, 2.5, None]}
    """
    return value if _is_plain(value) else json.loads(json_text(value))


def is_plain_column(values: list[Any]) -> bool:
    """Whether `plain_json` would leave all values as they are; False also if one of them needs a closer look.

    >>> is_plain_column([{"k": [1, None]}, None]), is_plain_column([(1,)]), is_plain_column([float("nan")])
    (True, False, False)
    """
    return all(_is_plain_part(values[start : start + _PART]) for start in range(0, len(values), _PART))


_PART = 1000
"""Values that are looked at together: few enough not to fill the memory with what is made of them meanwhile."""

_DEEPEST = 100


def _is_plain_part(values: list[Any]) -> bool:
    """Level by level, all values of a level at a time: asking each value for what is in it takes five times as long."""
    level = values
    for _ in range(_DEEPEST):
        kinds = set(map(type, level))
        if not kinds <= _PLAIN:
            return False
        if float in kinds:
            numbers = level if len(kinds) == 1 else [value for value in level if type(value) is float]
            if not all(map(math.isfinite, numbers)):
                return False
        texts = [value for value in level if type(value) is str] if str in kinds else []
        dicts = [value for value in level if type(value) is dict] if dict in kinds else []
        lists = [value for value in level if type(value) is list] if list in kinds else []
        keys = set(chain.from_iterable(dicts))
        if not set(map(type, keys)) <= {str} or not _are_storable(keys) or not _are_storable(texts):
            return False
        level = [*chain.from_iterable(map(dict.values, dicts)), *chain.from_iterable(lists)]
        if not level:
            return True
    return False


def _are_storable(texts: Collection[str]) -> bool:
    joined = "".join(texts)
    if "\0" in joined:
        return False
    try:
        return joined.isascii() or bool(joined.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False


def column_texts(values: list[Any]) -> list[str | None] | None:
    """As `json_text`, for all values at once, which are plain; None is null. None if one needs a closer look."""
    texts: list[str | None] = []
    for start in range(0, len(values), _PART):
        try:
            part = [None if value is None else orjson.dumps(value) for value in values[start : start + _PART]]
        except (TypeError, ValueError, RecursionError):
            return None
        if _needs_a_look(b"".join(filter(None, part))):
            return None
        texts += [None if text is None else text.decode() for text in part]
    return texts


def _needs_a_look(text: bytes) -> bool:
    """Whether there is a NUL character in JSON, or a large number with an exponent; or what looks like one of them."""
    alike = text.translate(DIGITS_ALIKE)  # a pattern takes ten times as long
    return b"\\u0000" in text or b"0e0" in alike or b"0e+0" in alike


DIGITS_ALIKE = bytes(ord("0") if chr(code).isdecimal() and code < 128 else code for code in range(256))
"""For `bytes.translate`: each digit of ASCII becomes a zero."""


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if kind is list else kind in _ATOMS


_ATOMS = frozenset({str, int, float, bool, type(None)})
_PLAIN = _ATOMS | {dict, list}


def _plain_or_refuse(value: Any) -> Any:
    found = plain(value)
    if isinstance(found, np.ndarray):
        return found.tolist()
    if hasattr(found, "model_dump"):
        dumped = found.model_dump()
        _check_keys(dumped)
        return dumped
    if found is value:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return found


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain_or_refuse, check_circular=True
)


_LARGE_FLOAT = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?e\+\d+')
"""A string, to be skipped, or a number with a positive exponent."""


def _without_exponent(found: re.Match[str]) -> str:
    """The database writes 1e+16 as an integer, and an integer it would be read as; with a decimal a float.

    All digits are written, so that the database compares what Python would.
    """
    text = found.group()
    return text if text[0] == '"' else f"{int(float(text))}.0"


def _check_keys(value: Any) -> None:
    """Keys must be strings: the standard encoder would turn 1 and True into "1" and "true" without a word."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str and not isinstance(key, str):
                raise TypeError(f"key {key!r} is not a string")
            if type(item) not in _ATOMS:
                _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _ATOMS:
                _check_keys(item)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(_holds_nul(item) for item in value)
