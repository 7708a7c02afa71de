"""Arguments, clocks and the JSON lines of every workload and floor; nothing here knows what is measured."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any


def parse(default_n: int, **extra: Any) -> argparse.Namespace:
    """Read `--n` and one option per keyword, each with its default's type."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=default_n)
    for name, default in extra.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def emit(case: str, n: int, seconds: float, *, value: float | None = None, unit: str = "s", **extra: Any) -> None:
    """Print one result; the table shows `value` in `unit`, which is `seconds` in "s" unless given."""
    shown = seconds if value is None else value
    record = {"case": case, "n": n, "seconds": round(seconds, 5), "value": round(shown, 5), "unit": unit, **extra}
    print(json.dumps(record), flush=True)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds of one call, and what it returned."""
    start_s = time.perf_counter()
    result = work()
    return time.perf_counter() - start_s, result


def measure(case: str, n: int, work: Callable[[], Any], **extra: Any) -> Any:
    """Time one call and print it; returns what the call returned."""
    cpu_s = time.process_time()  # of this process alone: steadier than wall time on a shared machine
    seconds, result = timed(work)
    emit(case, n, seconds, cpu_s=round(time.process_time() - cpu_s, 4), **extra)
    return result


def attempt(case: str, n: int, work: Callable[[], Any]) -> Any:
    """As `measure`, for a step the rest does not need: a failure is printed and None returned."""
    try:
        return measure(case, n, work)
    except Exception as error:  # noqa: BLE001 - the failure of this step is its result
        emit_failure(case, n, error)
        return None


def emit_failure(case: str, n: int, error: Exception) -> None:
    """Print that a step failed, in the words of the first line of its error."""
    first_line = (str(error).splitlines() or [""])[0]
    print(json.dumps({"case": case, "n": n, "failed": f"{type(error).__name__}: {first_line[:200]}"}), flush=True)


def latencies(case: str, work: Callable[[int], Any], repeats: int, **extra: Any) -> None:
    """Time `work(1)` to `work(repeats)` one by one; `work(0)` warms up and does not count."""
    work(0)
    emit_latencies(case, [timed(lambda i=i: work(i))[0] for i in range(1, repeats + 1)], **extra)


def emit_latencies(case: str, seconds: Iterable[float], **extra: Any) -> None:
    """Print the median call as the value; p95, p99, maximum and mean beside it, all in milliseconds."""
    ordered = sorted(1000 * x for x in seconds)
    if not ordered:
        print(json.dumps({"case": case, "n": 0, "failed": "no call came back", **extra}), flush=True)
        return

    def quantile(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)

    emit(
        case,
        len(ordered),
        sum(ordered) / 1000,
        value=quantile(0.5),
        unit="ms",
        p95_ms=quantile(0.95),
        p99_ms=quantile(0.99),
        max_ms=round(ordered[-1], 4),
        mean_ms=round(statistics.mean(ordered), 4),
        **extra,
    )
