"""Programs in processes of their own, to be killed; each line a program prints is an event a test can wait for."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pixeltable as pxt
from pixeltable.storage import server_user

# Tests create no system user: an embedded server that a program starts runs under the account tests have for it.
PRELUDE = """
import os, sys, threading, time
from pathlib import Path
from pixeltable.storage import server_user
server_user.SERVICE_NAME = {account!r}
import pixeltable as pxt

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # one line whichever threads write
"""


@dataclass
class Program:
    """A Python program that runs."""

    process: "subprocess.Popen[str]"

    def line(self) -> str:
        """The next line it prints; empty if it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def expect(self, wanted: str) -> None:
        found = self.line()
        assert found == wanted, f"{found!r} where {wanted!r} was expected"

    def rest(self) -> list[str]:
        """What it prints until it ends."""
        assert self.process.stdout is not None
        return [line.strip() for line in self.process.stdout]

    def kill(self) -> None:
        """What `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def succeed(self) -> list[str]:
        """Wait for its end; the lines it printed."""
        lines = self.rest()
        assert self.process.wait() == 0, lines
        return lines


@dataclass
class Programs:
    """Starts programs in `folder`, which is also on their import path."""

    folder: Path
    environment: Mapping[str, str]
    running: list[Program] = field(default_factory=list)

    def start(self, source: str, *arguments: object) -> Program:
        file = self.folder / f"program{len(self.running)}.py"
        file.write_text(PRELUDE.format(account=server_user.SERVICE_NAME) + dedent(source))
        path = os.pathsep.join([str(self.folder), *sys.path])
        process = subprocess.Popen(
            [sys.executable, str(file), *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env={**self.environment, "PYTHONPATH": path},
        )
        self.running.append(Program(process))
        return self.running[-1]

    def run(self, source: str, *arguments: object) -> list[str]:
        """Start a program and wait for its end; the lines it printed."""
        return self.start(source, *arguments).succeed()

    def end(self) -> None:
        for program in self.running:
            program.process.kill()
            program.process.communicate()


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def calls(log: Path) -> list[int]:
    """The arguments a function of a test was called with; it appends each to the file, as a line of its own."""
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


def assert_versions_complete(table: pxt.Table) -> None:
    """Version numbers have no gap, and what the versions did adds up to the rows there are."""
    versions = table.get_versions()
    assert [version["version"] for version in versions] == list(range(len(versions) - 1, -1, -1))
    assert sum(version["inserts"] - version["deletes"] for version in versions) == table.count()


def cells(table: pxt.Table, *names: str) -> list[tuple[object, ...]]:
    """The rows as tuples, sorted."""
    rows: Iterable[pxt.Row] = table.select(*(table[name] for name in names)).collect()
    return sorted(tuple(row[name] for name in names) for row in rows)
