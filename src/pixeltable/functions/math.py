"""Functions on numbers, methods of Int and Float; null where a required argument is null.

A Float that is whole stays a Float. Where a number has no result, as the square root of -1, the cell fails.
"""

import builtins
import importlib
import math
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pixeltable.exprs.expr import Expr, builder
from pixeltable.types.column_type import JsonType
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import Function

Json = Annotated[Any, JsonType()]
T = TypeVar("T")
Rule = TypeVar("Rule", bound=Callable[..., Any])

NUMBERS = ({T: int}, {T: float})

PYTHON_ONLY = {
    "exp": "its last digit depends on the C library, which need not be the same in the database",
    "log": "as exp",
    "log10": "as exp",
    "pow": "as exp",
}
"""Functions without a rule for SQL, and why."""


def _in_sql(function: Function) -> Callable[[Rule], Rule]:
    """Set how all signatures of a function are written in SQL; for use as a decorator."""

    def declare(rule: Rule) -> Rule:
        for overload in function.overloads:
            overload.to_sql(rule)
        return rule

    return declare


@udf(is_method=True, type_substitutions=NUMBERS)
def abs(x: T) -> T:
    """The number without its sign, of the same type. It fails for the least Int, whose opposite is none.

    >>> abs.body(-2), abs.body(-2.5)
    (2, 2.5)
    """
    found: T = builtins.abs(x)  # type: ignore[arg-type]  # a number
    return found


@_in_sql(abs)
def _abs_sql(x: Any) -> Any:
    return _sqlalchemy().func.abs(x, type_=x.type)


@udf(is_method=True)
def bitwise_and(x: int, other: int) -> int:
    """The bits that are set in both; negative numbers have endless ones in front, as in Python.

    >>> bitwise_and.body(6, 3), bitwise_and.body(-1, 5)
    (2, 5)
    """
    return x & other


@bitwise_and.to_sql
def _bitwise_and_sql(x: Any, other: Any) -> Any:
    return x.bitwise_and(other)


@udf(is_method=True)
def bitwise_or(x: int, other: int) -> int:
    """The bits that are set in one or both.

    >>> bitwise_or.body(6, 3)
    7
    """
    return x | other


@bitwise_or.to_sql
def _bitwise_or_sql(x: Any, other: Any) -> Any:
    return x.bitwise_or(other)


@udf(is_method=True)
def bitwise_xor(x: int, other: int) -> int:
    """The bits that are set in just one.

    >>> bitwise_xor.body(6, 3)
    5
    """
    return x ^ other


@bitwise_xor.to_sql
def _bitwise_xor_sql(x: Any, other: Any) -> Any:
    return x.bitwise_xor(other)


@udf(is_method=True, type_substitutions=NUMBERS)
def ceil(x: T) -> T:
    """The least whole number that is not below, of the same type; infinities and NaN are themselves.

    >>> ceil.body(2.1), ceil.body(-2.1), ceil.body(2)
    (3.0, -2.0, 2)
    """
    return _whole(x, math.ceil)


@_in_sql(ceil)
def _ceil_sql(x: Any) -> Any:
    return _sqlalchemy().func.ceil(x, type_=x.type) if _is_float(x) else x


@udf(is_method=True, type_substitutions=NUMBERS)
def exp(x: T) -> float:
    """e to the power of a number.

    Raises:
        OverflowError: the result is beyond what a Float can be.

    >>> exp.body(0), f"{exp.body(1.0):.6f}"
    (1.0, '2.718282')
    """
    return math.exp(x)  # type: ignore[arg-type]  # a number


@udf(is_method=True, type_substitutions=NUMBERS)
def floor(x: T) -> T:
    """The greatest whole number that is not above, of the same type; infinities and NaN are themselves.

    >>> floor.body(2.9), floor.body(-2.1), floor.body(2)
    (2.0, -3.0, 2)
    """
    return _whole(x, math.floor)


@_in_sql(floor)
def _floor_sql(x: Any) -> Any:
    return _sqlalchemy().func.floor(x, type_=x.type) if _is_float(x) else x


@udf(is_method=True, type_substitutions=NUMBERS)
def log(x: T) -> float:
    """The natural logarithm.

    Raises:
        ValueError: the number is not above 0.

    >>> log.body(1), f"{log.body(10):.6f}"
    (0.0, '2.302585')
    """
    return math.log(x)  # type: ignore[arg-type]  # a number


@udf(is_method=True, type_substitutions=NUMBERS)
def log10(x: T) -> float:
    """The logarithm to base 10.

    Raises:
        ValueError: the number is not above 0.

    >>> log10.body(1000)
    3.0
    """
    return math.log10(x)  # type: ignore[arg-type]  # a number


