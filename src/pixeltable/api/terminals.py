"""Whether somebody is looking: streams that are terminals."""

import sys
from typing import TextIO


def terminal() -> TextIO | None:
    """The terminal to draw on: that of errors first, so that it is none the worse if output goes elsewhere."""
    return next((stream for stream in (sys.stderr, sys.stdout) if is_terminal(stream)), None)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is one; what stands in for a stream may lack the method, or be closed."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):
        return False
