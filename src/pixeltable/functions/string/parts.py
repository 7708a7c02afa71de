"""Parts of a text: spans, what is left when its ends are taken away, what lies between separators."""

import builtins
from typing import Any

from pixeltable.functions.string.declaring import text_method
from pixeltable.functions.string.rules import (
    bounds,
    constant,
    is_constant_null,
    length,
    span,
    sqlalchemy,
    tail,
)


@text_method
def lstrip(self: str, chars: str | None = None) -> str:
    """The text without the characters of `chars` at its start; None stands for all whitespace of Unicode.

    >>> lstrip.body("  a "), lstrip.body("--a-", "-")
    ('a ', 'a-')
    """
    return self.lstrip(chars)


@lstrip.to_sql
def _lstrip_sql(self: Any, chars: Any) -> Any:
    # What is whitespace depends on the version of Unicode.
    return None if constant(chars) is None else sqlalchemy().func.ltrim(self, chars)


@text_method
def partition(self: str, sep: str = " ") -> list[str]:
    """What is before the first `sep`, `sep`, and what is behind; the text and two empty ones if it has none.

    Raises:
        ValueError: `sep` is empty.

    >>> partition.body("a-b-c", "-"), partition.body("abc", "-")
    (['a', '-', 'b-c'], ['abc', '', ''])
    """
    return list(self.partition(sep))


@text_method
def removeprefix(self: str, prefix: str) -> str:
    """The text without `prefix`, if it starts with it.

    >>> removeprefix.body("re-do", "re-"), removeprefix.body("do", "re-")
    ('do', 'do')
    """
    return self.removeprefix(prefix)


@removeprefix.to_sql
def _removeprefix_sql(self: Any, prefix: Any) -> Any:
    sa = sqlalchemy()
    return sa.case((sa.func.starts_with(self, prefix), tail(self, length(prefix))), else_=self)


@text_method
def removesuffix(self: str, suffix: str) -> str:
    """The text without `suffix`, if it ends with it.

    >>> removesuffix.body("cat.jpg", ".jpg"), removesuffix.body("cat", ".jpg")
    ('cat', 'cat')
    """
    return self.removesuffix(suffix)


@removesuffix.to_sql
def _removesuffix_sql(self: Any, suffix: Any) -> Any:
    sa = sqlalchemy()
    ends = sa.func.right(self, length(suffix), type_=sa.Text) == suffix
    return sa.case((ends, sa.func.left(self, length(self) - length(suffix), type_=sa.Text)), else_=self)


@text_method
def rpartition(self: str, sep: str = " ") -> list[str]:
    """What is before the last `sep`, `sep`, and what is behind; two empty texts and the text if it has none.

    Raises:
        ValueError: `sep` is empty.

    >>> rpartition.body("a-b-c", "-"), rpartition.body("abc", "-")
    (['a-b', '-', 'c'], ['', '', 'abc'])
    """
    return list(self.rpartition(sep))


@text_method
def rsplit(self: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    """As `split`, from the right: it differs where `maxsplit` is reached.

    Raises:
        ValueError: `sep` is empty.

    >>> rsplit.body("a,b,c", ",", 1)
    ['a,b', 'c']
    """
    return self.rsplit(sep, maxsplit)


@text_method
def rstrip(self: str, chars: str | None = None) -> str:
    """The text without the characters of `chars` at its end; None stands for all whitespace of Unicode.

    >>> rstrip.body(" a  "), rstrip.body("-a--", "-")
    (' a', '-a')
    """
    return self.rstrip(chars)


@rstrip.to_sql
def _rstrip_sql(self: Any, chars: Any) -> Any:
    return None if constant(chars) is None else sqlalchemy().func.rtrim(self, chars)


@text_method
def slice(self: str, start: int | None = None, stop: int | None = None, step: int | None = None) -> str:
    """`self[start:stop:step]`.

    Raises:
        ValueError: `step` is 0.

    >>> slice.body("abcdef", 1, -1), slice.body("abcdef", step=2)
    ('bcde', 'ace')
    """
    return self[start:stop:step]


@slice.to_sql
def _slice_sql(self: Any, start: Any, stop: Any, step: Any) -> Any:
    in_order = is_constant_null(step) or constant(step) == 1
    return span(self, *bounds(self, start, stop)) if in_order else None


@text_method
def slice_replace(self: str, start: int | None = None, stop: int | None = None, repl: str | None = None) -> str:
    """The text with `repl`, or nothing, in place of `self[start:stop]`; where that is empty, `repl` is put at `start`.

    >>> slice_replace.body("abcdef", 1, -1, "-"), slice_replace.body("abc", 1, 1, "-"), slice_replace.body("abc", 2)
    ('a-f', 'a-bc', 'ab')
    """
    first, last, _ = builtins.slice(start, stop).indices(len(self))
    return self[:first] + (repl or "") + self[max(first, last) :]


@slice_replace.to_sql
def _slice_replace_sql(self: Any, start: Any, stop: Any, repl: Any) -> Any:
    sa = sqlalchemy()
    first, last = bounds(self, start, stop)
    put = "" if is_constant_null(repl) else sa.func.coalesce(repl, "")
    before = span(self, sa.literal(0, sa.BigInteger), first)
    return before + sa.type_coerce(put, sa.Text) + tail(self, sa.func.greatest(first, last, type_=sa.BigInteger))


@text_method
def split(self: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    """The parts between occurrences of `sep`, or, if it is None, between runs of whitespace.

    Args:
        maxsplit: split at most so many times; -1 for no limit.

    Raises:
        ValueError: `sep` is empty.

    >>> split.body(" a  b "), split.body("a,b,c", ",", 1)
    (['a', 'b'], ['a', 'b,c'])
    """
    return self.split(sep, maxsplit)


@text_method
def splitlines(self: str, keepends: bool = False) -> list[str]:
    r"""The lines, which any line boundary of Unicode ends.

    Args:
        keepends: True to leave the boundaries at the ends of the lines.

    >>> splitlines.body("a\r\nb\n"), splitlines.body("a\nb", keepends=True)
    (['a', 'b'], ['a\n', 'b'])
    """
    return self.splitlines(keepends)


@text_method
def strip(self: str, chars: str | None = None) -> str:
    """The text without the characters of `chars` at both ends; None stands for all whitespace of Unicode.

    >>> strip.body("  a b "), strip.body("--a-b-", "-")
    ('a b', 'a-b')
    """
    return self.strip(chars)


@strip.to_sql
def _strip_sql(self: Any, chars: Any) -> Any:
    return None if constant(chars) is None else sqlalchemy().func.btrim(self, chars)
