"""Receipts: what an operation answers with, from what was counted while it ran."""

import time
from typing import Any

from pixeltable.exec.tally import Tally
from pixeltable.types.status import RowCountStats, UpdateStatus


def receipt(
    tally: Tally,
    start: float,
    stats: RowCountStats | None = None,
    *,
    cascade: RowCountStats | None = None,
    updated_cols: list[str] | None = None,
    cols_with_excs: list[str] | None = None,
    rows: list[dict[str, Any]] | None = None,
) -> UpdateStatus:
    """The receipt of an operation that began at `start`, a time of `time.perf_counter()`."""
    calls = tally.calls
    return UpdateStatus(
        updated_cols=updated_cols or [],
        cols_with_excs=cols_with_excs or [],
        rows=rows,
        row_count_stats=stats or RowCountStats(),
        cascade_row_count_stats=cascade or RowCountStats(),
        num_cached=calls.cached,
        num_calls=calls.made,
        num_retries=calls.retries,
        input_tokens=calls.input_tokens,
        output_tokens=calls.output_tokens,
        cost_usd=None if calls.input_tokens or calls.output_tokens else 0.0,  # no prices are known
        seconds=time.perf_counter() - start,
    )
