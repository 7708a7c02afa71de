"""What is said of an operation under way, beside its bar."""

from pixeltable.exec.watcher import Sight


def facts(sight: Sight) -> list[tuple[str, bool]]:
    """The facts in order, each with whether it is a bad one.

    >>> from pixeltable.exec.tally import Calls
    >>> [text for text, _ in facts(Sight(1, "Inserting", 40, 100, 2, Calls(38, 2), 4.0, 10.0))]
    ['40 of 100 rows', '10 rows/s', '0:06 left', '2 failed', '38 calls', '2 from cache']
    """
    calls = sight.calls
    rows = f"{sight.done:,} rows" if sight.total is None else f"{sight.done:,} of {sight.total:,} rows"
    found = [(rows if sight.done or sight.total else "", False), (_rate(sight.rate), False)]
    found.append((f"{clock(sight.elapsed_s)}" if sight.eta_s is None else f"{clock(sight.eta_s)} left", False))
    found.append((f"{sight.failed:,} failed" if sight.failed else "", True))
    counted = (
        (calls.made, "calls"), (calls.cached, "from cache"), (calls.retries, "retries"),
        (calls.input_tokens + calls.output_tokens, "tokens"),
    )  # fmt: skip
    found += [(f"{number:,} {noun}" if number else "", False) for number, noun in counted]
    return [(text, is_bad) for text, is_bad in found if text]


def clock(seconds: float) -> str:
    """A span as people read it.

    >>> clock(7.4), clock(754), clock(7384)
    ('0:07', '12:34', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _rate(rate: float) -> str:
    return f"{rate:,.{0 if rate >= 10 else 2}f} rows/s" if rate else ""
