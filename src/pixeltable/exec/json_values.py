"""What Json values mean in Python: what paths lead to in them, and how they compare."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from pixeltable.types.column_type import WILDCARD

Values = list[Any]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
"""The comparisons of values of one type."""


def walk(values: Values, steps: Sequence[str | int | slice]) -> Values:
    """What is found under the steps of a path in each value; None where there is nothing."""
    for number, step in enumerate(steps):
        if step == WILDCARD:
            return [walk(value, steps[number + 1 :]) if type(value) is list else None for value in values]
        values = _step_into(values, step)
    return values


def _step_into(values: Values, step: str | int | slice) -> Values:
    if isinstance(step, slice):
        return [value[step] if type(value) is list else None for value in values]
    if isinstance(step, str):
        return [value.get(step) if type(value) is dict else None for value in values]
    return [value[step] if type(value) is list and -len(value) <= step < len(value) else None for value in values]


def comparing_json(op: str) -> Callable[[Any, Any], bool | None]:
    """A comparison of two values that are not null; those of different JSON types are unequal, and in no order."""
    compare = COMPARE[op]

    def same_kind(left: Any, right: Any) -> bool:
        numbers = (int, float)
        if isinstance(left, bool) or isinstance(right, bool):
            return isinstance(left, bool) and isinstance(right, bool)
        return (isinstance(left, numbers) and isinstance(right, numbers)) or type(left) is type(right)

    def compared(left: Any, right: Any) -> bool | None:
        if same_kind(left, right):
            return compare(left, right)
        return op == "!=" if op in ("==", "!=") else None

    return compared
