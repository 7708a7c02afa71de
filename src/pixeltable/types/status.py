"""The receipt of an operation: rows touched, cells failed, calls made and what they cost."""

import html
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class RowCountStats:
    """How many rows and cells one operation touched in one table, or in several taken together."""

    ins_rows: int = 0
    del_rows: int = 0
    upd_rows: int = 0
    num_excs: int = 0
    computed_values: int = 0

    @property
    def num_rows(self) -> int:
        return self.ins_rows + self.del_rows + self.upd_rows

    def __add__(self, other: "RowCountStats") -> "RowCountStats":
        if not isinstance(other, RowCountStats):
            return NotImplemented
        return RowCountStats(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True, repr=False)
class UpdateStatus:
    """What an operation did; statuses of successive operations can be added.

    `row_count_stats` is about the table the call was made on, `cascade_row_count_stats` about its views. `num_calls`
    counts calls of models and other remote functions, `num_cached` those that a remembered result made unnecessary.
    `cost_usd` is None if the price of any call is unknown.

    >>> UpdateStatus(row_count_stats=RowCountStats(ins_rows=79), seconds=0.12)
    UpdateStatus(row_count_stats=RowCountStats(ins_rows=79, del_rows=0, upd_rows=0, num_excs=0, computed_values=0), \
seconds=0.12)
    """

    updated_cols: list[str] = field(default_factory=list)
    cols_with_excs: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] | None = None
    row_count_stats: RowCountStats = field(default_factory=RowCountStats)
    cascade_row_count_stats: RowCountStats = field(default_factory=RowCountStats)
    num_cached: int = 0
    num_calls: int = 0
    num_retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    seconds: float = 0.0

    @property
    def num_rows(self) -> int:
        """Rows inserted, updated or deleted, in the table and its views."""
        return self._total.num_rows

    @property
    def num_excs(self) -> int:
        """Cells that failed, in the table and its views."""
        return self._total.num_excs

    @property
    def num_computed_values(self) -> int:
        """Cells computed, in the table and its views."""
        return self._total.computed_values

    @property
    def pxt_rows_updated(self) -> int:
        """Rows updated, in the table and its views."""
        return self._total.upd_rows

    @property
    def _total(self) -> RowCountStats:
        return self.row_count_stats + self.cascade_row_count_stats

    def insert_msg(self, start_ts: float | None = None) -> str:
        """One line about an insert; rows of views count. `start_ts` is `time.monotonic()` at its start, if known."""
        seconds = self.seconds if start_ts is None else time.monotonic() - start_ts
        return f"Inserted {_count(self.num_rows, 'row')}{self._errors()}{_pace(self.num_rows, seconds)}"

    def summary(self) -> str:
        """One line about any operation.

        >>> UpdateStatus(row_count_stats=RowCountStats(ins_rows=79), seconds=0.12).summary()
        'Inserted 79 rows with 0 errors in 0.12 s (658 rows/s)'
        """
        stats = self.row_count_stats
        done = [
            f"{verb} {_count(number, 'row')}"
            for verb, number in (("inserted", stats.ins_rows), ("updated", stats.upd_rows), ("deleted", stats.del_rows))
            if number
        ]
        if self.cascade_row_count_stats.num_rows:
            done.append(f"changed {_count(self.cascade_row_count_stats.num_rows, 'row')} of views")
        if not done and stats.computed_values:  # an index was built: no row is another one for it
            done.append(f"computed {_count(stats.computed_values, 'value')}")
        text = ", ".join(done) or "changed 0 rows"
        pace = (
            _pace(self.num_rows, self.seconds)
            if self.num_rows
            else _pace(stats.computed_values, self.seconds, "values")
        )
        return text.capitalize() + self._errors() + pace + self._calls()

    def __add__(self, other: "UpdateStatus") -> "UpdateStatus":
        if not isinstance(other, UpdateStatus):
            return NotImplemented
        return UpdateStatus(
            updated_cols=_merge(self.updated_cols, other.updated_cols),
            cols_with_excs=_merge(self.cols_with_excs, other.cols_with_excs),
            rows=None if self.rows is None and other.rows is None else [*(self.rows or ()), *(other.rows or ())],
            row_count_stats=self.row_count_stats + other.row_count_stats,
            cascade_row_count_stats=self.cascade_row_count_stats + other.cascade_row_count_stats,
            num_cached=self.num_cached + other.num_cached,
            num_calls=self.num_calls + other.num_calls,
            num_retries=self.num_retries + other.num_retries,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd,
            seconds=self.seconds + other.seconds,
        )

    def __repr__(self) -> str:
        """Only what differs from an empty status; of `rows` the number."""
        empty = UpdateStatus()
        shown = [
            f"{f.name}=[{_count(len(self.rows), 'row')}]"
            if f.name == "rows" and self.rows is not None
            else f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(empty, f.name)
        ]
        return f"UpdateStatus({', '.join(shown)})"

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(self.summary())}</div>"

    def _errors(self) -> str:
        text = f" with {_count(self.num_excs, 'error')}"
        if self.num_excs and self.cols_with_excs:
            text += f" across {_count(len(self.cols_with_excs), 'column')} ({', '.join(self.cols_with_excs)})"
        return text

    def _calls(self) -> str:
        tokens = self.input_tokens + self.output_tokens
        facts = [
            _count(self.num_calls, "call") if self.num_calls else "",
            f"{self.num_cached} from cache" if self.num_cached else "",
            _count(self.num_retries, "retry", "retries") if self.num_retries else "",
            _count(tokens, "token") if tokens else "",
            "cost unknown" if self.cost_usd is None else f"${self.cost_usd:.4f}" if self.cost_usd else "",
        ]
        said = ", ".join(fact for fact in facts if fact)
        return f"; {said}" if said else ""


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _pace(number: int, seconds: float, noun: str = "rows") -> str:
    if seconds <= 0:
        return ""
    if not number:
        return f" in {seconds:.2f} s"
    rate = number / seconds
    return f" in {seconds:.2f} s ({rate:.{0 if rate >= 10 else 2}f} {noun}/s)"


def _merge(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """The names of both, each once, in the order they first come up."""
    return list(dict.fromkeys([*first, *second]))