@udf(is_method=True, type_substitutions=NUMBERS)
def pow(x: T, other: float) -> float:
    """A number to the power of another, as Float. (`x ** other` of two Ints is an Int, and null where this fails.)

    Raises:
        ValueError: 0 to a negative power, or a negative number to one that is not whole.
        OverflowError: the result is beyond what a Float can be.

    >>> pow.body(2, 10), pow.body(4.0, 0.5)
    (1024.0, 2.0)
    """
    return math.pow(x, other)  # type: ignore[arg-type]  # a number


@udf(is_method=True, type_substitutions=NUMBERS)
def round(x: T, digits: int | None = None) -> T:
    """The nearest number with so many decimals, of the same type; of two that are equally near, the even one.

    Args:
        digits: None or 0 for whole numbers; negative for tens, hundreds, and so on.

    Raises:
        OverflowError: the result is beyond what a Float can be.

    >>> round.body(2.5), round.body(3.5), round.body(2.675, 2), round.body(1234, -2)
    (2.0, 4.0, 2.67, 1200)
    """
    if digits is None:
        return _whole(x, builtins.round)
    # Python would compute 10 to the power of `-digits` for an Int, however long that takes.
    found: T = builtins.round(x, max(digits, -30) if isinstance(x, int) else digits)  # type: ignore[call-overload]  # of a T
    return found


@_in_sql(round)
def _round_sql(x: Any, digits: Any) -> Any:
    sa = _sqlalchemy()
    given = digits.value if isinstance(digits, sa.BindParameter) else None
    if not _is_float(x):
        return x if isinstance(digits, sa.Null) or (given is not None and given >= 0) else None
    # With digits SQL rounds decimals, of which it keeps 15 digits.
    return sa.func.round(x, type_=x.type) if isinstance(digits, sa.Null) or given == 0 else None


@udf(is_method=True, type_substitutions=NUMBERS)
def sqrt(x: T) -> float:
    """The square root.

    Raises:
        ValueError: the number is negative.

    >>> sqrt.body(9), sqrt.body(2.25)
    (3.0, 1.5)
    """
    return math.sqrt(x)  # type: ignore[arg-type]  # a number


@_in_sql(sqrt)
def _sqrt_sql(x: Any) -> Any:
    sa = _sqlalchemy()
    return sa.func.sqrt(sa.cast(x, sa.Double), type_=sa.Double)


@udf(is_method=True)
def to_float(x: int) -> float:
    """The number as a Float, the nearest one where it has more than 53 bits.

    >>> to_float.body(2)
    2.0
    """
    return float(x)


@to_float.to_sql
def _to_float_sql(x: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(x, sa.Double)


@udf(is_method=True)
def to_int(x: float) -> int:
    """The number as an Int, without what follows the point.

    Raises:
        ValueError: it is NaN.
        OverflowError: it is infinite.

    >>> to_int.body(2.9), to_int.body(-2.9)
    (2, -2)
    """
    return int(x)


@to_int.to_sql
def _to_int_sql(x: Any) -> Any:
    sa = _sqlalchemy()
    return sa.cast(sa.func.trunc(x, type_=sa.Double), sa.BigInteger) if _is_float(x) else x


def _whole(x: T, convert: Callable[[Any], int]) -> T:
    """A whole number; of a Float a Float, also of those that are no number, and with the sign that a zero had."""
    if not isinstance(x, float) or not math.isfinite(x):
        return x
    found: T = math.copysign(float(convert(x)), x)  # type: ignore[assignment]  # a float, as x is
    return found


def _is_float(element: Any) -> bool:
    return isinstance(element.type, _sqlalchemy().Double)


def _sqlalchemy() -> Any:
    """The package, which `import pixeltable` must not load: rules run when there is a query."""
    return importlib.import_module("sqlalchemy")


# `abs()` and `round()` of Python, which take Json too: what it holds shows in each row.


@udf(display_name="abs")
def _abs_of_json(x: Json) -> Json:
    return builtins.abs(_number(x))


@udf(display_name="round")
def _round_of_json(x: Json, digits: int | None = None) -> Json:
    return round.body(_number(x), digits)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__} {value!r}")
    return value


@builder("abs")
def _build_abs(operand: Expr) -> Expr:
    return _abs_of_json(operand) if isinstance(operand.col_type, JsonType) else abs(operand)


@builder("round")
def _build_round(operand: Expr, digits: int | None) -> Expr:
    return (_round_of_json if isinstance(operand.col_type, JsonType) else round)(operand, digits)
