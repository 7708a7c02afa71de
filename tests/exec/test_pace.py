"""How many rows the next batch has: as many as are done in a moment, whichever way they come out."""

import pytest

from pixeltable.exec import pace
from pixeltable.exec.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def perf_counter(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(pace, "time", found)
    return found


def after(work: Pace, clock: Clock, batches: int, *, rate: float) -> list[int]:
    """The sizes of batches whose rows are done at a rate a second, one batch after the other."""
    work.begin()
    sizes = []
    for _ in range(batches):
        sizes.append(work.size)
        clock.now_s += work.size / rate
        work.done(work.size)
    return sizes


@pytest.mark.parametrize("first", [1, 64])
@pytest.mark.parametrize("rate", [0.1, 10, 1000, 100_000])
def test_a_batch_takes_a_quarter_of_a_second(clock: Clock, first: int, rate: float) -> None:
    sizes = after(Pace(100_000, first=first), clock, 12, rate=rate)
    assert sizes[-1] == pytest.approx(max(1, min(20_000, rate / 4)), rel=0.05, abs=1)


def test_batches_grow_step_by_step(clock: Clock) -> None:
    assert after(Pace(100_000), clock, 5, rate=1e9) == [64, 256, 1024, 4096, 16384]


def test_a_small_limit_is_kept_to(clock: Clock) -> None:
    assert set(after(Pace(10), clock, 5, rate=1e9)) == {10}


def test_batches_that_come_out_in_bursts_are_not_taken_for_quick_ones(clock: Clock) -> None:
    """Four batches side by side, each done after two seconds."""
    work = Pace(100_000, look_s=0.05)
    work.begin()
    for _ in range(8):
        under_way = [work.size] * 4
        clock.now_s += 2.0
        for rows in under_way:
            clock.now_s += 0.0001
            work.done(rows)
    assert work.size <= 64


def test_large_cells_make_small_batches(clock: Clock) -> None:
    work = Pace(100_000)
    after(work, clock, 4, rate=1e9)
    work.done(4096, size_bytes=4096 * 2**20)
    assert work.size <= 32
