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


def watched(session: Session, title: str) -> AbstractContextManager[Tally]:
    """Counts of an operation called `title`; if it lasts, it is shown until the context ends.

    The setting `progress` says where: `auto` on terminals and in notebooks, `on` also elsewhere, in lines of text.
    """
    wanted = session.settings.progress
    if wanted == "off" or (wanted == "auto" and terminal() is None and not _may_be_notebook()):
        return nullcontext(Tally())
    return _Watched(session.context.engine.watcher, title)


class _Watched:
    """One operation with the watcher; a class, since a generator would cost a quick operation more."""

    __slots__ = ("_watch", "_watcher")

    def __init__(self, watcher: Watcher, title: str) -> None:
        self._watcher = watcher
        self._watch = Watch(title, Tally(), open_display, time.perf_counter())

    def __enter__(self) -> Tally:
        self._watcher.enter(self._watch)
        return self._watch.tally

    def __exit__(self, *_: Any) -> None:
        self._watcher.leave(self._watch)


def open_display() -> Display:
    """The display that suits where this process runs."""
    stream = terminal()
    if stream is not None:
        return TerminalBars(stream)
    return NotebookBars() if _may_be_notebook() and NotebookBars.is_possible() else ProgressLines(sys.stderr)


def _may_be_notebook() -> bool:
    """Whether IPython runs; whether that is in a notebook, rich finds out when something is to be shown."""
    return hasattr(builtins, "get_ipython")
