"""Switching the embedding model of an application in production: nobody waits, and nothing is embedded twice.

    python examples/switch_model.py

Documents are searched by the index `embedding` while an index `embedding_v2`, by another model, is built in the
background: through a service that takes so many requests a minute, and that fails now and then. Searches and new
documents go on meanwhile. Then both indexes are there, are compared, and the old one goes.
Everything it makes is in the directory `switch_model` of your catalog, which is replaced at every start.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable
from pydoc_data.topics import topics

import pixeltable as pxt
from pixeltable.functions import wordllama

QUESTIONS = (
    "how do I catch an error raised in my code?",
    "how do I import a module from a package?",
    "how do I format numbers in a string?",
    "how do I stop a loop early?",
)
REQUESTS_A_MINUTE = 1_200
_failed_once: set[str] = set()


@pxt.udf(
    resource_pool="request-rate:vectors",
    retry=pxt.Retry(on=(ConnectionError,), times=3, wait_s=0.05),
)
async def embed_v2(text: str) -> pxt.Array[(256,), pxt.Float]:
    """The new model, as a service has it: every tenth text fails the first time."""
    if sum(map(ord, text)) % 10 == 0 and text not in _failed_once:
        _failed_once.add(text)
        raise ConnectionError("the service did not answer")
    return wordllama.embed.body([text], dim=256)[0]


class Traffic:
    """Users of the application: some search all the time, one adds documents."""

    def __init__(self, docs: pxt.Table) -> None:
        self._docs = docs
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(self._search,)) for _ in range(3)]
        self._threads.append(threading.Thread(target=self._repeat, args=(self._add,)))
        self.searches: list[float] = []
        self.inserts: list[float] = []

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, act: Callable[[], None]) -> None:
        while not self._over.wait(0.03):
            act()

    def _search(self) -> None:
        start = time.perf_counter()
        found = search(self._docs, QUESTIONS[0], "embedding")
        self.searches.append(time.perf_counter() - start)
        assert found

    def _add(self) -> None:
        start = time.perf_counter()
        number = len(self.inserts)
        self._docs.insert(
            name=f"new{number}", text=f"Notes of day {number}: the printer on floor {number} is out of ink."
        )
        self.inserts.append(time.perf_counter() - start)


def search(docs: pxt.Table, question: str, index: str, k: int = 5) -> list[str]:
    """The names of the documents nearest to a question, by one of the indexes."""
    near = docs.text.similarity(string=question, idx=index)
    return docs.order_by(near, asc=False).limit(k).select(docs.name).collect()["name"]


def say(heading: str) -> None:
    print(f"\n── {heading} {'─' * (84 - len(heading))}\n")


def main() -> None:
    pxt.init({"vectors.rate_limit": REQUESTS_A_MINUTE})
    say("1. An application that searches by a model")
    pxt.create_dir("switch_model", if_exists="replace_force")
    docs = pxt.create_table("switch_model/docs", {"name": pxt.String, "text": pxt.String}, primary_key="name")
    docs.insert([{"name": name, "text": text} for name, text in topics.items()])
    docs.add_embedding_index("text", idx_name="embedding", string_embed=wordllama.embed.using(dim=64))
    print(f"{docs.count()} documents; {QUESTIONS[0]!r} finds {search(docs, QUESTIONS[0], 'embedding')[0]!r}")

    say(f"2. The new model comes, at {REQUESTS_A_MINUTE} requests a minute, while searches and new documents go on")
    with Traffic(docs) as traffic:
        job = docs.add_embedding_index("text", idx_name="embedding_v2", string_embed=embed_v2, background=True)
        while job.wait(timeout_s=1) == "running":
            print(f"  {job.progress.done} of {job.progress.total or '?'} vectors", flush=True)
    status = job.result()
    print(
        f"  {job.status}: {status.num_computed_values} vectors, {status.num_excs} failed, {status.num_retries} retries"
    )
    for what, times in (("searches", traffic.searches), ("inserts", traffic.inserts)):
        print(f"  {len(times)} {what} meanwhile: half of them took under {statistics.median(times) * 1e3:.0f} ms")

    say("3. Both models side by side")
    for question in QUESTIONS:
        old, new = (search(docs, question, index) for index in ("embedding", "embedding_v2"))
        print(f"{question}\n  old: {old[0]}  new: {new[0]}  in common: {len(set(old) & set(new))} of {len(old)}")

    say("4. The old one goes")
    docs.drop_embedding_index(idx_name="embedding")
    docs.insert(name="last", text="The printer on the top floor is out of ink again.")
    found = search(docs, "which printers have no ink?", "embedding_v2")
    print(f"{docs.count()} documents, searched by the new model; printers without ink: {', '.join(found)}")
    if "last" not in found:
        sys.exit("a document that was inserted is not found")


if __name__ == "__main__":
    main()
