"""Load on search_app.py under uvicorn with one worker: n seconds for each route and number of clients.

Clients are threads of this process over plain `http.client`; the server is another process.
"""

import http.client
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from scalar_udfs import upper
from timing import emit, emit_latencies, parse
from vector_udfs import embed

import pixeltable as pxt

HERE = Path(__file__).parent
Request = tuple[str, str]


def set_up(n: int) -> None:
    t = pxt.create_table("app_docs", {"text": pxt.String})
    t.add_computed_column(up=upper(t.text))
    t.insert([{"text": str(i)} for i in range(n)])
    t.add_embedding_index("text", string_embed=embed)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port: int, method: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise OSError(f"{response.status} {body[:80]!r}")
    finally:
        connection.close()


def wait_for_server(port: int, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            return call(port, "GET", "/ping")
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)


def load(port: int, clients: int, seconds: float, make: Callable[[random.Random], Request]) -> None:
    times: list[float] = []
    errors: Counter[str] = Counter()
    start_s = time.perf_counter()

    def client(seed: int) -> None:
        rng = random.Random(seed)
        while (begin_s := time.perf_counter()) < start_s + seconds:
            try:
                call(port, *make(rng))
                times.append(time.perf_counter() - begin_s)
            except (OSError, http.client.HTTPException) as error:
                errors[f"{type(error).__name__} {error}"] += 1

    threads = [threading.Thread(target=client, args=(k,)) for k in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report(f"http_{make.__name__}_c{clients}", times, errors, time.perf_counter() - start_s)


def report(case: str, times: list[float], errors: Counter[str], seconds: float) -> None:
    note = f"{errors.total()} errors, such as {errors.most_common(1)[0][0]}" if errors else None
    emit_latencies(case, times, note=note)
    emit(f"{case}_rate", len(times), seconds, value=len(times) / seconds, unit="1/s")


def ping(_: random.Random) -> Request:
    return "GET", "/ping"


def ingest(rng: random.Random) -> Request:
    return "POST", f"/ingest?text={rng.randrange(10**8, 10**9)}"


def search(rng: random.Random) -> Request:
    return "GET", f"/search?query={rng.randrange(10**8, 10**9)}"


def mixed_80_20(rng: random.Random) -> Request:
    return search(rng) if rng.random() < 0.8 else ingest(rng)


n = parse(6).n
set_up(2_000)
port = free_port()
server = subprocess.Popen(
    [sys.executable, "-m", "uvicorn", "search_app:app", "--port", str(port), "--log-level", "error"],
    cwd=HERE,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    wait_for_server(port, 60)
    call(port, *search(random.Random(0)))
    load(port, 8, n, ping)
    for make in (search, ingest, mixed_80_20):
        for clients in (1, 8, 32):
            load(port, clients, n, make)
finally:
    server.terminate()
    server.wait(30)
