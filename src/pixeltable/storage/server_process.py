"""The server process of a data folder, and the watcher that goes with it: whether they run, starting, stopping.

Callers hold the start lock.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pixeltable.exceptions import DatabaseUnavailable, InvalidConfiguration
from pixeltable.lazy import psutil
from pixeltable.storage import server_watch
from pixeltable.storage.locks import is_free, try_exclusive
from pixeltable.storage.server_binaries import best_compression, programs
from pixeltable.storage.server_data import DataFolder, adopt, home_digest
from pixeltable.storage.server_settings import CONFIG_NAME, this_machine, write_settings
from pixeltable.storage.server_user import (
    Account,
    account_by_id,
    can_enter,
    own_account,
    spawn_options,
    take_folder,
)
from pixeltable.storage.server_watch import ALIVE_LOCK_NAME, WATCH_LOCK_NAME, is_server

PORT = 5432
_SOCKET_NAME = f".s.PGSQL.{PORT}"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the final zero.
_SOCKET_PATH_BYTES = 100
_READY_S = 120.0  # recovery after a crash may have gigabytes of log to replay
_LINGER_S = 15.0  # children of a killed server, which stop as soon as they notice
_STOP_S = 60.0
_POLL_S = 0.003


@dataclass(frozen=True, slots=True)
class PidFile:
    """What the server writes about itself.

    Source:
        PostgreSQL's src/include/utils/pidfile.h, LOCK_FILE_LINE_*.
    """

    pid: int
    socket_folder: Path
    status: str


class _Busy(Exception):
    """A start failed because processes of the previous server are still there."""


def running(data: DataFolder) -> PidFile | None:
    """The server of `data` if it is ready for connections."""
    found = _live(data)
    if found is None or found.status != "ready" or not (found.socket_folder / _SOCKET_NAME).exists():
        return None
    return found


def start(data: DataFolder, *, home: Path, state_dir: Path) -> PidFile:
    """The server of `data`, started unless it runs; waits until it is ready.

    Raises:
        DatabaseUnavailable: it does not start; the message ends with the last lines of its log.
    """
    ready_before = time.monotonic() + _READY_S
    gone_before = time.monotonic() + _LINGER_S
    while (found := running(data)) is None:
        _stop_if_unreachable(data)
        alive = try_exclusive(data.path / ALIVE_LOCK_NAME)
        if alive is not None:
            try:
                return _launch(data, alive, home=home, state_dir=state_dir)
            except _Busy:
                pass  # still within the time given to lingering children
        now = time.monotonic()
        if now > ready_before or (now > gone_before and _live(data) is None):
            raise DatabaseUnavailable(
                f"the database in {str(data.path)!r} is held by processes that accept no connections{_log_tail(data)}",
                hint="It may be recovering, or in use by another container; try again.",
            )
        time.sleep(_POLL_S)
    return found


def stop(data: DataFolder) -> None:
    """End the server of `data`, if there is one, and wait until all its processes are gone."""
    found = _live(data)
    if found is None:
        return
    _interrupt(found.pid)
    deadline = time.monotonic() + _STOP_S
    while not (is_free(data.path / ALIVE_LOCK_NAME) and _is_reaped(found.pid)):
        if time.monotonic() > deadline:  # it goes on stopping by itself, and the next start waits for that
            return
        time.sleep(_POLL_S)
    if found.socket_folder.parent != data.path:
        with suppress(OSError):  # already gone
            found.socket_folder.rmdir()


def start_watcher(data: DataFolder, *, home: Path) -> None:
    """See to it that a watcher stops the server of `data` if nobody is left to do it; does not wait for it.

    Without one, where the system allows no further process, an abandoned server waits for the next process to join.
    """
    # Of programs that embed Python, such as uWSGI, this is not an interpreter.
    is_python = Path(sys.executable or "").name.lower().startswith(("python", "pypy"))
    if not is_python or not is_free(home / WATCH_LOCK_NAME):
        return
    # Isolated, without site-packages: it is small, and nothing of the caller's gets in.
    command = [sys.executable, "-I", "-S", server_watch.__file__, str(home.resolve()), str(data.path)]
    with suppress(OSError):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        _collect(process, name="pixeltable-watcher-exit")


def _collect(process: "subprocess.Popen[bytes]", *, name: str) -> None:
    """Take the exit status at once when the process ends, whoever ends it, so that it leaves no zombie."""
    threading.Thread(target=process.wait, name=name, daemon=True).start()


def _live(data: DataFolder) -> PidFile | None:
    found = _read_pid_file(data.path)
    return found if found and is_server(found.pid, str(data.path)) else None


def _read_pid_file(data: Path) -> PidFile | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return PidFile(int(lines[0]), Path(lines[4]), lines[7].strip())
    except (FileNotFoundError, IndexError, ValueError):  # absent, or not complete yet
        return None


def _is_reaped(pid: int) -> bool:
    """Whether the process is gone, or none of our children."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return all(child.pid != pid for child in psutil.Process().children())
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _stop_if_unreachable(data: DataFolder) -> None:
    """A server whose socket was deleted, as by a cleaner of the temp folder, is of no use to anybody."""
    found = _live(data)
    if found is not None and found.status == "ready" and not (found.socket_folder / _SOCKET_NAME).exists():
        _interrupt(found.pid)


