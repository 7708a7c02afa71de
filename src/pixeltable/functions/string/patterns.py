"""Regular expressions, as in Python's `re`."""

import re
from typing import Any

from pixeltable.functions.string.declaring import text_method


@text_method
def contains_re(self: str, pattern: str, flags: int = 0) -> bool:
    r"""Whether the pattern matches somewhere in the text.

    Args:
        flags: those of Python's `re`, such as `re.IGNORECASE`.

    Raises:
        PatternError: `pattern` is no regular expression.

    >>> import re
    >>> contains_re.body("order 66", r"\d+"), contains_re.body("ABC", "b", re.IGNORECASE)
    (True, True)
    """
    return re.search(pattern, self, flags) is not None


@text_method
def count(self: str, pattern: str, flags: int = 0) -> int:
    r"""The number of places where the pattern matches, which do not overlap.

    Args:
        flags: those of Python's `re`.

    Raises:
        PatternError: `pattern` is no regular expression.

    >>> count.body("a1b22", r"\d+"), count.body("aaa", "aa")
    (2, 1)
    """
    return sum(1 for _ in re.finditer(pattern, self, flags))


@text_method
def findall(self: str, pattern: str, flags: int = 0) -> list[Any]:
    r"""What the pattern matches, as a list; its group if it has one, a list of them if it has more.

    Args:
        flags: those of Python's `re`.

    Raises:
        PatternError: `pattern` is no regular expression.

    >>> findall.body("a=1, b=2", r"\d"), findall.body("a=1, b=2", r"(\w)=(\d)")
    (['1', '2'], [['a', '1'], ['b', '2']])
    """
    return [list(found) if isinstance(found, tuple) else found for found in re.findall(pattern, self, flags)]


@text_method
def fullmatch(self: str, pattern: str, case: bool = True, flags: int = 0) -> bool:
    r"""Whether the pattern matches the whole text.

    Args:
        case: False to ignore case.
        flags: those of Python's `re`.

    Raises:
        PatternError: `pattern` is no regular expression.

    >>> fullmatch.body("2024", r"\d{4}"), fullmatch.body("2024!", r"\d{4}"), fullmatch.body("A", "a", case=False)
    (True, False, True)
    """
    return re.fullmatch(pattern, self, _with_case(flags, case)) is not None


@text_method
def match(self: str, pattern: str, case: bool = True, flags: int = 0) -> bool:
    r"""Whether the pattern matches at the start of the text.

    Args:
        case: False to ignore case.
        flags: those of Python's `re`.

    Raises:
        PatternError: `pattern` is no regular expression.

    >>> match.body("2024!", r"\d{4}"), match.body("in 2024", r"\d{4}")
    (True, False)
    """
    return re.match(pattern, self, _with_case(flags, case)) is not None


@text_method
def replace_re(self: str, pattern: str, repl: str, n: int | None = None, flags: int = 0) -> str:
    r"""Every match of the pattern replaced by `repl`, from the left.

    Args:
        repl: may refer to groups, as `\1` and `\g<name>`.
        n: replace at most so many; None, or a negative number, for all.
        flags: those of Python's `re`.

    Raises:
        PatternError: `pattern` is no regular expression, or `repl` refers to a group that it lacks.

    >>> replace_re.body("a1b22", r"\d+", "#"), replace_re.body("a1b2", r"(\d)", r"<\1>", 1)
    ('a#b#', 'a<1>b2')
    """
    if n == 0:
        return self
    return re.sub(pattern, repl, self, count=0 if n is None or n < 0 else n, flags=flags)


def _with_case(flags: int, case: bool) -> int:
    return flags if case else flags | re.IGNORECASE
