"""Aggregates that count different values: `count_distinct`, exactly, and `approx_count_distinct`, in little memory.

Nulls are left out. Of no rows both are 0. Values are equal as in `group_by`: 1 and 1.0, NaN and NaN, not true and 1.

>>> names = count_distinct.body()
>>> for name in ("a", "b", "a"):
...     names.update(name)
>>> names.value()
2
"""

import hashlib
import math
from typing import Any, Generic

from pixeltable.functions.aggregates import ORDERED, T
from pixeltable.udfs.aggregate import Aggregator, uda
from pixeltable.udfs.aggregate_sql import in_sql, sqlalchemy
from pixeltable.udfs.comparable import identity_text


@uda(allows_window=True, type_substitutions=ORDERED)
class count_distinct(Aggregator, Generic[T]):
    """How many different values there are; nulls are left out.

    >>> of = count_distinct.body()
    >>> for number in (0.0, -0.0, 1.5):
    ...     of.update(number)
    >>> of.value()
    2
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def update(self, val: T) -> None:
        """Take in one value."""
        self.seen.add(identity_text(val))

    def value(self) -> int:
        """The number so far."""
        return len(self.seen)

    def merge(self, other: "count_distinct[T]") -> None:
        """Take in the values of further rows."""
        self.seen |= other.seen


@in_sql(count_distinct)
def _count_distinct_sql(val: Any, row: Any) -> Any:  # noqa: ARG001  # every rule gets it
    """None for Json, which is compared in Python. As a window it has no SQL: PostgreSQL knows no DISTINCT there."""
    sa = sqlalchemy()
    return None if isinstance(val.type, sa.JSON) else sa.func.count(sa.distinct(val))


_PRECISION = 12
_REGISTERS = 1 << _PRECISION
_REST = 64 - _PRECISION
_SCALE = 1 << (_REST + 1)
"""The inverse powers of two that registers stand for are whole in this unit, so that their sum is exact."""


@uda(allows_window=True, type_substitutions=ORDERED)
class approx_count_distinct(Aggregator, Generic[T]):
    """About how many different values there are, in 4 KB for each group, however many rows; nulls are left out.

    The standard error is 1.6 %: two of three answers are as near as that, 99 of 100 within 4.2 %. Small numbers are
    nearly exact. The same values give the same answer in any order and in every process. It has no form in SQL, which
    has no such function.

    Source: HyperLogLog with 4096 registers and linear counting for small numbers, after Flajolet, Fusy, Gandouet and
    Meunier, 2007; of hashes of 64 bits, so that large numbers need no correction (Heule, Nunkesser and Hall, 2013).

    >>> of = approx_count_distinct.body()
    >>> for number in range(1000):
    ...     of.update(number % 100)
    >>> of.value()
    100
    """

    def __init__(self) -> None:
        self.registers = bytearray(_REGISTERS)
        self.total = _REGISTERS * _SCALE
        self.empty = _REGISTERS

    def update(self, val: T) -> None:
        """Take in one value."""
        digest = hashlib.blake2b(identity_text(val).encode(), digest_size=8).digest()
        found = int.from_bytes(digest, "big")
        rest = found & ((1 << _REST) - 1)
        self.raise_to(found >> _REST, _REST - rest.bit_length() + 1)

    def raise_to(self, register: int, rank: int) -> None:
        """Let a register be at least of this rank."""
        before = self.registers[register]
        if rank > before:
            self.registers[register] = rank
            self.total += (_SCALE >> rank) - (_SCALE >> before)
            self.empty -= not before

    def value(self) -> int:
        """The number so far."""
        estimate = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS * _REGISTERS / (self.total / _SCALE)
        if self.empty and estimate <= 2.5 * _REGISTERS:
            estimate = _REGISTERS * math.log(_REGISTERS / self.empty)
        return round(estimate)

    def merge(self, other: "approx_count_distinct[T]") -> None:
        """Take in the values of further rows."""
        for register, rank in enumerate(other.registers):
            self.raise_to(register, rank)
