"""Where a text lies within another, and whether it does."""

import builtins
from typing import Any

from pixeltable.functions.string.declaring import text_method
from pixeltable.functions.string.rules import bounds, constant, is_constant_null, length, span, sqlalchemy


@text_method
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
    return sqlalchemy().func.strpos(self, substr) > 0 if constant(case) is True else None


@text_method
def endswith(self: str, substr: str) -> bool:
    """Whether the text ends with `substr`.

    >>> endswith.body("cat.jpg", ".jpg"), endswith.body("cat.jpg", "")
    (True, True)
    """
    return self.endswith(substr)


@endswith.to_sql
def _endswith_sql(self: Any, substr: Any) -> Any:
    return sqlalchemy().func.right(self, length(substr)) == substr


@text_method
def find(self: str, substr: str, start: int = 0, end: int | None = None) -> int:
    """The lowest index at which `substr` lies within `self[start:end]`, or -1.

    >>> find.body("banana", "an"), find.body("banana", "an", 2), find.body("banana", "an", -3), find.body("banana", "x")
    (1, 3, 3, -1)
    """
    return self.find(substr, start, end)


@find.to_sql
def _find_sql(self: Any, substr: Any, start: Any, end: Any) -> Any:
    sa = sqlalchemy()
    if constant(start) == 0 and is_constant_null(end):
        return sa.func.strpos(self, substr) - 1
    first, last = bounds(self, start, end)
    found = sa.func.strpos(span(self, first, last), substr, type_=sa.Integer)
    return sa.case((_is_outside(self, start, first, last) | (found == 0), -1), else_=first + found - 1)


@text_method
def index(self: str, substr: str, start: int = 0, end: int | None = None) -> int:
    """As `find`; it fails where `find` yields -1.

    Raises:
        ValueError: `substr` is not there.

    >>> index.body("banana", "an", 2)
    3
    """
    return self.index(substr, start, end)


@text_method
def len(self: str) -> int:
    """The number of code points.

    >>> len.body("naïve"), len.body("")
    (5, 0)
    """
    return builtins.len(self)


@len.to_sql
def _len_sql(self: Any) -> Any:
    return length(self)


@text_method
def rfind(self: str, substr: str, start: int = 0, end: int | None = None) -> int:
    """The highest index at which `substr` lies within `self[start:end]`, or -1.

    >>> rfind.body("banana", "an"), rfind.body("banana", "an", 0, 4), rfind.body("banana", "")
    (3, 1, 6)
    """
    return self.rfind(substr, start, end)


@rfind.to_sql
def _rfind_sql(self: Any, substr: Any, start: Any, end: Any) -> Any:
    sa = sqlalchemy()
    first, last = bounds(self, start, end)
    backwards = sa.func.strpos(sa.func.reverse(span(self, first, last)), sa.func.reverse(substr), type_=sa.Integer)
    found = last - (backwards - 1) - length(substr)
    return sa.case((_is_outside(self, start, first, last) | (backwards == 0), -1), else_=found)


@text_method
def rindex(self: str, substr: str, start: int = 0, end: int | None = None) -> int:
    """As `rfind`; it fails where `rfind` yields -1.

    Raises:
        ValueError: `substr` is not there.

    >>> rindex.body("banana", "an")
    3
    """
    return self.rindex(substr, start, end)


@text_method
def startswith(self: str, substr: str) -> bool:
    """Whether the text starts with `substr`.

    >>> startswith.body("cat.jpg", "cat"), startswith.body("cat.jpg", "")
    (True, True)
    """
    return self.startswith(substr)


@startswith.to_sql
def _startswith_sql(self: Any, substr: Any) -> Any:
    return sqlalchemy().func.starts_with(self, substr)


def _is_outside(text: Any, start: Any, first: Any, last: Any) -> Any:
    """Whether the search starts behind the text, or behind its own end: there not even the empty text is found."""
    return (start > length(text)) | (first > last)
