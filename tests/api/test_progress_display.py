"""How operations under way are shown: on terminals, in notebooks, in logs."""

import builtins
import gc
import io
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO

import pytest
from rich.console import Console

from pixeltable.api import progress
from pixeltable.api.progress_bars import NotebookBars, StandIn, TerminalBars, bars
from pixeltable.api.progress_lines import ProgressLines
from pixeltable.exec.tally import Calls
from pixeltable.exec.watcher import Sight, Watcher
from tests.api.screens import Screen


def sight(**changes: Any) -> Sight:
    facts = {"number": 1, "title": "Inserting into docs", "done": 512, "total": 2000, "failed": 0, "calls": Calls(),
             "elapsed_s": 5.0, "rate": 102.4}  # fmt: skip
    return Sight(**{**facts, **changes})


def rendered(sights: Sequence[Sight], *, width: int = 160, styles: bool = False) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(bars(sights))
    return console.export_text(styles=styles)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "512 of 2,000 rows, 102 rows/s, 0:15 left"),
        ({"total": None}, "512 rows, 102 rows/s, 0:05"),
        ({"done": 0, "rate": 0.0, "total": None}, "0:05"),
        ({"failed": 3}, "3 failed"),
        ({"calls": Calls(480, 32, 4, 9000, 300)}, "480 calls, 32 from cache, 4 retries, 9,300 tokens"),
    ],
    ids=["all is known", "no total", "nothing is known", "failures", "calls"],
)
def test_a_bar_says_what_is_known(changes: dict[str, Any], said: str) -> None:
    (line,) = rendered([sight(**changes)]).splitlines()
    assert line.startswith("Inserting into docs ━")
    assert line.rstrip().endswith(said)


def test_failures_are_red() -> None:
    assert "\x1b[31m3 failed" in rendered([sight(failed=3)], styles=True)


def test_each_operation_has_a_line() -> None:
    lines = rendered([sight(title="one"), sight(title="two")]).splitlines()
    assert [line.split()[0] for line in lines] == ["one", "two"]


def test_names_are_not_taken_for_markup() -> None:
    assert rendered([sight(title="Inserting into [red]docs")]).startswith("Inserting into [red]docs ")


def test_on_a_narrow_terminal_a_bar_stays_on_its_line() -> None:
    (line,) = rendered([sight(failed=3)], width=40).splitlines()
    assert len(line) <= 40


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> Screen:
        return Screen().draw(self.getvalue().replace("\n", "\r\n"))  # as the line discipline of a terminal does


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
    return Terminal()


