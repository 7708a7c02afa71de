"""From the output of runs to the table and the page: pure functions. What runs them is in `run.py`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OURS, PEER, FLOOR = "ours", "peer", "floor"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
MORE_IS_BETTER = frozenset({"1/s", "recall", "rows of 10"})
# How an implementation says that it lacks something: its own wording, or Python's for a name that is not there.
MISSING = re.compile(
    r"^(AttributeError|ImportError|ModuleNotFoundError|NotImplementedError)\b|not supported|unsupported"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one run: a value in a unit, or the error that came instead."""

    name: str
    n: int
    value: float | None
    unit: str
    note: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One process: what it measured, the peak of its memory, and the error it ended with."""

    samples: tuple[Sample, ...]
    peak_mb: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What one implementation did for one row: the median of its runs, or why there is none."""

    value: float | None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `memory` is filled on the first line of a case."""

    name: str
    n: int
    unit: str
    cells: Mapping[str, Cell]
    memory: str = ""


def parse_samples(output: str) -> tuple[Sample, ...]:
    """Samples of a workload's standard output; lines that are none of its JSON records are passed over."""
    samples = []
    for line in output.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "case" in record:
            samples.append(
                Sample(
                    name=record["case"],
                    n=record["n"],
                    value=record.get("value"),
                    unit=record.get("unit", "s"),
                    note=record.get("note"),
                    error=record.get("failed"),
                )
            )
    return tuple(samples)


def error_line(stderr: str) -> str:
    """First line of the error a Python process ended with: what follows the frames of its last traceback."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    starts = [i for i, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if starts:
        lines = [line for line in lines[starts[-1] + 1 :] if not line.startswith((" ", "\t"))] or lines
        return lines[0][:300]
    return lines[-1][:300] if lines else "ended without an error message"


def status_of(error: str) -> str:
    """Whether an error says that something is missing, or that something broke."""
    return "not supported" if MISSING.search(error) else "failed"


def rows_of(case: str, runs: Mapping[str, Sequence[Run]]) -> list[Row]:
    """The table's lines of one case: every measurement any implementation made, or one line if none made any."""
    found = {sample.name: sample for sample in sorted_samples(runs)}
    if not found:
        return [Row(case, 0, "s", {name: cell_of(case, runs[name]) for name in runs}, memory_of(runs))]
    return [
        Row(
            name=name,
            n=sample.n,
            unit=sample.unit,
            cells={implementation: cell_of(name, runs[implementation]) for implementation in runs},
            memory="" if i else memory_of(runs),
        )
        for i, (name, sample) in enumerate(found.items())
    ]


def sorted_samples(runs: Mapping[str, Sequence[Run]]) -> list[Sample]:
    """All samples, failed ones first, so that the unit and size of one with a value win; in order of printing."""
    every = [sample for parts in runs.values() for run in parts for sample in run.samples]
    names = {sample.name: None for sample in every}
    ranked = sorted(every, key=lambda sample: sample.value is not None)
    return [sample for name in names for sample in ranked if sample.name == name]


def cell_of(name: str, runs: Sequence[Run]) -> Cell:
    """Median of one measurement over the runs; without a value, the status of the first error."""
    values = [s.value for run in runs for s in run.samples if s.name == name and s.value is not None]
    if values:
        return Cell(median(values))
    errors = [s.error for run in runs for s in run.samples if s.name == name and s.error]
    errors += [run.error for run in runs if run.error]
    return Cell(None, status_of(errors[0]) if errors else "")


def memory_of(runs: Mapping[str, Sequence[Run]]) -> str:
    """Median peaks of ours and the peer, in MB; a run that failed says nothing about memory."""
    parts = []
    for name in (OURS, PEER):
        peaks = [run.peak_mb for run in runs.get(name, ()) if run.peak_mb is not None and not run.error]
        parts.append(f"{median(peaks):.0f}" if peaks else "-")
    return " / ".join(parts)


def ratio(row: Row, above: str, below: str) -> float | None:
    """Value of one cell over that of another; None where either is missing or zero."""
    top, bottom = (row.cells[name].value if name in row.cells else None for name in (above, below))
    return top / bottom if top and bottom else None


def times_better(row: Row) -> float | None:
    """How many times better ours is than the peer; below 1, ours loses."""
    return ratio(row, OURS, PEER) if row.unit in MORE_IS_BETTER else ratio(row, PEER, OURS)


def times_floor(row: Row) -> float | None:
    """How many times ours takes of what the floor takes."""
    return ratio(row, FLOOR, OURS) if row.unit in MORE_IS_BETTER else ratio(row, OURS, FLOOR)


def number(value: float | None) -> str:
    """Three significant digits, no exponent; empty for None."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def show(row: Row, name: str) -> str:
    """Text of one cell: value and unit, or the status, or a dash where there is nothing to compare with."""
    cell = row.cells.get(name, Cell(None))
    if name == FLOOR and cell.status:
        return "failed"  # a floor supports all it is asked for: what it lacks is missing on this machine
    return f"{number(cell.value)} {row.unit}" if cell.value is not None else cell.status or "-"


def table(rows: Iterable[Row]) -> str:
    """The Markdown table."""
    lines = [
        "| case | n | ours | peer | floor | peer / ours | ours / floor | memory MB, ours / peer |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        values = " | ".join(show(row, name) for name in (OURS, PEER, FLOOR))
        ratios = f"{number(times_better(row)) or '-'} | {number(times_floor(row)) or '-'}"
        size = f"{row.n:,}" if row.n else "-"
        lines.append(f"| {row.name} | {size} | {values} | {ratios} | {row.memory or '-'} |")
    return "\n".join(lines)


def losses(rows: Sequence[Row]) -> list[str]:
    """One line per row where the peer is ahead, and one that names the rows where it has a figure and ours has none."""
    lines, absent = [], []
    if all(row.cells.get(PEER, Cell(None)).value is None for row in rows):
        return ["- unknown: the peer has no figure in this table"]
    for row in rows:
        better = times_better(row)
        ours, peer = (row.cells.get(name, Cell(None)) for name in (OURS, PEER))
        if better is not None and better < 1:
            lines.append(f"- {row.name}: {show(row, OURS)} against {show(row, PEER)}, {number(better)} times the peer")
        elif ours.value is None and peer.value is not None:
            absent.append(f"{row.name} ({ours.status or 'not measured'})")
    return [*lines, *([f"- no figure where the peer has one: {', '.join(absent)}"] if absent else [])]


def notes(case: str, runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """One line per error and remark, each once, with how many of the runs had it."""
    lines = []
    for name, parts in runs.items():
        remarks: dict[str, int] = {}
        for run in parts:
            said = [f"{s.name}: {text}" for s in run.samples for text in (s.note, s.error) if text]
            for remark in dict.fromkeys([*said, *([run.error] if run.error else [])]):
                remarks[remark] = remarks.get(remark, 0) + 1
        lines += [f"- {case}, {name}, {count} of {len(parts)} runs: `{text}`" for text, count in remarks.items()]
    return lines


def replace_between_markers(page: str, body: str) -> str:
    """The page with what stands between its two markers replaced; the rest is kept to the letter.

    Raises:
        ValueError: the page does not hold each marker once, in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page needs one line {BEGIN} and, below it, one line {END}")
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{body.strip()}\n\n{END}{rest.split(END)[1]}"
