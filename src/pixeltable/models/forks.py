"""What a forked child must leave alone: the models of its parent, whose threads do not exist in it."""

import ctypes
import sys


def abandon(models: object) -> None:
    """In a forked child: never free `models`, and let the child end although ONNX Runtime was loaded before the fork.

    Freeing a session of ONNX Runtime waits for its threads, or aborts; so do the destructors that C++ runs when the
    process ends (seen with 1.32, after nothing but an import). The second is avoided by ending the process before they
    run, but after all that Python does at its end, with the exit status it has.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(models))
    if "onnxruntime" not in sys.modules or sys.platform == "win32":
        return
    library = ctypes.CDLL(None)
    on_exit = getattr(library, "on_exit", None)  # glibc has it; musl and macOS have not
    if on_exit is not None:
        on_exit(getattr(library, "_exit"), None)  # noqa: B009  # the name is C's, not a private one of Python
