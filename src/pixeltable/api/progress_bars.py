"""Operations under way as bars, drawn by rich: on a terminal, and in a notebook.

rich is imported when something is shown. Both are used by one thread; what a program prints meanwhile comes from any.
"""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

from pixeltable.api.progress_facts import facts
from pixeltable.api.terminals import is_terminal
from pixeltable.exec.watcher import Sight

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_BAR_WIDTH = 24


def bars(sights: Sequence[Sight]) -> "Table":
    """A line for each operation: title, bar, facts. Without a total the bar moves and says nothing."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True)
    for sight in sights:
        said = Text(overflow="ellipsis")
        for place, (text, is_bad) in enumerate(facts(sight)):
            said.append(", " if place else "").append(text, "red" if is_bad else "")
        bar = ProgressBar(sight.total or None, sight.done, width=_BAR_WIDTH, pulse=not sight.total)
        lines.add_row(Text(sight.title, overflow="ellipsis"), bar, said)
    return lines


class TerminalBars:
    """Bars at the bottom of a terminal; what is printed meanwhile appears above them, and nothing of them is left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._stand_ins: list[StandIn] = []

    def show(self, sights: Sequence[Sight]) -> None:
        """Draw the bars, or take them away."""
        with self._lock:
            try:
                if not sights:
                    self._end()
                elif self._live is not None:
                    self._live.update(bars(sights), refresh=True)
                elif not _is_taken():
                    self._begin(sights)
            except BaseException:
                self._give_back()
                raise

    def _begin(self, sights: Sequence[Sight]) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, force_jupyter=False)
        if console.is_dumb_terminal:
            return
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if is_terminal(stream):  # what goes to a file goes there, bars or not
                self._stand_ins.append(stand_in_for(name, stream))
                self._stand_ins[-1].step_in(console, self._lock)
        self._live.start()
        self._live.update(bars(sights), refresh=True)

    def _end(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        self._give_back()

    def _give_back(self) -> None:
        for stand_in in self._stand_ins:
            stand_in.step_out()
        self._stand_ins = []


def _is_taken() -> bool:
    """Whether something is shown already, by the program itself say: two displays would draw over one another."""
    streams = (sys.stdout, sys.stderr)
    return any(isinstance(stream, StandIn) or hasattr(stream, "rich_proxied_file") for stream in streams)


@lru_cache(maxsize=8)
def stand_in_for(name: str, stream: TextIO) -> "StandIn":
    """What takes the place of a stream, always the same and never freed.

    `print()` of CPython 3.11, for one, holds no reference to the stream it writes to: if another thread puts that out
    of its place and it is freed, in the middle of a `print`, the process crashes.
    """
    return StandIn(name, stream)


class StandIn:
    """In the place of `sys.stdout` or `sys.stderr` while bars are shown: whole lines are printed above them.

    While it is out of that place, and in a forked child, it passes on what it is given: someone may have kept it.
    """

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream
        self._lock = threading.RLock()
        self._console: Console | None = None
        self._pid = os.getpid()
        self._rests: dict[int, str] = {}
        """What threads have written of lines that are not complete; `print` writes the end of a line by itself."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def step_in(self, console: "Console", lock: threading.RLock) -> None:
        """Take the place; the lock is the one under which bars are drawn on the console."""
        self._pid = os.getpid()
        self._lock = lock
        self._console = console
        setattr(sys, self._name, self)

    def step_out(self) -> None:
        """Give the place back, unless someone else has it by now."""
        if getattr(sys, self._name) is self:
            setattr(sys, self._name, self._stream)
        self._console = None
        rests, self._rests = self._rests, {}
        for rest in rests.values():
            self._stream.write(rest)

    def write(self, text: str) -> int:
        """Print the lines that are complete."""
        if self._pid != os.getpid():  # where the lock may be held for ever
            return self._stream.write(text)
        with self._lock:
            if self._console is None:
                return self._stream.write(text)
            lines, newline, rest = (self._rests.pop(threading.get_ident(), "") + text).rpartition("\n")
            if newline:
                self._print(lines)
            if rest:
                self._rests[threading.get_ident()] = rest
        return len(text)

    def flush(self) -> None:
        """Print what there is, also of a line that is not complete, such as a question."""
        if self._pid == os.getpid():
            with self._lock:
                rest = self._rests.pop(threading.get_ident(), "")
                if rest:
                    self._print(rest)
        self._stream.flush()

    def _print(self, lines: str) -> None:
        from rich.text import Text

        assert self._console is not None
        self._console.print(Text.from_ansi(lines), soft_wrap=True)


class NotebookBars:
    """Bars in the output of a notebook's cell, which they leave empty."""

    def __init__(self) -> None:
        self._handle: Any = None

    @staticmethod
    def is_possible() -> bool:
        """Whether this is a notebook, and not IPython on a terminal."""
        from rich.console import Console

        return _display_function() is not None and Console().is_jupyter

    def show(self, sights: Sequence[Sight]) -> None:
        """Put the bars where they were, or nothing."""
        if self._handle is None:
            display = _display_function()
            if display is not None and sights:
                self._handle = display(bars(sights), display_id=True)
        elif sights:
            self._handle.update(bars(sights))
        else:
            self._handle.update({"text/plain": ""}, raw=True)
            self._handle = None


def _display_function() -> Callable[..., Any] | None:
    """What shows things in notebooks. A display that is updated by its id needs no widgets, as rich's own would."""
    try:
        found: Callable[..., Any] = importlib.import_module("IPython.display").display
    except (ImportError, AttributeError):
        return None
    return found
