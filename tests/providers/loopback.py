"""An HTTP server of ours on the loopback interface: routes, a journal, faults on demand, a limiter that means it."""

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Received:
    """One request as it came in; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list["Part"]]:
        """The parts of a multipart body by name."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        found: dict[str, list[Part]] = {}
        for part in BytesParser(policy=HTTP).parsebytes(head + self.body).iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            found.setdefault(str(name), []).append(Part(content, part.get_filename(), part.get_content_type()))
        return found


@dataclass(frozen=True)
class Part:
    content: bytes
    filename: str | None
    content_type: str


@dataclass(frozen=True)
class Answer:
    """What is sent back. `after` is waited for first; `cut` closes the connection after so many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    after: threading.Event | None = None
    cut: int | None = None


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers or {})


Route = Callable[[Received], Answer]


class SlidingWindow:
    """At most `limit` requests in any `window_s` seconds, as a provider enforces it."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._admitted: deque[float] = deque()

    def admit(self) -> float | None:
        """None if the request is let in, else the seconds until one is."""
        now = time.monotonic()
        while self._admitted and self._admitted[0] <= now - self.window_s:
            self._admitted.popleft()
        if len(self._admitted) < self.limit:
            self._admitted.append(now)
            return None
        return self._admitted[0] + self.window_s - now

    @property
    def remaining(self) -> int:
        return self.limit - len(self._admitted)


class Loopback:
    """A running server: `url`, what came in (`journal`), and what is to go wrong next (`fail_next`)."""

    def __init__(self, routes: Mapping[str, Route], headers: Mapping[str, str]) -> None:
        self.routes = dict(routes)
        self.headers = dict(headers)
        self.journal: list[Received] = []
        self.limiter: SlidingWindow | None = None
        self.refused = 0
        self.connections = 0
        self.port = 0
        self._faults: deque[Answer] = deque()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Received:
        return self.journal[-1]

    def fail_next(self, *answers: Answer) -> None:
        """Answer the next requests with these, in turn, instead of what their routes say."""
        self._faults.extend(answers)

    def answer(self, request: Received) -> Answer:
        self.journal.append(request)
        wait_s = self.limiter.admit() if self.limiter else None
        if wait_s is not None:
            self.refused += 1
            return too_many(retry_after=f"{wait_s:.3f}")
        if self._faults:
            return self._faults.popleft()
        route = self.routes.get(request.path)
        if route is None:
            return json_answer({"error": {"message": f"no route {request.path}"}}, status=404)
        found = route(request)
        return replace(found, headers={**self.headers, **found.headers})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays open."""
        answer = self.answer(await read_request(reader))
        if answer.after is not None:
            await asyncio.to_thread(answer.after.wait)
        writer.write(_head(answer) + answer.body[: answer.cut])
        await writer.drain()
        return answer.cut is None


def too_many(*, retry_after: str = "0") -> Answer:
    error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded", "param": None}
    return json_answer({"error": error}, status=429, headers={"retry-after": retry_after})


async def read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return Received(method, path, query, headers, body)


def _head(answer: Answer) -> bytes:
    headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextlib.contextmanager
def running(routes: Mapping[str, Route], headers: Mapping[str, str] | None = None) -> Iterator[Loopback]:
    """A server with these routes, for as long as the block lasts."""
    server = Loopback(routes, headers or {})
    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server, started, stop)), name="loopback")
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        stop.set()
        thread.join()


async def _serve(server: Loopback, started: threading.Event, stop: threading.Event) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    started.set()
    await asyncio.to_thread(stop.wait)
    listening.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # closed connections let go of their sockets in the loop's next round
