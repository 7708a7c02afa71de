"""What a person sees: programs run on a pseudo terminal, and a screen that their output is drawn on."""

import os
import pty
import re
import select
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

_PARTS = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


@dataclass
class Screen:
    """The lines of a terminal that is wide and high enough, and each bar's line as it was drawn."""

    lines: list[str] = field(default_factory=lambda: [""])
    has_cursor: bool = True
    drawn: list[str] = field(default_factory=list)
    _row: int = 0
    _column: int = 0

    def draw(self, output: str) -> "Screen":
        """Take in output: text, and those control sequences that displays use."""
        for mode, numbers, command, move, text in _PARTS.findall(output):
            if text:
                self._write(text)
            elif move == "\r":
                self._column = 0
            elif move == "\n":
                self._row += 1
                self.lines += [""] * (self._row + 1 - len(self.lines))
            elif command == "A":
                self._row -= int(numbers or 1)
            elif command == "K":
                self.drawn.append(self.lines[self._row])
                self.lines[self._row] = ""
            elif mode and numbers == "25":
                self.has_cursor = command == "h"
        return self

    def _write(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)

    @property
    def shown(self) -> list[str]:
        """The lines that are not empty."""
        return [line.rstrip() for line in self.lines if line.strip()]


def on_terminal(
    program: str,
    environment: Mapping[str, str],
    *,
    interrupt_at: str | None = None,
    signal_at: str | None = None,
    stdout: str | None = None,
) -> Screen:
    """Run a program on a terminal of its own, to its end; `interrupt_at` is output upon which Ctrl-C is pressed.

    `signal_at` is output upon which it gets SIGUSR1, `stdout` a file that takes its standard output, as `> file` does.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({**environment, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"})
        os.environ.pop("NO_COLOR", None)
        if stdout is not None:
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
        os.execv(sys.executable, [sys.executable, "-c", program])
    output = b""
    try:
        while select.select([terminal], [], [], 90)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # what Linux says when the other end is closed
                break
            if not part:
                break
            output += part
            if interrupt_at is not None and interrupt_at.encode() in output:
                interrupt_at = None
                os.write(terminal, b"\x03")
            if signal_at is not None and signal_at.encode() in output:
                signal_at = None
                os.kill(pid, signal.SIGUSR1)
    finally:
        os.close(terminal)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return Screen().draw(output.decode())
