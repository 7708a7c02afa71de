"""Functions on text, with the meaning of the methods of Python's `str`; null where a required argument is null."""

import builtins
import importlib
from typing import Any

from pixeltable.udfs.decorator import udf


@udf(is_method=True)
def capitalize(self: str) -> str:
    """The first character in upper case, the others in lower case.

    >>> capitalize.body("élan VITAL")
    'Élan vital'
    """
    return self.capitalize()


@udf(is_method=True)
def contains(self: str, substr: str, case: bool = True) -> bool:
    """Whether `substr` is part of the text; every text contains the empty one.

    Args:
        case: False to ignore case, by Unicode case folding.

    >>> contains.body("Straße", "STRASSE"), contains.body("Straße", "STRASSE", case=False)
    (False, True)
    """
    return substr in self if case else substr.casefold() in self.casefold()


@contains.to_sql
def _contains_sql(self: Any, substr: Any, case: Any) -> Any:
    return _sqlalchemy().func.strpos(self, substr) > 0 if _constant(case) is True else None


@udf(is_method=True)
def endswith(self: str, substr: str) -> bool:
    """Whether the text ends with `substr`.

    >>> endswith.body("cat.jpg", ".jpg"), endswith.body("cat.jpg", "")
    (True, True)
    """
    return self.endswith(substr)


@endswith.to_sql
def _endswith_sql(self: Any, substr: Any) -> Any:
    return _sqlalchemy().func.right(self, _sqlalchemy().func.length(substr)) == substr


@udf(is_method=True)
def find(self: str, substr: str, start: int = 0, end: int | None = None) -> int:
    """The lowest index at which `substr` lies within `self[start:end]`, or -1.

    >>> find.body("banana", "an"), find.body("banana", "an", 2), find.body("banana", "x")
    (1, 3, -1)
    """
    return self.find(substr, start, end)


@find.to_sql
def _find_sql(self: Any, substr: Any, start: Any, end: Any) -> Any:
    whole = _constant(start) == 0 and _is_constant_null(end)
    return _sqlalchemy().func.strpos(self, substr) - 1 if whole else None


@udf(is_method=True)
def len(self: str) -> int:
    """The number of code points.

    >>> len.body("naïve"), len.body("")
    (5, 0)
    """
    return builtins.len(self)


@len.to_sql
def _len_sql(self: Any) -> Any:
    return _sqlalchemy().func.length(self)


@udf(is_method=True)
def lower(self: str) -> str:
    """All characters in lower case.

    >>> lower.body("ÀB")
    'àb'
    """
    return self.lower()


@udf(is_method=True)
def replace(self: str, substr: str, repl: str, n: int | None = None) -> str:
    """Every occurrence of `substr` replaced by `repl`, from the left.

    Args:
        n: replace at most so many; None for all.

    >>> replace.body("banana", "an", "-"), replace.body("banana", "an", "-", 1), replace.body("ab", "", "-")
    ('b--a', 'b-ana', '-a-b-')
    """
    return self.replace(substr, repl, -1 if n is None else n)


@replace.to_sql
def _replace_sql(self: Any, substr: Any, repl: Any, n: Any) -> Any:
    # PostgreSQL leaves the text alone where `substr` is empty; Python puts `repl` between all characters.
    return _sqlalchemy().func.replace(self, substr, repl) if _constant(substr) and _is_constant_null(n) else None


@udf(is_method=True)
def reverse(self: str) -> str:
    """The code points in opposite order.

    >>> reverse.body("abc")
    'cba'
    """
    return self[::-1]


@reverse.to_sql
def _reverse_sql(self: Any) -> Any:
    return _sqlalchemy().func.reverse(self)


@udf(is_method=True)
def slice(self: str, start: int | None = None, stop: int | None = None, step: int | None = None) -> str:
    """`self[start:stop:step]`.

    Raises:
        ValueError: `step` is 0.

    >>> slice.body("abcdef", 1, -1), slice.body("abcdef", step=2)
    ('bcde', 'ace')
    """
    return self[start:stop:step]


@udf(is_method=True)
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


@udf(is_method=True)
def startswith(self: str, substr: str) -> bool:
    """Whether the text starts with `substr`.

    >>> startswith.body("cat.jpg", "cat"), startswith.body("cat.jpg", "")
    (True, True)
    """
    return self.startswith(substr)


@startswith.to_sql
def _startswith_sql(self: Any, substr: Any) -> Any:
    return _sqlalchemy().func.starts_with(self, substr)


@udf(is_method=True)
def strip(self: str, chars: str | None = None) -> str:
    """The text without the characters of `chars` at both ends; None stands for all whitespace of Unicode.

    >>> strip.body("  a b "), strip.body("--a-b-", "-")
    ('a b', 'a-b')
    """
    return self.strip(chars)


@strip.to_sql
def _strip_sql(self: Any, chars: Any) -> Any:
    return None if _constant(chars) is None else _sqlalchemy().func.btrim(self, chars)


@udf(is_method=True)
def title(self: str) -> str:
    """Each word with its first character in title case and the others in lower case.

    >>> title.body("hello wORLD")
    'Hello World'
    """
    return self.title()


@udf(is_method=True)
def upper(self: str) -> str:
    """All characters in upper case; `ß` becomes `SS`.

    >>> upper.body("straße")
    'STRASSE'
    """
    return self.upper()


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")


def _constant(element: Any) -> Any:
    """The value of an SQL element that is a constant, else None."""
    return element.value if isinstance(element, _sqlalchemy().BindParameter) else None


def _is_constant_null(element: Any) -> bool:
    return isinstance(element, _sqlalchemy().Null) or (
        isinstance(element, _sqlalchemy().BindParameter) and element.value is None
    )
