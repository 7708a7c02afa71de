"""Watching an operation while it runs: whether, and where, it is shown."""

import builtins
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pixeltable.api.progress_bars import NotebookBars, TerminalBars
from pixeltable.api.progress_lines import ProgressLines
from pixeltable.api.terminals import terminal
from pixeltable.exec.tally import Tally
from pixeltable.exec.watcher import Display, Watch, Watcher
from pixeltable.session.session import Session


def watched(session: Session, title: str, *, by_column: bool = False) -> AbstractContextManager[Tally]:
    """Counts of an operation called `title`, also `by_column`; if it lasts, it is shown until the context ends.

    The setting `progress` says where: `auto` on terminals and in notebooks, `on` also elsewhere, in lines of text.
    """
    tally = Tally()
    if by_column:
        tally.parts = {}
    wanted, watcher = session.settings.progress, session.context.engine.watcher
    if wanted == "off" or (wanted == "auto" and not _has_audience(watcher)):
        return nullcontext(tally)
    display = display_for_people if wanted == "auto" else display_in_any_case
    return _Watched(watcher, Watch(title, tally, display, time.perf_counter()))


class _Watched:
    """One operation with the watcher; a class, since a generator would cost a quick operation more."""

    __slots__ = ("_watch", "_watcher")

    def __init__(self, watcher: Watcher, watch: Watch) -> None:
        self._watcher = watcher
        self._watch = watch

    def __enter__(self) -> Tally:
        self._watcher.enter(self._watch)
        return self._watch.tally

    def __exit__(self, *_: Any) -> None:
        self._watcher.leave(self._watch)


def display_for_people() -> Display | None:
    """Bars on the terminal or in the notebook this process runs in; None if it runs in neither."""
    stream = terminal()
    if stream is not None:
        return TerminalBars(stream)
    return NotebookBars() if _may_be_notebook() and NotebookBars.is_possible() else None


def display_in_any_case() -> Display:
    """Bars for people, or else lines for a log."""
    return display_for_people() or ProgressLines(sys.stderr)


def _has_audience(watcher: Watcher) -> bool:
    """Whether a person may be looking; asked again when streams change, since asking takes longer than all else."""
    streams = (sys.stderr, sys.stdout)
    if watcher.audience is None or watcher.audience[0] != streams:
        watcher.audience = (streams, terminal() is not None or _may_be_notebook())
    return watcher.audience[1]


def _may_be_notebook() -> bool:
    """Whether IPython runs; whether that is in a notebook, rich finds out when something is to be shown."""
    return hasattr(builtins, "get_ipython")
