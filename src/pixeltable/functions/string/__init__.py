"""Functions on text, with the meaning of the methods of Python's `str`; null where a required argument is null.

Most are methods: `t.text.upper()`. Those that the database answers just as Python does run there.
"""

from pixeltable.functions.string.cases import capitalize, casefold, lower, normalize, swapcase, title, upper
from pixeltable.functions.string.composing import format, join, replace, reverse
from pixeltable.functions.string.kinds import (
    isalnum,
    isalpha,
    isascii,
    isdecimal,
    isdigit,
    isidentifier,
    islower,
    isnumeric,
    isspace,
    istitle,
    isupper,
)
from pixeltable.functions.string.layout import center, fill, ljust, pad, repeat, rjust, wrap, zfill
from pixeltable.functions.string.parts import (
    lstrip,
    partition,
    removeprefix,
    removesuffix,
    rpartition,
    rsplit,
    rstrip,
    slice,
    slice_replace,
    split,
    splitlines,
    strip,
)
from pixeltable.functions.string.patterns import contains_re, count, findall, fullmatch, match, replace_re
from pixeltable.functions.string.searching import contains, endswith, find, index, len, rfind, rindex, startswith
from pixeltable.functions.string.sentences import string_splitter

__all__ = [
    "capitalize",
    "casefold",
    "center",
    "contains",
    "contains_re",
    "count",
    "endswith",
    "fill",
    "find",
    "findall",
    "format",
    "fullmatch",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "len",
    "ljust",
    "lower",
    "lstrip",
    "match",
    "normalize",
    "pad",
    "partition",
    "removeprefix",
    "removesuffix",
    "repeat",
    "replace",
    "replace_re",
    "reverse",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "slice",
    "slice_replace",
    "split",
    "splitlines",
    "startswith",
    "string_splitter",
    "strip",
    "swapcase",
    "title",
    "upper",
    "wrap",
    "zfill",
]

_CASE = "the database has other tables of Unicode, and other rules, as of `ß`"
_KIND = "what is a letter, a digit or whitespace depends on the version of Unicode"
_LIST = "a list of texts would have to be made as Json"
_PATTERN = "the regular expressions of the database are of another kind"

PYTHON_ONLY = {
    **dict.fromkeys(("capitalize", "casefold", "lower", "normalize", "swapcase", "title", "upper"), _CASE),
    **dict.fromkeys(
        (
            "isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isspace", "istitle",
            "isupper",
        ),
        _KIND,
    ),
    **dict.fromkeys(("partition", "rpartition", "rsplit", "split", "splitlines", "wrap"), _LIST),
    **dict.fromkeys(("contains_re", "count", "findall", "fullmatch", "match", "replace_re"), _PATTERN),
    "fill": "lines are broken by rules that the database does not have",
    "format": "as fill",
    "index": "where `find` yields -1 it fails, with an error of Python's",
    "join": "it takes Json, and fails where that is no list of texts",
    "rindex": "as index",
}  # fmt: skip
"""Functions without a rule for SQL, and why. Some of the others have one for constant arguments alone."""
