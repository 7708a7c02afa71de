"""A program of its own that stops the embedded server when all of its users died without leaving.

It runs isolated for as long as the server does, so it imports little and nothing of ours; who starts it is in
`server_process`. The names of the locks in a home are here, since the other side can import them from here.
"""

import os
import signal
import sys
import time

if sys.platform != "win32":
    import fcntl

START_LOCK_NAME = "server.lock"
USERS_LOCK_NAME = "server.users"
# Held by the watcher of a home, and only by it.
WATCH_LOCK_NAME = "server.watch"
# In the data folder: held by the server and every process it forks, through the descriptor they inherit; free means
# that none of them is left, whatever became of their process ids, and also if they run in another container.
ALIVE_LOCK_NAME = "pixeltable.lock"

_FIND_S = 5.0  # for a server that has not written its process id yet, because who started it died at that moment
_STOP_S = 60.0
_POLL_S = 0.01


def watch(home: str, data: str) -> None:
    """Wait until nobody uses `home`, then stop the server in `data`; return at once if another process does that.

    Raises:
        OSError: the home was deleted.
    """
    watching = _open(home, WATCH_LOCK_NAME)
    if not _try_lock(watching):
        return
    users = _open(home, USERS_LOCK_NAME)
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        # Who joins or leaves holds this lock: from here on, what we see of the users is true.
        start = _open(home, START_LOCK_NAME)
        fcntl.flock(start, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(users), os.stat(os.path.join(home, USERS_LOCK_NAME))):
            return  # another home, made in the place of ours
        if _try_lock(users):
            stop(data)
            # The start lock last: whoever starts the next server must see that nobody watches it.
            for descriptor in (users, watching, start):
                os.close(descriptor)
            return
        os.close(start)


def stop(data: str) -> None:
    """End the server in `data` and wait until all its processes are gone; the caller holds the start lock."""
    alive = _open(data, ALIVE_LOCK_NAME)
    found = None
    deadline = time.monotonic() + _FIND_S
    while not _try_lock(alive):
        if found is None and (found := _server(data)):
            deadline = time.monotonic() + _STOP_S
            os.kill(found[0], signal.SIGINT)
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
    if found and os.path.isabs(found[1]) and os.path.dirname(found[1]) != data:
        os.rmdir(found[1])


def _server(data: str) -> tuple[int, str] | None:
    """Process id and socket folder of the server in `data`, as it wrote them; the folder is "" if not written yet."""
    try:
        with open(os.path.join(data, "postmaster.pid")) as file:
            lines = [*file.read().splitlines(), *[""] * 5]
        pid = int(lines[0])
    except (FileNotFoundError, ValueError):
        return None
    return (pid, lines[4]) if is_server(pid, data) else None


def is_server(pid: int, data: str) -> bool:
    """Whether the process is the server of `data` and not one that got its number later."""
    # Not the working directory: root without CAP_SYS_PTRACE, as in most containers, cannot read another user's.
    return f"/postgres -D {data} " in _command_line(pid)


def _command_line(pid: int) -> str:
    """The arguments of a process, with spaces between them; empty if there is no such process."""
    if not os.path.exists("/proc/self/cmdline"):  # macOS
        with os.popen(f"ps -ww -o command= -p {pid}") as output:
            return output.read()
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read().replace(b"\0", b" "))
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(folder: str, name: str) -> int:
    # Never created here: a home that was deleted must not come back.
    return os.open(os.path.join(folder, name), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


def _main(home: str, data: str) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):  # meant for the programs of a terminal
        signal.signal(number, signal.SIG_IGN)
    try:
        watch(home, data)
    except OSError:
        sys.exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
