from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltable.exceptions import InvalidArgument, ProviderFailure, ProviderRejected, RateLimited
from pixeltable.udfs.retry import Retry


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (TimeoutError(), 1, True),
        (TimeoutError(), 2, True),
        (TimeoutError(), 3, False),
        (KeyError(), 1, False),
        (KeyboardInterrupt(), 1, False),
    ],
)
def test_classes_and_times_decide(error: BaseException, attempt: int, expected: bool) -> None:
    assert Retry(on=(OSError,), times=2).applies(error, attempt=attempt) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ProviderFailure("p", "x"), True), (RateLimited("p", "x"), True), (ProviderRejected("p", "x"), False)],
)
def test_error_that_cannot_be_helped_is_not_tried_again(error: ProviderFailure, expected: bool) -> None:
    assert Retry().applies(error, attempt=1) == expected


def test_one_class_needs_no_tuple() -> None:
    assert Retry(on=ValueError).on == (ValueError,)  # type: ignore[arg-type]


@given(attempt=st.integers(1, 2000), wait_s=st.floats(0, 10), more_s=st.floats(0, 100))
def test_pause_doubles_up_to_the_longest_and_varies_by_half(attempt: int, wait_s: float, more_s: float) -> None:
    longest = min(wait_s * 2.0 ** min(attempt - 1, 1000), wait_s + more_s)
    pause_s = Retry(wait_s=wait_s, max_wait_s=wait_s + more_s).pause_s(ValueError(), attempt=attempt)
    assert longest / 2 <= pause_s <= longest


def test_pause_is_as_long_as_the_error_asks() -> None:
    assert Retry(wait_s=0).pause_s(RateLimited("p", "x", retry_after=90.0), attempt=1) == 90.0


def test_odd_wish_of_an_error_is_ignored() -> None:
    error = ValueError()
    error.retry_after = "soon"  # type: ignore[attr-defined]
    assert Retry(wait_s=0).pause_s(error, attempt=1) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [{"on": ()}, {"on": ("ValueError",)}, {"on": (KeyboardInterrupt,)}, {"times": -1}, {"times": 1.5}, {"wait_s": -1},
     {"wait_s": 2, "max_wait_s": 1}],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="Retry"):
        Retry(**arguments)
