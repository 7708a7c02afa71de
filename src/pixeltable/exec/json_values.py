"""What Json values mean in Python: what paths lead to in them, and how they compare."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from pixeltable.exec.order import part_key
from pixeltable.types.column_type import WILDCARD
from pixeltable.types.json_equality import equal_json

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
    """A comparison of two values that are not null; those of different JSON types are unequal, and in no order.

    Lists and objects are in the order in which rows are ordered by them.
    """
    if op == "==":
        return equal_json
    if op == "!=":
        return lambda left, right: not equal_json(left, right)
    compare = COMPARE[op]

    def ordered(left: Any, right: Any) -> bool | None:
        if not _are_alike(left, right):
            return None
        if isinstance(left, list | dict):
            return compare(part_key(left), part_key(right))
        return compare(left, right)

    return ordered


def _are_alike(left: Any, right: Any) -> bool:
    numbers = (int, float)
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    return (isinstance(left, numbers) and isinstance(right, numbers)) or type(left) is type(right)


def is_element(value: Any, elements: Any) -> bool | None:
    """Whether a value is in a Json list; None where there is no list."""
    return any(equal_json(value, element) for element in elements) if type(elements) is list else None
