"""The web application, served by uvicorn and asked by many clients at once over real connections."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

import pixeltable as pxt
from tests.architecture.source_tree import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fastapi_app")]

EXAMPLES = REPOSITORY / "examples"
CLIENTS = 32
REQUESTS = 10
NO_UVLOOP = pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run there")
SUBJECTS = ("battery", "invoice", "garden", "violin", "harbour", "winter", "algebra", "kitchen")


@dataclass(frozen=True)
class Server:
    """A running uvicorn and the file that has what it said."""

    process: "subprocess.Popen[bytes]"
    client: httpx.Client
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(log: Path, *options: str) -> Iterator[Server]:
    """The application on a port of its own; killed at the end if it has not ended by then."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", str(port), "--no-access-log"]
    # Connecting is tried again, with pauses, until the server listens.
    transport = httpx.HTTPTransport(retries=10, limits=httpx.Limits(max_connections=CLIENTS))
    with (
        log.open("wb") as output,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client,
        subprocess.Popen([*command, *options, "fastapi_app:app"], stdout=output, stderr=output) as process,
    ):
        try:
            yield Server(process, client, log)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def documents(session_settings: dict[str, str]) -> pxt.Table:  # noqa: ARG001  # sets the environment of the programs
    """The table the application serves; made twice, since making it again must change nothing."""
    for _ in range(2):
        subprocess.run([sys.executable, EXAMPLES / "setup_myapp.py"], check=True)
    table = pxt.get_table("myapp/documents")
    assert table is not None
    return table


def ingest(server: Server, text: str) -> httpx.Response:
    return server.client.post("/ingest", params={"text": text})


def search(server: Server, text: str) -> httpx.Response:
    return server.client.get("/search", params={"query": text})


def visit(server: Server, number: int, run: str) -> list[tuple[httpx.Response, str | None]]:
    """What one client does: insert, search, insert...; each answer with the text that was inserted, if one was."""
    answers: list[tuple[httpx.Response, str | None]] = []
    for turn in range(REQUESTS):
        text = f"Note {run}-{number}-{turn} about the {SUBJECTS[number % 8]} and the {SUBJECTS[turn % 8]}"
        answers.append((ingest(server, text), text) if turn % 2 == 0 else (search(server, text), None))
    return answers


def visit_all(server: Server, run: str) -> list[tuple[httpx.Response, str | None]]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        visits = clients.map(lambda number: visit(server, number, run), range(CLIENTS))
        return [answer for answers in visits for answer in answers]


@pytest.mark.parametrize("loop", ["default", pytest.param("uvloop", marks=NO_UVLOOP)])
def test_every_acknowledged_document_is_found(documents: pxt.Table, tmp_path: Path, loop: str) -> None:
    before = documents.count()
    with serving(tmp_path / "log", *(() if loop == "default" else ("--loop", loop))) as server:
        answers = visit_all(server, loop)
        assert {answer.status_code for answer, _ in answers} == {200}, server.log.read_text()
        texts = [text for answer, text in answers if text is not None and answer.json() == {"inserted": 1}]
        hits = {text: [hit["text"] for hit in search(server, text).json()] for text in texts}

    assert documents.count() - before == len(texts) == CLIENTS * REQUESTS / 2
    assert not [text for text, found in hits.items() if text not in found]


def test_server_ends_when_told_to_and_leaves_no_process(documents: pxt.Table, tmp_path: Path) -> None:  # noqa: ARG001
    with serving(tmp_path / "log") as server:
        assert search(server, "anything").status_code == 200
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(timeout=20)

    # uvicorn shuts down, and then lets the signal end the process as it would have without it.
    assert status in (0, -signal.SIGTERM)
    assert "Finished server process" in server.log.read_text()
    assert not psutil.wait_procs(children, timeout=5)[1]