@contextmanager
def streams(stdout: TextIO, stderr: TextIO | None = None) -> Iterator[None]:
    """Have these as the standard streams; no fixture can, since pytest puts its own there before each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        patch.setattr(sys, "stderr", stderr)
        yield


def test_nothing_of_a_bar_is_left_on_the_terminal(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        display.show([sight(done=700)])
        while_shown = terminal.screen
        display.show([])
    assert "700 of 2,000 rows" in while_shown.shown[0]
    assert not while_shown.has_cursor
    assert terminal.screen.shown == []
    assert terminal.screen.has_cursor


def test_what_is_printed_appears_above_the_bar(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        sys.stdout.write("from a function\n")
        sys.stderr.write("[bold]as it is[/]\n")
        while_shown = terminal.screen
        display.show([])
    first, second, last = while_shown.shown
    assert (first, second) == ("from a function", "[bold]as it is[/]")
    assert last.startswith("Inserting into docs")


def test_an_unfinished_line_is_not_lost(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        sys.stdout.write("unfinished")
        display.show([])
        sys.stdout.write(" line\n")
    assert terminal.screen.shown == ["unfinished line"]


def test_lines_of_threads_stay_whole(terminal: Terminal) -> None:
    def write(text: str) -> None:
        thread = threading.Thread(target=sys.stdout.write, args=(text,))
        thread.start()
        thread.join()

    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        sys.stdout.write("one")
        write("two\n")
        sys.stdout.write("\n")
        display.show([])
    assert terminal.screen.shown == ["two", "one"]


def test_a_question_is_seen(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        sys.stdout.write("Go on?")
        sys.stdout.flush()
        while_shown = terminal.screen
        display.show([])
    assert while_shown.shown[0] == "Go on?"


def test_streams_are_given_back(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        kept = sys.stdout
        display.show([])
        assert sys.stdout is sys.stderr is terminal
    kept.write("later\n")
    assert terminal.screen.shown == ["later"]


def test_what_stands_in_for_a_stream_is_never_freed(terminal: Terminal) -> None:
    stood_in = []
    with streams(terminal, terminal):
        for _ in range(2):
            display = TerminalBars(terminal)
            display.show([sight()])
            stood_in.append(id(sys.stdout))
            display.show([])
            del display
    assert len(set(stood_in)) == 1
    assert sum(isinstance(thing, StandIn) for thing in gc.get_objects() if id(thing) in stood_in) == 1


def test_a_stream_that_is_no_terminal_keeps_what_is_its_own(terminal: Terminal) -> None:
    file = io.StringIO()
    with streams(file, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        sys.stdout.write("result\n")
        display.show([])
    assert file.getvalue() == "result\n"


def test_streams_are_given_back_when_the_terminal_fails(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> int:
        raise OSError("hung up")

    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        monkeypatch.setattr(terminal, "write", fail)
        with pytest.raises(OSError, match="hung up"):
            display.show([sight()])
        assert sys.stdout is sys.stderr is terminal


def test_a_display_of_the_programs_own_is_not_drawn_over(terminal: Terminal) -> None:
    taken: Any = SimpleNamespace(rich_proxied_file=terminal)
    with streams(taken, terminal):
        TerminalBars(terminal).show([sight()])
    assert terminal.getvalue() == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_prints_although_a_bar_was_being_drawn(terminal: Terminal) -> None:
    with streams(terminal, terminal):
        display = TerminalBars(terminal)
        display.show([sight()])
        with threads_lock(display):
            pid = os.fork()
            if pid == 0:
                sys.stdout.write("from the child\n")
                sys.stdout.flush()
                os._exit(0 if terminal.getvalue().endswith("from the child\n") else 1)
            assert os.waitpid(pid, 0)[1] == 0
        display.show([])


@contextmanager
def threads_lock(display: TerminalBars) -> Iterator[None]:
    """The display's lock, held as by another thread that draws."""
    held, done = threading.Event(), threading.Event()

    def draw() -> None:
        with display._lock:  # noqa: SLF001  # what the test is about
            held.set()
            done.wait()

    thread = threading.Thread(target=draw)
    thread.start()
    held.wait()
    yield
    done.set()
    thread.join()


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a notebook was given to show, with IPython played by a few lines."""
    shown: list[Any] = []
    handle = SimpleNamespace(update=lambda what, raw=False: shown.append(what))  # noqa: ARG005

    class ZMQInteractiveShell:
        """The name that tells notebooks."""

    def display(what: Any, *, display_id: bool) -> Any:
        assert display_id
        shown.append(what)
        return handle

    module = ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    return shown


def test_a_notebook_shows_bars_in_place(notebook: list[Any]) -> None:
    with streams(io.StringIO(), io.StringIO()):
        display = progress.display_for_people()
    assert isinstance(display, NotebookBars)
    for sights in ([sight()], [sight(done=600)], []):
        display.show(sights)
    first, second, last = notebook
    assert "512 of 2,000 rows" in first._repr_mimebundle_([], [])["text/html"]
    assert "600 of 2,000 rows" in second._repr_mimebundle_([], [])["text/html"]
    assert last == {"text/plain": ""}


@pytest.mark.usefixtures("notebook")
def test_ipython_on_no_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "get_ipython", SimpleNamespace)
    with streams(io.StringIO(), io.StringIO()):
        assert progress.display_for_people() is None


def test_logs_get_a_line_now_and_then() -> None:
    log = io.StringIO()
    display = ProgressLines(log)
    for elapsed_s in (1.0, 5.0, 11.5, 12.0):
        display.show([sight(elapsed_s=elapsed_s, failed=1)])
    assert log.getvalue() == "Inserting into docs: 512 of 2,000 rows, 102 rows/s, 0:15 left, 1 failed\n" * 2


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.close()


def session(setting: str, watcher: Watcher) -> Any:
    """What `watched` needs of a session."""
    engine = SimpleNamespace(watcher=watcher)
    return SimpleNamespace(settings=SimpleNamespace(progress=setting), context=SimpleNamespace(engine=engine))


@pytest.mark.parametrize(("setting", "is_watched"), [("auto", False), ("off", False), ("on", True)])
def test_where_nobody_looks_only_the_setting_has_it_watched(setting: str, is_watched: bool, watcher: Watcher) -> None:
    with streams(io.StringIO(), None), progress.watched(session(setting, watcher), "work"):  # as a windowed program has
        assert watcher.is_running == is_watched


@pytest.mark.parametrize(("setting", "is_watched"), [("auto", True), ("off", False), ("on", True)])
def test_on_a_terminal_the_setting_decides(
    setting: str, is_watched: bool, terminal: Terminal, watcher: Watcher
) -> None:
    with streams(terminal, terminal), progress.watched(session(setting, watcher), "work"):
        assert watcher.is_running == is_watched


def test_streams_that_are_replaced_are_looked_at_again(terminal: Terminal, watcher: Watcher) -> None:
    for stream, is_watched in ((terminal, True), (io.StringIO(), False), (terminal, True)):
        with streams(stream, stream), progress.watched(session("auto", watcher), "work"):
            assert watcher.audience == ((stream, stream), is_watched)
