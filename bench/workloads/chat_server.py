"""A chat endpoint on loopback that allows so many requests a minute, and says so in the headers OpenAI documents.

`python chat_server.py <requests a minute> <seconds an answer takes>` prints its port; each line it reads on its
standard input is answered with what it counted: requests, refusals, most requests within any second.
"""

import asyncio
import json
import sys
import time
from collections import deque

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
}  # fmt: skip


class Window:
    """Requests of the last minute, and the most that any second saw."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self.most_a_second = 0
        self.total = 0
        self._minute: deque[float] = deque()
        self._second: deque[float] = deque()

    def admit(self) -> bool:
        now = time.monotonic()
        for seen, length_s in ((self._minute, 60.0), (self._second, 1.0)):
            while seen and now - seen[0] >= length_s:
                seen.popleft()
        self.total += 1
        self._second.append(now)
        self.most_a_second = max(self.most_a_second, len(self._second))
        if len(self._minute) >= self.limit:
            self.refused += 1
            return False
        self._minute.append(now)
        return True

    @property
    def remaining(self) -> int:
        return self.limit - len(self._minute)


async def serve(limit: int, answer_s: float) -> None:
    window = Window(limit)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
                await reader.readexactly(length)
                admitted = window.admit()
                if admitted:
                    await asyncio.sleep(answer_s)
                body = json.dumps(ANSWER if admitted else {"error": {"message": "Rate limit", "code": "rate_limit"}})
                status = "200 OK" if admitted else "429 Too Many Requests\r\nretry-after: 1"
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                    f"x-ratelimit-limit-requests: {limit}\r\nx-ratelimit-remaining-requests: {window.remaining}\r\n"
                    f"x-ratelimit-reset-requests: 1s\r\n\r\n{body}".encode()
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        counts = {"requests": window.total, "refused": window.refused, "most_a_second": window.most_a_second}
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
