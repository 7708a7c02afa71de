"""Clients and homes for tests of the embedded server, as real processes in folders of their own."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from pixeltable.storage import server_user, server_watch
from pixeltable.storage.server import EmbeddedServer

CLIENT = """
import sys
from pathlib import Path
from pixeltable.storage import server_user
from pixeltable.storage.server import EmbeddedServer

server_user.SERVICE_NAME = sys.argv[3]
server = EmbeddedServer(Path(sys.argv[1]), state_dir=Path(sys.argv[2]))
for line in sys.stdin:
    print(getattr(server, line.strip())(), flush=True)
"""


def account_name() -> str:
    """The real account if this machine has it, else one that every machine has; tests create none."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("pixeltable", "daemon", "nobody") if name in names)


@dataclass
class Client:
    """Another process that uses the server."""

    process: "subprocess.Popen[str]"

    def ask(self, method: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(method + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        assert answer, "the client died"
        return answer

    def call(self, method: str) -> str:
        self.ask(method)
        return self.answer()

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate()


@dataclass
class Place:
    """A home and a state folder; ends what was started in them."""

    folder: Path
    clients: list[Client] = field(default_factory=list)
    servers: list[EmbeddedServer] = field(default_factory=list)
    home_name: str = "home"

    @property
    def home(self) -> Path:
        return self.folder / self.home_name

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    def server(self) -> EmbeddedServer:
        self.servers.append(EmbeddedServer(self.home, state_dir=self.state_dir))
        return self.servers[-1]

    def client(self) -> Client:
        command = [sys.executable, "-c", CLIENT, str(self.home), str(self.state_dir), server_user.SERVICE_NAME]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.clients.append(Client(process))
        return self.clients[-1]

    def postmasters(self) -> list[int]:
        """Process ids of the servers with data in this place."""
        found = {}
        for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
            command = process.info["cmdline"] or []
            if "-D" in command and any(part.startswith(f"{self.folder}/") for part in command):
                found[process.info["pid"]] = process.info["ppid"]
        # A process that the server just forked still has its command line.
        return [pid for pid, parent in found.items() if parent not in found]

    def watchers(self) -> list[int]:
        """Process ids of the watchers of homes in this place."""
        commands = {
            process.info["pid"]: process.info["cmdline"] or [] for process in psutil.process_iter(["pid", "cmdline"])
        }
        return [
            pid
            for pid, command in commands.items()
            if server_watch.__file__ in command and any(part.startswith(f"{self.folder}/") for part in command)
        ]

    def watcher(self) -> int:
        """Process id of the one watcher, as soon as it holds its lock and waits."""
        # Not a look at the lock itself: a watcher that begins at that moment would take us for another one.
        wait_until(lambda: any(map(_waits_for_users, self.watchers())))
        wait_until(lambda: len(self.watchers()) == 1)
        return self.watchers()[0]

    def kill_watcher(self) -> None:
        """Take away the watcher, so that a server can be left without any user."""
        os.kill(self.watcher(), signal.SIGKILL)
        wait_until(lambda: not self.watchers())

    def end(self) -> None:
        """End everything that runs here."""
        for client in self.clients:
            client.kill()
        for server in self.servers:
            server.leave()
        if self.postmasters():  # of killed clients
            last = EmbeddedServer(self.home, state_dir=self.state_dir)
            last.join()
            last.leave()
        left = self.postmasters()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left
        wait_until(lambda: not self.watchers())


@contextmanager
def new_place() -> Iterator[Place]:
    # Not pytest's tmp_path: its ancestors are closed to other accounts.
    folder = Path(tempfile.mkdtemp(prefix="pixeltable-test-")).resolve()
    folder.chmod(0o755)
    place = Place(folder)
    try:
        yield place
    finally:
        try:
            place.end()
        finally:
            shutil.rmtree(folder)


def socket_folder(conninfo: str) -> Path:
    return Path(str(conninfo_to_dict(conninfo)["host"]))


def query(conninfo: str, text: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(text.encode()).fetchone() if text.startswith(("SELECT", "SHOW")) else None
        if row is None:
            connection.execute(text.encode())
        return row and row[0]


def _waits_for_users(watcher: int) -> bool:
    try:
        return any(file.path.endswith(server_watch.USERS_LOCK_NAME) for file in psutil.Process(watcher).open_files())
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
