"""What the SQL rules of functions on text are made of. `sqlalchemy` is loaded when there is a query, not before."""

import importlib
from typing import Any

INT4_MAX = 2**31 - 1
MAX_BYTES = 2**26
"""Longer text is left to Python: the database refuses it, or has to hold it more than once."""


def sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load."""
    return importlib.import_module("sqlalchemy")


def constant(element: Any) -> Any:
    """The value of an SQL element that is a constant, else None."""
    return element.value if isinstance(element, sqlalchemy().BindParameter) else None


def is_constant_null(element: Any) -> bool:
    """Whether an SQL element is a null that is written as such."""
    sa = sqlalchemy()
    return isinstance(element, sa.Null) or (isinstance(element, sa.BindParameter) and element.value is None)


def length(text: Any) -> Any:
    """The number of code points."""
    sa = sqlalchemy()
    return sa.func.length(text, type_=sa.Integer)


def bounds(text: Any, start: Any, stop: Any) -> tuple[Any, Any]:
    """Where `text[start:stop]` starts and stops, both from 0 to the length."""
    sa, count = sqlalchemy(), length(text)
    first = _within(start, count, default=sa.literal(0, sa.BigInteger))
    return first, _within(stop, count, default=sa.type_coerce(count, sa.BigInteger))


def _within(index: Any, count: Any, *, default: Any) -> Any:
    """Python's index, which counts from the end if it is negative, from 0 to `count`; `default` for null."""
    sa = sqlalchemy()
    if is_constant_null(index):
        return default
    from_end = sa.func.greatest(count + index, 0, type_=sa.BigInteger)
    from_start = sa.func.least(index, count, type_=sa.BigInteger)
    # Null is asked for first: `greatest` and `least` leave it out of account.
    return sa.case((index.is_(None), default), (index < 0, from_end), else_=from_start)


def span(text: Any, first: Any, last: Any) -> Any:
    """The text from one position up to another, both within it; empty if they are in the other order."""
    sa = sqlalchemy()
    count = sa.func.greatest(last - first, 0, type_=sa.BigInteger)
    return sa.func.substr(text, sa.cast(first + 1, sa.Integer), sa.cast(count, sa.Integer), type_=sa.Text)


def tail(text: Any, first: Any) -> Any:
    """The text from a position on."""
    sa = sqlalchemy()
    return sa.func.substr(text, sa.cast(first + 1, sa.Integer), type_=sa.Text)


def repeated(text: Any, times: Any) -> Any:
    """`text * times`; the statement fails where that is long, so that Python answers."""
    sa = sqlalchemy()
    size = sa.func.octet_length(text, type_=sa.Integer) * sa.func.greatest(times, 0, type_=sa.BigInteger)
    # A number that no int4 can hold is refused with a DataError.
    checked = sa.case((size > MAX_BYTES, sa.literal(INT4_MAX + 1, sa.BigInteger)), else_=times)
    counted = sa.cast(sa.func.greatest(checked, 0, type_=sa.BigInteger), sa.Integer)
    return sa.case((text == "", ""), else_=sa.func.repeat(text, counted, type_=sa.Text))


def missing(text: Any, width: Any) -> Any:
    """How many characters the text is short of `width`, at least 0."""
    sa = sqlalchemy()
    wanted = sa.func.greatest(width, 0, type_=sa.BigInteger)
    return sa.func.greatest(wanted - length(text), 0, type_=sa.BigInteger)
