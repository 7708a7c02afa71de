"""Functions that are found again by importing this module."""

import math

from pixeltable.func import Aggregator, Batch, uda, udf


@udf
def double(x: int) -> int:
    return 2 * x


@double.overload
def _(x: str) -> str:
    return x + x


def _plain(x: int) -> int:
    return x


renamed = udf(_plain)


class Nested:
    @udf
    def inner(x: int) -> int:
        return x


@udf(batch_size=2)
def add_all(xs: Batch[int], *, n: int = 1) -> Batch[int]:
    return [x + n for x in xs]


@udf(substitute_fn=math.gcd)
def common(x: int, y: int = 12) -> int: ...


not_a_function = 3


@uda
class longest(Aggregator):
    def __init__(self, at_least: int = 0) -> None:
        self.best = ""
        self.at_least = at_least

    def update(self, text: str) -> None:
        if len(text) >= max(self.at_least, len(self.best) + 1):
            self.best = text

    def value(self) -> str:
        return self.best
