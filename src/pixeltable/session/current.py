"""The session of this process: started by the first call that needs it, ended when the process ends."""

import atexit
import os
import threading
from typing import Any

from pixeltable.exceptions import InvalidState
from pixeltable.session.session import Session
from pixeltable.settings import load_settings

_lock = threading.Lock()
_current: Session | None = None


def current_session() -> Session:
    """The session; a forked child gets one of its own, since connections cannot be shared."""
    session = _current
    if session is not None and session.pid == os.getpid():
        return session
    return start_session(None)


def start_session(overrides: dict[str, Any] | None) -> Session:
    """Start the session, unless it runs.

    Raises:
        InvalidState: it runs already, and there are overrides.
        InvalidConfiguration: a setting is unknown or does not fit.
    """
    global _current
    with _lock:
        if _current is not None and _current.pid == os.getpid():
            if overrides:
                raise InvalidState(
                    "settings cannot be overridden any more", hint="Call pxt.init() before anything else."
                )
            return _current
        _current = Session(load_settings(overrides))
        atexit.register(_close, _current)
        return _current


def _close(session: Session) -> None:
    if session.pid == os.getpid():
        session.close()


def end_session() -> None:
    """End the session; the next call starts another. For tests and long-lived programs that change their settings."""
    global _current
    with _lock:
        if _current is not None:
            atexit.unregister(_close)
            _close(_current)
        _current = None
