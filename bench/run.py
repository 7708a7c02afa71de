"""Run the benchmarks: ours, the peer and the floor in turns, so that noise hits all alike; print one table.

python bench/run.py [--case NAME ...] [--all] [--repeat 3] [--n N] [--peer PYTHON] [--out docs/performance.md]
"""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cases import EXTRA, STAGE, Case
from peer import VERSION, PeerUnavailable, peer_python
from process import find_package, run_workload
from report import FLOOR, OURS, PEER, Row, Run, losses, notes, replace_between_markers, rows_of, table

BENCH = Path(__file__).resolve().parent
SRC = BENCH.parent / "src"
WORKLOADS = BENCH / "workloads"


@dataclass(frozen=True, slots=True)
class Implementation:
    """A Python, the folders it may import from, and the folder of the scripts it runs."""

    name: str
    python: str
    paths: tuple[Path, ...]
    scripts: Path


def main() -> None:
    options = parse_options()
    implementations, remarks = find_implementations(options.peer)
    rows: list[Row] = []
    for case in chosen(options):
        runs = run_case(case, implementations, options)
        rows += rows_of(case.name, runs)
        remarks += notes(case.name, runs)
    body = compose(rows, remarks, options.repeat)
    print(body)
    if options.out:
        options.out.write_text(replace_between_markers(options.out.read_text(), body))


def parse_options() -> argparse.Namespace:
    names = [case.name for case in (*STAGE, *EXTRA)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=names, metavar="NAME", help=f"one or more of: {', '.join(names)}")
    parser.add_argument("--all", action="store_true", help="every case, not only those of the first five")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each implementation; the table shows medians")
    parser.add_argument("--n", type=int, help="rows, instead of each case's own number")
    parser.add_argument(
        "--peer", help="a Python that has the peer, instead of one installed on demand; 'none' for none"
    )
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="limit of one run")
    parser.add_argument("--out", type=Path, help="also write the table between the markers of this page")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases asked for, in the order of the tables in `cases.py`."""
    if options.case:
        return [case for case in (*STAGE, *EXTRA) if case.name in options.case]
    return [*STAGE, *EXTRA] if options.all else list(STAGE)


def find_implementations(peer: str | None) -> tuple[list[Implementation], list[str]]:
    """Who takes part, and a remark on who does not; checks that neither package is importable where the other is."""
    ours = Implementation(OURS, sys.executable, (WORKLOADS, SRC), WORKLOADS)
    floor = Implementation(FLOOR, sys.executable, (BENCH / "floor", WORKLOADS, SRC), BENCH / "floor")
    origin = find_package(ours.python, ours.paths)
    if origin is None or not Path(origin).is_relative_to(SRC):
        raise SystemExit(f"{ours.python} would import pixeltable from {origin}, not from {SRC}")
    if peer == "none":
        return [ours, floor], ["- the peer was left out"]
    try:
        other = Implementation(PEER, peer or peer_python(), (WORKLOADS,), WORKLOADS)
    except PeerUnavailable as error:
        return [ours, floor], [f"- the peer could not be installed: `{error}`"]
    origin = find_package(other.python, other.paths)
    if origin is None or Path(origin).is_relative_to(BENCH.parent):
        raise SystemExit(f"{other.python} has no pixeltable of its own; it would import {origin}")
    return [ours, other, floor], []


def run_case(
    case: Case, implementations: Sequence[Implementation], options: argparse.Namespace
) -> dict[str, list[Run]]:
    """All runs of a case, in turns; each turn begins with another implementation.

    One that measured nothing at all is not tried again.
    """
    able = [each for each in implementations if (each.scripts / f"{case.workload}.py").exists()]
    runs: dict[str, list[Run]] = {each.name: [] for each in implementations}
    for turn in range(options.repeat):
        for each in rotated(able, turn):
            if runs[each.name] and not runs[each.name][0].samples:
                continue
            print(f"{case.name}: {each.name}, {turn + 1} of {options.repeat}", file=sys.stderr, flush=True)
            script = each.scripts / f"{case.workload}.py"
            run = run_workload(
                each.python,
                script,
                arguments=case.arguments(options.n),
                paths=each.paths,
                timeout_s=options.timeout,
            )
            runs[each.name].append(run)
    return runs


def rotated(items: Sequence[Implementation], by: int) -> list[Implementation]:
    """The items, beginning with another one each turn."""
    start = by % len(items)
    return [*items[start:], *items[:start]]


def compose(rows: Sequence[Row], remarks: Sequence[str], repeat: int) -> str:
    """The part of the page between its markers: machine, command, table, where ours loses, remarks."""
    command = shlex.join(["python", "bench/run.py", *without_paths(sys.argv[1:])])
    parts = [
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}; peer: "
        f"pixeltable {VERSION}; medians of {repeat} runs. Command: `{command}`",
        table(rows),
        "### Where ours loses\n\n" + ("\n".join(losses(rows)) or "In no row of this table."),
    ]
    if remarks:
        said = "\n".join(remarks).replace(str(BENCH.parent), ".").replace(str(Path.home()), "~")
        parts.append(f"### Errors and remarks\n\n{said}")
    return "\n\n".join(parts)


def without_paths(arguments: Sequence[str]) -> list[str]:
    """The command line without the options that name files of this machine."""
    named = ("--peer", "--out")
    hidden = {i for i, text in enumerate(arguments) if text in named}
    return [
        text
        for i, text in enumerate(arguments)
        if i not in hidden and i - 1 not in hidden and not text.startswith(tuple(f"{name}=" for name in named))
    ]


if __name__ == "__main__":
    main()
