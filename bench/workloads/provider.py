"""n requests through the OpenAI function against a server on loopback that allows `--limit` of them a minute.

Its figure is the time it took over the least it could: n at the limit's pace. `--processes 2` shares the work.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from timing import emit, parse, timed

args = parse(1_000, limit=6_000, processes=1, answer=0.2, part="", port=0)
os.environ.setdefault("OPENAI_API_KEY", "none")
if args.port:
    os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{args.port}/v1"

import pixeltable as pxt  # noqa: E402  # it reads the environment
from pixeltable.functions import openai  # noqa: E402


def ask(name: str, n: int) -> None:
    """A column of n distinct questions, answered."""
    t = pxt.create_table(name, {"q": pxt.String})
    t.insert([{"q": f"{name} question {i}"} for i in range(n)])
    t.add_computed_column(a=openai.chat_completions([{"role": "user", "content": t.q}], model="m"))
    assert t.where(t.a != None).count() == n  # noqa: E711


if args.part:
    ask(args.part, args.n)
    sys.exit()
server = subprocess.Popen(
    [sys.executable, str(Path(__file__).with_name("chat_server.py")), str(args.limit), str(args.answer)],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
)  # fmt: skip
assert server.stdin is not None
assert server.stdout is not None
port = int(server.stdout.readline())
pxt.list_tables()  # the server of the database is there for all parts


def share(number: int) -> "subprocess.Popen[bytes]":
    own = ["--n", str(args.n // args.processes), "--part", f"part{number}", "--port", str(port)]
    return subprocess.Popen([sys.executable, __file__, *own])


def run() -> None:
    for part in [share(number) for number in range(args.processes)]:
        assert part.wait() == 0


try:
    seconds, _ = timed(run)
    server.stdin.write("\n")
    server.stdin.flush()
    counted = json.loads(server.stdout.readline())
finally:
    server.terminate()
ideal_s = args.n / args.limit * 60
emit(f"provider_{args.processes}p", args.n, seconds, value=seconds / ideal_s, unit="x ideal", **counted)
