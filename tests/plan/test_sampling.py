"""A sample chooses the same rows in SQL and in Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.properties import InShare
from pixeltable.plan.query import Sample
from pixeltable.plan.sampling import is_share_of, row_hash, share_of, threshold
from pixeltable.types.column_type import IntType
from tests.engines import StoredRows, examples, run_in_python

ROW = ColumnRef(1, 1, "r", IntType())
ids = st.integers(0, 2**63 - 1) | st.integers(0, 2**20)


@pytest.mark.parametrize(
    ("seed", "fraction"), [(0, 0.0), (1, 1e-9), (1, 0.1), (-7, 0.5), (2**32 - 1, 0.75), (3, 1 - 2**-40), (4, 1.0)]
)
def test_both_engines_choose_the_same_rows(ns: str, seed: int, fraction: float) -> None:
    rows = [{"r": row} for row in [0, 2**63 - 1, *examples(ids, 200)]]
    share = InShare(ROW, seed, fraction)
    in_python = run_in_python(share, rows)
    assert in_python == StoredRows(f"{ns}/t", {"r": IntType()}, rows).run(share)
    assert abs(sum(in_python) / len(rows) - fraction) < 0.15


@given(row=ids, seed=st.integers(), fraction=st.floats(0, 1), more=st.floats(0, 1))
def test_what_is_in_a_fraction_is_in_a_greater_one(row: int, seed: int, fraction: float, more: float) -> None:
    low, high = sorted((fraction, more))
    text = row_hash(row, seed)[:8]
    assert text >= threshold(low) or text < threshold(high)


def test_a_seed_that_nobody_gave_may_be_another() -> None:
    share = share_of(Sample(1, fraction=0.5), 7)
    assert is_share_of(share, Sample(1, fraction=0.5))
    assert is_share_of(share, Sample(2, fraction=0.5, drawn=True))
    assert not is_share_of(share, Sample(2, fraction=0.5))
    assert not is_share_of(share, Sample(1, fraction=0.4, drawn=True))
    assert not is_share_of(share, None)
    assert is_share_of(None, None)
