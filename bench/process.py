"""One run of one workload: a fresh process in a fresh home, watched, cleaned up after, and read back."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from report import Run, error_line, parse_samples

LEFT_OUT = ("PIXELTABLE", "PYTHON", "PXT_", "VIRTUAL_ENV", "CONDA_")


def environment(home: Path, paths: Sequence[Path]) -> dict[str, str]:
    """This process's environment without what would let one implementation see another or a real home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    joined = os.pathsep.join(str(path) for path in paths)
    return kept | {"PIXELTABLE_HOME": str(home), "PYTHONPATH": joined, "PYTHONNOUSERSITE": "1"}


def find_package(python: str, paths: Sequence[Path]) -> str | None:
    """The file `import pixeltable` would load under these settings, found without importing it; None if none."""
    code = "import importlib.util as u; s = u.find_spec('pixeltable'); print(s.origin if s else '')"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", code],
            cwd=folder,
            env=environment(Path(folder), paths),
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout.strip() or None


def run_workload(
    python: str, script: Path, *, arguments: Sequence[str], paths: Sequence[Path], timeout_s: float
) -> Run:
    """Run a script in an empty home of its own and collect what it printed; never raises for what the script did."""
    scratch = Path(tempfile.mkdtemp(prefix="pxtb-"))
    scratch.chmod(0o755)  # a server that gives up root's rights must be able to reach its data
    home = scratch / "home"
    home.mkdir()
    try:
        command = [python, str(script), *arguments]
        return watch(command, scratch, env=environment(home, paths), timeout_s=timeout_s)
    finally:
        stop_leftovers(scratch)
        shutil.rmtree(scratch, ignore_errors=True)


def watch(command: Sequence[str], folder: Path, *, env: Mapping[str, str], timeout_s: float) -> Run:
    """Start a command in `folder`, wait for it, and read its output and the peak of its memory.

    The peak is that of the process and of the children it waited for, whichever is largest (wait4(2)); a database
    server that goes on by itself is not in it.
    """
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout_s, kill)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    error = None
    if process.returncode:
        error = error_line(err.read_text(errors="replace"))
    if expired.is_set():
        error = f"stopped after {timeout_s:.0f} s"
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)  # getrusage(2): bytes on macOS
    return Run(parse_samples(out.read_text(errors="replace")), kilobytes / 1024, error)


def stop_leftovers(folder: Path) -> None:
    """End what still runs out of a folder this module made: a database server, or a child of a killed workload."""
    left = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            left.append(process)
            send(process, signal.SIGINT)  # PostgreSQL: fast shutdown
    _, alive = psutil.wait_procs(left, timeout=20)
    for process in alive:
        send(process, signal.SIGKILL)


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a process that may have ended meanwhile."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
