"""The session of this process: started by the first call that needs it, ended when the process ends."""

import atexit
import os
import threading
from typing import Any

from pixeltable.exceptions import InvalidState
from pixeltable.providers.sections import load_sections
from pixeltable.session.query_calls import run_query_call
from pixeltable.session.session import Session
from pixeltable.settings import load_settings

_lock = threading.Lock()
_current: Session | None = None


def current_session() -> Session:
    """The session, started if there is none."""
    return _current or start_session(None)


def start_session(overrides: dict[str, Any] | None) -> Session:
    """Start the session, unless it runs.

    Raises:
        InvalidState: it runs already, and there are overrides.
        InvalidConfiguration: a setting is unknown or does not fit.
    """
    global _current
    with _lock:
        if _current is None:
            settings = load_settings(overrides)
            _current = Session(settings, run_query_call, load_sections(settings, overrides))
        elif overrides:
            raise InvalidState("settings cannot be overridden any more", hint="Call pxt.init() before anything else.")
        return _current


def end_session() -> None:
    """End the session; the next call starts another. For tests, and programs that change their settings."""
    global _current
    with _lock:
        session, _current = _current, None
        if session is not None:
            session.close()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # the copy may be held by a thread that the child does not have
    if _current is not None:
        _current.after_fork()


atexit.register(end_session)
os.register_at_fork(after_in_child=_after_fork)
