"""Text of a given width: padded, wrapped, repeated.

Text longer than 2**28 characters is refused, so that one wrong number does not fill the memory.
"""

import textwrap
from typing import Any, Literal

from pixeltable.functions.string.declaring import check_length, text_method
from pixeltable.functions.string.rules import constant, missing, repeated, sqlalchemy, tail


@text_method
def center(self: str, width: int, fillchar: str = " ") -> str:
    """The text padded on both sides with one character until it is `width` characters long.

    Raises:
        TypeError: `fillchar` is not one character.
        OverflowError: `width` is beyond 2**28.

    >>> center.body("ab", 6), center.body("ab", 5, "-"), center.body("abc", 2)
    ('  ab  ', '--ab-', 'abc')
    """
    check_length(width)
    return self.center(width, fillchar)


@center.to_sql
def _center_sql(self: Any, width: Any, fillchar: Any) -> Any:
    if not _is_character(fillchar):
        return None
    sa = sqlalchemy()
    margin = missing(self, width)
    # Where it is odd, Python has the larger half on the left for an odd width, on the right for an even one.
    odd = margin.bitwise_and(width).bitwise_and(sa.literal(1, sa.BigInteger))
    left = sa.type_coerce(sa.func.div(margin, 2), sa.BigInteger) + odd
    return repeated(fillchar, left) + self + repeated(fillchar, margin - left)


@text_method
def fill(
    self: str,
    width: int,
    *,
    initial_indent: str = "",
    subsequent_indent: str = "",
    expand_tabs: bool = True,
    tabsize: int = 8,
    replace_whitespace: bool = True,
    drop_whitespace: bool = True,
    fix_sentence_endings: bool = False,
    break_long_words: bool = True,
    break_on_hyphens: bool = True,
    max_lines: int | None = None,
    placeholder: str = " [...]",
) -> str:
    r"""The text as a paragraph with lines of at most `width` characters; the options are those of Python's `textwrap`.

    Raises:
        ValueError: `width` is not positive, or has no room for `placeholder`.

    >>> fill.body("the quick brown fox", 10)
    'the quick\nbrown fox'
    """
    return textwrap.fill(
        self,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        expand_tabs=expand_tabs,
        tabsize=tabsize,
        replace_whitespace=replace_whitespace,
        drop_whitespace=drop_whitespace,
        fix_sentence_endings=fix_sentence_endings,
        break_long_words=break_long_words,
        break_on_hyphens=break_on_hyphens,
        max_lines=max_lines,
        placeholder=placeholder,
    )


@text_method
def ljust(self: str, width: int, fillchar: str = " ") -> str:
    """The text padded on the right with one character until it is `width` characters long.

    Raises:
        TypeError: `fillchar` is not one character.
        OverflowError: `width` is beyond 2**28.

    >>> ljust.body("ab", 4, ".")
    'ab..'
    """
    check_length(width)
    return self.ljust(width, fillchar)


@ljust.to_sql
def _ljust_sql(self: Any, width: Any, fillchar: Any) -> Any:
    return self + repeated(fillchar, missing(self, width)) if _is_character(fillchar) else None


@text_method
def pad(self: str, width: int, side: Literal["left", "right", "both"] = "left", fillchar: str = " ") -> str:
    """The text padded with one character until it is `width` characters long.

    Args:
        side: where the characters are added: "left" as `rjust`, "right" as `ljust`, "both" as `center`.

    Raises:
        TypeError: `fillchar` is not one character.
        ValueError: there is no such side.
        OverflowError: `width` is beyond 2**28.

    >>> pad.body("ab", 4), pad.body("ab", 4, "right", "."), pad.body("ab", 4, "both")
    ('  ab', 'ab..', ' ab ')
    """
    check_length(width)
    if side == "left":
        return self.rjust(width, fillchar)
    if side == "right":
        return self.ljust(width, fillchar)
    if side == "both":
        return self.center(width, fillchar)
    raise ValueError(f"side must be 'left', 'right' or 'both', got {side!r}")


@pad.to_sql
def _pad_sql(self: Any, width: Any, side: Any, fillchar: Any) -> Any:
    rules = {"left": _rjust_sql, "right": _ljust_sql, "both": _center_sql}
    rule = rules.get(constant(side))
    return None if rule is None else rule(self, width, fillchar)


@text_method
def repeat(self: str, n: int) -> str:
    """The text `n` times over; empty for a number below 1.

    Raises:
        OverflowError: the result is longer than 2**28 characters.

    >>> repeat.body("ab", 2), repeat.body("ab", -1)
    ('abab', '')
    """
    check_length(len(self) * n)
    return self * n if self else ""


@repeat.to_sql
def _repeat_sql(self: Any, n: Any) -> Any:
    return repeated(self, n)


@text_method
def rjust(self: str, width: int, fillchar: str = " ") -> str:
    """The text padded on the left with one character until it is `width` characters long.

    Raises:
        TypeError: `fillchar` is not one character.
        OverflowError: `width` is beyond 2**28.

    >>> rjust.body("ab", 4, ".")
    '..ab'
    """
    check_length(width)
    return self.rjust(width, fillchar)


@rjust.to_sql
def _rjust_sql(self: Any, width: Any, fillchar: Any) -> Any:
    return repeated(fillchar, missing(self, width)) + self if _is_character(fillchar) else None


@text_method
def wrap(
    self: str,
    width: int,
    *,
    initial_indent: str = "",
    subsequent_indent: str = "",
    expand_tabs: bool = True,
    tabsize: int = 8,
    replace_whitespace: bool = True,
    drop_whitespace: bool = True,
    fix_sentence_endings: bool = False,
    break_long_words: bool = True,
    break_on_hyphens: bool = True,
    max_lines: int | None = None,
    placeholder: str = " [...]",
) -> list[str]:
    """The text as a list of lines of at most `width` characters; the options are those of Python's `textwrap`.

    Raises:
        ValueError: `width` is not positive, or has no room for `placeholder`.

    >>> wrap.body("the quick brown fox", 10), wrap.body("the quick brown fox", 12, max_lines=1)
    (['the quick', 'brown fox'], ['the [...]'])
    """
    return textwrap.wrap(
        self,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        expand_tabs=expand_tabs,
        tabsize=tabsize,
        replace_whitespace=replace_whitespace,
        drop_whitespace=drop_whitespace,
        fix_sentence_endings=fix_sentence_endings,
        break_long_words=break_long_words,
        break_on_hyphens=break_on_hyphens,
        max_lines=max_lines,
        placeholder=placeholder,
    )


@text_method
def zfill(self: str, width: int) -> str:
    """The text padded with zeros on the left, behind a sign, until it is `width` characters long.

    Raises:
        OverflowError: `width` is beyond 2**28.

    >>> zfill.body("7", 3), zfill.body("-7", 4)
    ('007', '-007')
    """
    check_length(width)
    return self.zfill(width)


@zfill.to_sql
def _zfill_sql(self: Any, width: Any) -> Any:
    sa = sqlalchemy()
    zeros = repeated(sa.literal("0", sa.Text), missing(self, width))
    sign = sa.func.left(self, 1, type_=sa.Text)
    return sa.case(
        ((sign == "+") | (sign == "-"), sign + zeros + tail(self, sa.literal(1, sa.Integer))), else_=zeros + self
    )


def _is_character(element: Any) -> bool:
    """Whether an SQL element is a constant that Python accepts to pad with."""
    return isinstance(constant(element), str) and len(constant(element)) == 1
