"""The law: whatever happens to calls, no window ever sees more of them than the limit and one call allow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltable.providers.pacing import CATCH_UP_S, Granted, LocalPace
from pixeltable.providers.pools import HEADROOM
from pixeltable.udfs.report import LearntLimit
from tests.providers.calls import Call, call_lists, learnt, make_all, most, pool_with
from tests.providers.virtual_time import run

WINDOWS_S = (0.05, 1.0, 10.0, 60.0)
ROUNDING_S = 1e-5


def allowed(per_minute: float, window_s: float) -> int:
    """What the law allows in a window: the pace, what may be caught up, and the call that begins it."""
    return int(per_minute / 60 * (1 - HEADROOM) * (window_s + CATCH_UP_S + ROUNDING_S)) + 1


@settings(max_examples=60, deadline=None)
@given(limit=st.sampled_from([30, 600, 6000, 20_000]), calls=call_lists(learnt(st.integers(10, 30_000))))
def test_no_window_sees_more_than_what_is_configured(limit: int, calls: list[Call]) -> None:
    times = [admission.at_s for admission in run(make_all(pool_with(limit), calls))]
    assert [w for w in WINDOWS_S if most(times, w) > allowed(limit, w)] == []


@settings(max_examples=60, deadline=None)
@given(limit=st.sampled_from([60, 1000, 20_000]), data=st.data())
def test_no_window_sees_more_than_what_was_learnt(limit: int, data: st.DataObject) -> None:
    first = Call(limits={"requests": LearntLimit(limit)})
    later = data.draw(call_lists(learnt(st.integers(1, limit))))
    admitted = run(make_all(pool_with(None, "rate-limits:acme:m"), [first, Call(after_s=0.1), *later]))
    times = [admission.at_s for admission in admitted[1:]]
    assert [w for w in WINDOWS_S if most(times, w) > allowed(limit, w)] == []


tokens = st.integers(0, 500).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most)))


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.tuples(tokens, st.sampled_from([0.0, 0.02, 1.0]), st.sampled_from([0.0, 0.7])), max_size=40))
def test_no_window_sees_more_tokens_than_the_limit_and_one_call(
    sizes: list[tuple[tuple[int, int], float, float]],
) -> None:
    calls = [
        Call(after_s=after_s, lasts_s=lasts_s, estimate={"tokens": most_tokens}, used={"tokens": used})
        for (most_tokens, used), after_s, lasts_s in sizes
    ]
    admitted = run(make_all(pool_with({"tokens": 6000}), calls))
    for window_s in WINDOWS_S:
        for first in admitted:
            seen = sum(a.call.used["tokens"] for a in admitted if first.at_s <= a.at_s < first.at_s + window_s)
            assert seen <= 100 * (window_s + CATCH_UP_S + ROUNDING_S) + 500


@pytest.mark.parametrize("window_s", [1.0, 60.0])
@pytest.mark.parametrize("limit", [60, 600, 6000, 20_000])
def test_server_that_counts_by_the_second_or_the_minute_sees_no_more_than_the_limit(
    limit: int, window_s: float
) -> None:
    number = min(limit // 20, 300) + 5
    times = [admission.at_s for admission in run(make_all(pool_with(limit), [Call(lasts_s=0.5)] * number))]
    assert most(times, window_s) <= limit / 60 * window_s


def test_pace_catches_up_after_being_late_but_only_so_much() -> None:
    pace, planned = LocalPace(), []
    for now in (10.0, 10.095, 10.5):  # as planned, a little late, very late
        pace.take(1, interval_s=0.1, now=now)
        planned.append(pace.next_s)
    assert planned == pytest.approx([10.1 - CATCH_UP_S, 10.2 - CATCH_UP_S, 10.6 - CATCH_UP_S])


spans = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5)), max_size=8)


@given(spans=spans, steps=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 3)), max_size=20))
def test_granted_time_is_used_once_and_only_in_its_time(
    spans: list[tuple[float, int]], steps: list[tuple[float, int]]
) -> None:
    granted, end_s, now = Granted(), 0.0, 0.0
    for gap_s, slots in spans:
        granted.add(end_s + gap_s, end_s + gap_s + slots * 0.1)
        end_s += gap_s + slots * 0.1
    used = []
    for wait_s, amount in steps:
        now += wait_s
        granted.forget_past(interval_s=0.1, now=now)
        if granted.has(amount, interval_s=0.1):
            now = max(now, granted.next_s)
            granted.take(amount, interval_s=0.1)
            used.append((now, amount))
    assert granted.debt == pytest.approx(0.0, abs=1e-3)
    for start_s, first in used:
        seen = sum(amount for at_s, amount in used if start_s <= at_s < start_s + 1.0)
        assert seen <= (1.0 + CATCH_UP_S + ROUNDING_S) / 0.1 + max(first, 3)
