"""When two Json values are the same."""

from typing import Any


def equal_json(left: Any, right: Any) -> bool:
    """Whether two Json values are the same, down to the last element: true and 1 are not, 1 and 1.0 are.

    >>> equal_json([1, {"a": 2.0}], [1.0, {"a": 2}]), equal_json([True], [1])
    (True, False)
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal_json, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal_json(left[key], right[key]) for key in left)
    return bool(left == right)
