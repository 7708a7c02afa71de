"""What the body of a function can say about the call it is in, beside its result: tokens, and limits it was told."""

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class CallReport:
    """Filled in by the function while it runs; read by whoever called it.

    `usage` is what the call took of each resource ("requests", "tokens", ...); `limits` is what a provider said about
    them, as parsed from the headers of its answer.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    model: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    limits: "dict[str, LearntLimit]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LearntLimit:
    """A resource as a provider described it: so many a minute, so many left now, all back after `reset_s`."""

    per_minute: int
    remaining: int | None = None
    reset_s: float | None = None


_CURRENT: ContextVar[CallReport | None] = ContextVar("pixeltable_call_report", default=None)


def call_report() -> CallReport:
    """The report of the call under way; one that nobody reads where there is none."""
    return _CURRENT.get() or CallReport()


def begin_report() -> CallReport:
    """A new report, which `call_report()` returns from now on in this task or thread."""
    report = CallReport()
    _CURRENT.set(report)
    return report
