"""The watcher shows operations that last, each as long as it runs, and never costs one its result."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from pixeltable.exec.tally import Calls, Tally
from pixeltable.exec.watcher import Sight, Watch, Watcher

WAIT_S = 30


class Recorder:
    """A display that remembers what it showed."""

    def __init__(self) -> None:
        self.shown: list[list[str]] = []
        self.sights: list[Sight] = []
        self._changed = threading.Condition()

    def show(self, sights: Sequence[Sight]) -> None:
        with self._changed:
            self.shown.append([sight.title for sight in sights])
            self.sights.extend(sights)
            self._changed.notify_all()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, WAIT_S)


@pytest.fixture
def display() -> Recorder:
    return Recorder()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher(patience_s=0)
    yield watcher
    watcher.close()


def watch(title: str, display: Callable[[], Recorder | None], tally: Tally | None = None) -> Watch:
    return Watch(title, tally or Tally(), display, time.perf_counter())


def test_what_lasts_is_shown_until_it_ends(watcher: Watcher, display: Recorder) -> None:
    work = watch("work", lambda: display)
    watcher.enter(work)
    display.wait_for(lambda: ["work"] in display.shown)
    watcher.leave(work)
    assert display.shown[-1] == []


def test_what_is_quick_is_not_shown(display: Recorder) -> None:
    watcher = Watcher(patience_s=3600)
    for title in "abc":
        work = watch(title, lambda: display)
        watcher.enter(work)
        watcher.leave(work)
    watcher.close()
    assert display.shown == []


def test_operations_at_the_same_time_are_shown_together(watcher: Watcher, display: Recorder) -> None:
    one, two = watch("one", lambda: display), watch("two", lambda: display)
    watcher.enter(one)
    watcher.enter(two)
    display.wait_for(lambda: ["one", "two"] in display.shown)
    watcher.leave(one)
    display.wait_for(lambda: display.shown[-1] == ["two"])
    watcher.leave(two)
    assert display.shown[-1] == []


def test_a_later_operation_is_shown_as_well(watcher: Watcher, display: Recorder) -> None:
    for title in ("first", "second"):
        work = watch(title, lambda: display)
        watcher.enter(work)
        display.wait_for(lambda title=title: [title] in display.shown)  # type: ignore[misc]
        watcher.leave(work)
    assert display.shown[-1] == []


def test_closing_takes_away_what_is_shown(watcher: Watcher, display: Recorder) -> None:
    watcher.enter(watch("work", lambda: display))
    display.wait_for(lambda: ["work"] in display.shown)
    watcher.close()
    assert display.shown[-1] == []


def test_a_display_that_fails_does_not_reach_the_operation(watcher: Watcher) -> None:
    tried = threading.Event()

    def broken() -> Recorder:
        tried.set()
        raise OSError("the terminal is gone")

    work = watch("work", broken)
    watcher.enter(work)
    assert tried.wait(WAIT_S)
    watcher.leave(work)


def test_where_nothing_can_be_shown_nothing_is(watcher: Watcher) -> None:
    asked = threading.Event()
    work = watch("work", lambda: asked.set())  # type: ignore[arg-type, return-value]  # None is no display
    watcher.enter(work)
    assert asked.wait(WAIT_S)
    watcher.leave(work)


def test_rows_to_do_are_counted_when_an_operation_lasts(watcher: Watcher, display: Recorder) -> None:
    tally = Tally()
    tally.count_total = lambda: 70
    work = watch("work", lambda: display, tally)
    watcher.enter(work)
    display.wait_for(lambda: bool(display.sights) and display.sights[-1].total == 70)
    watcher.leave(work)


def test_rows_that_cannot_be_counted_stay_unknown(watcher: Watcher, display: Recorder) -> None:
    counted = threading.Event()

    def count() -> int:
        counted.set()
        raise OSError("no connection")

    tally = Tally()
    tally.count_total = count
    work = watch("work", lambda: display, tally)
    watcher.enter(work)
    assert counted.wait(WAIT_S)
    watcher.leave(work)
    assert tally.total is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_wait_for_its_parents_display(watcher: Watcher, display: Recorder) -> None:
    work = watch("work", lambda: display)
    watcher.enter(work)
    display.wait_for(lambda: ["work"] in display.shown)
    pid = os.fork()
    if pid == 0:
        watcher.leave(work)
        watcher.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    watcher.leave(work)


def test_the_time_left_comes_from_the_rate() -> None:
    sight = Sight(1, "work", 40, 100, 0, Calls(), 4.0, rate=10.0)
    assert sight.eta_s == 6.0


@pytest.mark.parametrize(("total", "rate"), [(None, 10.0), (100, 0.0)], ids=["no total", "no rate yet"])
def test_the_time_left_may_be_unknown(total: int | None, rate: float) -> None:
    assert Sight(1, "work", 40, total, 0, Calls(), 4.0, rate).eta_s is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    tally = Tally()
    work = Watch("work", tally, Recorder, started=0.0)
    tally.advance(1000)
    work.sight(1.0)
    for second in range(2, 40):
        tally.advance(10)
        rate = work.sight(float(second)).rate
    assert rate == pytest.approx(10)


def test_more_rows_than_expected_are_still_no_more_than_all() -> None:
    tally = Tally()
    tally.total = 10
    tally.advance(15)
    sight = Watch("work", tally, Recorder, started=0.0).sight(1.0)
    assert (sight.done, sight.total) == (15, 15)
