"""Aggregates that tests of queries use; nothing here knows a table."""

import pixeltable as pxt


@pxt.uda
class joined(pxt.Aggregator):
    def __init__(self, sep: str = ",") -> None:
        self.sep = sep
        self.parts: list[str] = []

    def update(self, s: str) -> None:
        self.parts.append(s)

    def value(self) -> str:
        return self.sep.join(self.parts)


@pxt.uda
class weighted(pxt.Aggregator):
    """Two arguments, of which one accepts null."""

    def __init__(self) -> None:
        self.total = 0.0

    def update(self, x: float, weight: float | None = 1.0) -> None:
        self.total += x * (0.5 if weight is None else weight)

    def value(self) -> float:
        return self.total


@pxt.uda(requires_order_by=True)
class in_order(pxt.Aggregator):
    def __init__(self) -> None:
        self.values: list[int] = []

    def update(self, n: int) -> None:
        self.values.append(n)

    def value(self) -> list[int]:
        return self.values


@pxt.uda(allows_window=True)
class last(pxt.Aggregator):
    def __init__(self) -> None:
        self.latest: int | None = None

    def update(self, n: int) -> None:
        self.latest = n

    def value(self) -> int | None:
        return self.latest


@pxt.uda(allows_window=True, allows_std_agg=False)
class position(pxt.Aggregator):
    def __init__(self, start: int = 0) -> None:
        self.next = start - 1

    def update(self, n: int) -> None:  # noqa: ARG002  # only counted
        self.next += 1

    def value(self) -> int:
        return self.next


@pxt.uda(allows_window=True)
class picky(pxt.Aggregator):
    """Raises for 5, and has no proper value of four rows."""

    def __init__(self) -> None:
        self.rows = 0

    def update(self, n: int) -> None:
        if n == 5:
            raise ValueError("five is right out")
        self.rows += 1

    def value(self) -> int:
        return self.rows if self.rows != 4 else "four"  # type: ignore[return-value]  # what the tests are about


@pxt.uda(parallel="threads")
class concatenated(pxt.Aggregator):
    """Depends on the order of rows, and so on that of the parts that are merged."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def update(self, n: int) -> None:
        if n < 0:
            raise ValueError("negative")
        self.numbers.append(n)

    def value(self) -> list[int]:
        return self.numbers

    def merge(self, other: "concatenated") -> None:
        self.numbers += other.numbers


@pxt.uda(allows_window=True, requires_order_by=True)
class ordered_last(pxt.Aggregator):
    def __init__(self) -> None:
        self.latest: int | None = None

    def update(self, n: int) -> None:
        self.latest = n

    def value(self) -> int | None:
        return self.latest
