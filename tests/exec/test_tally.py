"""Shares of columns in the counts of an operation."""

from pixeltable.exec.tally import Calls, Part, Tally


def test_without_shares_all_is_one() -> None:
    tally = Tally()
    assert tally.part("a") is tally


def test_calls_of_a_share_count_for_the_operation() -> None:
    tally = Tally()
    tally.parts = {}
    tally.part("a").add(Calls(made=2))
    tally.part("b").add(Calls(made=3))
    assert (tally.parts["a"].calls.made, tally.calls.made) == (2, 5)


def test_rows_of_a_share_are_not_rows_of_the_operation() -> None:
    tally = Tally()
    tally.parts = {}
    tally.part("a").advance(7)
    assert (tally.parts["a"].rows, tally.rows) == (7, 0)


def test_shares_belong_to_one_operation() -> None:
    tally = Tally()
    tally.parts = {}
    assert tally.part("a").operation is tally.part("b").operation is tally


def test_a_span_counts_when_all_work_in_it_is_done() -> None:
    part = Part(Tally())
    part.begin()
    part.begin()
    part.end()
    before = part.seconds
    part.end()
    assert before == 0 < part.seconds
