"""The peer's own virtual environment: made on demand in the user's cache folder, and kept."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "0.7.21"
REQUIREMENTS = (f"pixeltable=={VERSION}", "fastapi", "uvicorn", "httpx")
INSTALL_TIMEOUT_S = 1_800


class PeerUnavailable(Exception):
    """The peer could not be installed; the message says why."""


def peer_python() -> str:
    """Path of a Python that has the peer.

    Raises:
        PeerUnavailable: there is none, and installing one failed.
    """
    folder = cache_folder() / f"peer-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        install(folder, python)
    return str(python)


def cache_folder() -> Path:
    """Source: the XDG base directory specification, `$XDG_CACHE_HOME`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixeltable-bench"


def install(folder: Path, python: Path) -> None:
    """Make the environment from nothing; the file `complete` is written last."""
    print(f"installing {' '.join(REQUIREMENTS)} in {folder}", file=sys.stderr, flush=True)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerUnavailable(str(error)) from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PeerUnavailable(errors[-1] if errors else f"pip ended with status {done.returncode}")
    (folder / "complete").touch()