def _interrupt(pid: int) -> None:
    """Ask for a "fast" stop: open transactions are rolled back, memory is written out."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def _launch(data: DataFolder, alive: int, *, home: Path, state_dir: Path) -> PidFile:
    """Start the server; `alive`, the lock that says so, is the server's from here on."""
    with tempfile.TemporaryFile() as output:
        try:
            adopt(data)
            binaries = programs(data.owner, state_dir=state_dir)
            socket_folder = _prepare_socket_folder(data, home)
            _prepare_data(data, binaries, socket_folder)
            process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data.path), "-c", f"config_file={data.path / CONFIG_NAME}"],
                stdout=subprocess.DEVNULL,
                stderr=output,
                cwd="/",
                pass_fds=(alive,),
                **spawn_options(data.owner),
            )
        finally:
            os.close(alive)
        found = _await_ready(data, process)
        if found is None:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise _failure(data, text)
    _collect(process, name="pixeltable-server-exit")
    return found


def _await_ready(data: DataFolder, process: "subprocess.Popen[bytes]") -> PidFile | None:
    """The server's own word that it is ready; None if it ended or took too long, and then it has ended too."""
    deadline = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline:
        found = _read_pid_file(data.path)
        if found is not None and found.pid == process.pid and found.status == "ready":
            return found
        time.sleep(_POLL_S)
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        process.wait()
    return None


def _failure(data: DataFolder, output: str) -> Exception:
    tail = _log_tail(data)
    if "is still in use" in output or "is still in use" in tail:
        return _Busy()
    return DatabaseUnavailable(
        f"the database server in {str(data.path)!r} did not start: {output.strip()[-2000:]}{tail}",
        hint="The log says why; set PIXELTABLE_DB_URL to use another server.",
    )


def _log_tail(data: DataFolder) -> str:
    logs = sorted((data.path / "log").glob("server-*.log"), key=lambda path: path.stat().st_mtime)
    if not logs:
        return ""
    lines = logs[-1].read_text(errors="replace").splitlines()[-10:]
    return "; log: " + "\n".join(lines)


def _prepare_data(data: DataFolder, binaries: Path, socket_folder: Path) -> None:
    # The lock is ours, so no server is alive; its files would make PostgreSQL refuse if their pid is in use again.
    (data.path / "postmaster.pid").unlink(missing_ok=True)
    (socket_folder / f"{_SOCKET_NAME}.lock").unlink(missing_ok=True)
    write_settings(
        data.path,
        owner=data.owner,
        clients=_clients(data.owner),
        socket_folder=socket_folder,
        machine=this_machine(),
        compression=best_compression(binaries),
    )


def _clients(owner: Account) -> list[str]:
    """Ourselves; root, who may become anyone; and the person whose data these are, when root started the server."""
    ours = own_account()
    root = account_by_id(0)
    clients = [ours.name, *([root.name] if root else [])]
    # Below 1000 are service accounts, and nobody is above 60000 (login.defs, UID_MIN and UID_MAX).
    return [*clients, owner.name] if 1000 <= owner.uid <= 60000 else clients


def _prepare_socket_folder(data: DataFolder, home: Path) -> Path:
    """A folder that only the server's account may enter, with a path short enough for a socket."""
    natural = data.path / "socket"
    if _fits(natural):
        take_folder(natural, data.owner)
        return natural
    name = f"pixeltable-{data.owner.uid}-{home_digest(home)}"
    for base in _short_bases():
        if base.is_dir() and can_enter(base, data.owner) and os.access(base, os.W_OK) and _fits(base / name):
            take_folder(base / name, data.owner)
            return base / name
    raise InvalidConfiguration(
        f"no folder has a path short enough for the database socket ({_SOCKET_PATH_BYTES} bytes)",
        hint="Set TMPDIR or PIXELTABLE_HOME to a folder with a shorter path.",
    )


def _short_bases() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path(base).resolve() for base in (runtime, tempfile.gettempdir(), "/tmp") if base]


def _fits(folder: Path) -> bool:
    path = os.fsencode(folder / _SOCKET_NAME)
    # libpq takes a comma for the end of one host and the beginning of the next.
    return len(path) <= _SOCKET_PATH_BYTES and b"," not in path
