"""`Retry`: which exceptions of a function are worth another try, how often, after what pause; `Policy` of a column."""

import random
from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import InvalidArgument


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a call again after an exception of one of the classes `on`, at most `times` times; others fail at once.

    So does an exception that says itself that another try cannot help, by an attribute `is_retryable` that is False.

    The pause before try n+1 is drawn between half of `wait_s * 2**(n-1)`, at most `max_wait_s`, and all of it; an
    exception with a `retry_after` (seconds) waits at least that long.

    >>> Retry(on=(TimeoutError,), times=2).applies(TimeoutError(), attempt=3)
    False
    """

    on: tuple[type[BaseException], ...] = (Exception,)
    times: int = 5
    wait_s: float = 1.0
    max_wait_s: float = 60.0

    def __post_init__(self) -> None:
        kinds: Any = self.on
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        object.__setattr__(self, "on", kinds)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
            raise InvalidArgument(f"Retry(on=...) takes exception classes, got {self.on!r}")
        if type(self.times) is not int or self.times < 0:
            raise InvalidArgument(f"Retry(times=...) must be a non-negative int, got {self.times!r}")
        if self.wait_s < 0 or self.max_wait_s < self.wait_s:
            raise InvalidArgument("Retry() needs 0 <= wait_s <= max_wait_s")

    def applies(self, error: BaseException, *, attempt: int) -> bool:
        """Whether there is another try after `error` ended try number `attempt`, counted from 1."""
        if getattr(error, "is_retryable", True) is False:
            return False
        return attempt <= self.times and isinstance(error, self.on)

    def pause_s(self, error: BaseException, *, attempt: int) -> float:
        """How long to wait before the next try, in seconds."""
        longest = min(self.wait_s * 2.0 ** min(attempt - 1, 1000), self.max_wait_s)  # 2.0 ** 1024 is no float
        asked: Any = getattr(error, "retry_after", None)
        return max(longest * random.uniform(0.5, 1.0), float(asked) if isinstance(asked, int | float) else 0.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a column says of the calls in it, over what their functions say."""

    retry: Retry | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        check_limits(self.retry, self.timeout_s)


def check_limits(retry: Any, timeout_s: Any) -> None:
    """Refuse what is no `Retry` and what is no time.

    Raises:
        InvalidArgument: naming the argument.
    """
    if retry is not None and not isinstance(retry, Retry):
        raise InvalidArgument(f"retry takes a pxt.Retry, got {type(retry).__name__}")
    if timeout_s is not None and (not isinstance(timeout_s, int | float) or not timeout_s > 0):
        raise InvalidArgument(f"timeout_s must be a positive number, got {timeout_s!r}")
