"""Processes that write at random into one table with views and another one, and what has to be there in the end.

Each notes in a log of its own what it tries and what was acknowledged. Rows belong to the process that inserted them,
and only it changes them, so that its log says what they are; rows of nobody are counters, which all of them count up.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pixeltable as pxt
from tests.crash.programs import Program, Programs

COUNTERS = (-1, -2, -3)
MODULE = """
from collections.abc import Iterator
from typing import TypedDict
import pixeltable as pxt

@pxt.udf
def double(n: int) -> int:
    return 2 * n

@pxt.udf
def increment(n: int) -> int:
    return n + 1

class Word(TypedDict):
    word: str

@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word} for word in text.split())
"""
SETUP = """
from writing import double, words
folder = sys.argv[1]
rows = {"id": pxt.Int, "n": pxt.Int, "mark": pxt.Int | None, "text": pxt.String | None}
t = pxt.create_table(folder + "/t", rows, primary_key="id")
t.add_computed_column(twice=double(t.n))
v = pxt.create_view(folder + "/v", t.where(t.n % 3 > 0),
                    additional_columns={"d": double(t.n), "note": pxt.Int | None})
pxt.create_view(folder + "/w", v.where(v.d > 20), additional_columns={"more": v.d + 1})
e = pxt.create_view(folder + "/e", t, iterator=words(t.text))
pxt.create_view(folder + "/s", t.sample(fraction=0.5, seed=1), iterator=words(t.text))
pxt.create_view(folder + "/f", e.where(e.n > 9).sample(fraction=0.5, seed=1))
t.insert([{"id": -1, "n": 0}, {"id": -2, "n": 100}, {"id": -3, "n": 1}])
u = pxt.create_table(folder + "/u", {"id": pxt.Int, "mark": pxt.Int | None, "n": pxt.Int | None}, primary_key="id")
u.add_computed_column(twice=double(u.n))
u.insert([{"id": -1, "n": 0}])
"""
WRITER = """
import itertools, json, random
from writing import double, increment, words
folder, number, log, stop, most = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])
t, u, v = (pxt.get_table(f"{folder}/{name}") for name in "tuv")
chance, serial = random.Random(number), itertools.count(number * 100_000)
log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
own, keys, columns, views = {}, [], [], []

def note(word, kind, **facts):
    os.write(log, (json.dumps([word, kind, facts]) + "\\n").encode())

def attempt(kind, call, **facts):
    note("try", kind, **facts)
    try:
        call()
    except pxt.ConcurrencyError as error:
        assert error.is_retryable
        note("not", kind, **facts)
        return False
    note("did", kind, **facts)
    return True

def text():
    return " ".join(chance.choices("abcde", k=chance.randrange(4)))

def insert():
    rows = [{"id": next(serial), "n": chance.randrange(40), "text": text()} for _ in range(chance.randrange(1, 4))]
    if attempt("insert", lambda: t.insert(rows), rows=rows):
        own.update((row["id"], row) for row in rows)

def update():
    if own:
        key, values = chance.choice(list(own)), {"mark": next(serial), "text": text()}
        attempt("update", lambda: t.update(values, where=t.id == key), id=key, values=values)

def delete():
    if own:
        key = chance.choice(list(own))
        if attempt("delete", lambda: t.delete(where=t.id == key), id=key):
            del own[key]

def count_up():
    value = chance.choice([t.n + 1, increment(t.n)])
    attempt("count", lambda: t.update({"n": value}, where=t.id < 0))

def count_up_other():
    attempt("count other", lambda: u.update({"n": u.n + 1}, where=u.id == -1))

def annotate():
    kept = [key for key, row in own.items() if row["n"] % 3]
    if kept:
        key, values = chance.choice(kept), {"note": next(serial)}
        attempt("note", lambda: v.update(values, where=v.id == key), id=key, values=values)

def upsert():
    chosen = {*chance.sample(keys, min(2, len(keys))), next(serial)}
    rows = [{"id": key, "mark": next(serial), "n": chance.randrange(40)} for key in sorted(chosen)]
    if attempt("upsert", lambda: u.batch_update(rows, if_not_exists="insert"), rows=rows):
        keys.extend(chosen - set(keys))

def add_column():
    name, table = f"c{next(serial)}", chance.choice([t, v, u])
    if attempt("column", lambda: table.add_computed_column(**{name: double(table.n)}), name=name):
        columns.append((table, name))

def drop_column():
    if columns:
        table, name = columns.pop()
        attempt("drop", lambda: table.drop_column(name), name=name)

def view():
    if views:
        path = views.pop()
        attempt("drop view", lambda: pxt.drop_table(path), path=path)
    else:
        path, more = f"{folder}/{chance.choice('xy')}{next(serial)}", {"d": double(t.n)}
        source = t.where(t.n % 2 == 0) if "/x" in path else t.where(t.n % 2 == 0).sample(fraction=0.5, seed=1)
        if attempt("view", lambda: pxt.create_view(path, source, additional_columns=more), path=path):
            views.append(path)

steps = [insert] * 5 + [update] * 3 + [delete] * 2 + [count_up] * 4 + [count_up_other] * 2
steps += [annotate, upsert, upsert, add_column, drop_column, view]
for _ in range(most):
    if stop.exists():
        break
    chance.choice(steps)()
note("end", "")
"""
AFTERWARDS = """
from writing import double
folder = sys.argv[1]
for name in "tu":
    table = pxt.get_table(f"{folder}/{name}")
    before = table.count()
    table.insert([{"id": 10**9, "n": 4, "mark": 1}])
    table.update({"n": 5}, where=table.id == 10**9)
    table.add_computed_column(afterwards=double(table.n))
    assert table.where(table.id == 10**9).collect()[0]["afterwards"] == 10
    table.drop_column("afterwards")
    table.delete(where=table.id == 10**9)
    assert table.count() == before
say("done")
"""


@dataclass
class Writers:
    """The processes, and their logs."""

    programs: Programs
    folder: str
    running: dict[int, Program] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.programs.folder / "writing.py").write_text(MODULE)
        self.programs.run(SETUP, self.folder)

    @property
    def stop(self) -> Path:
        return self.programs.folder / "stop"

    def log(self, number: int) -> Path:
        return self.programs.folder / f"log{number}"

    def start(self, number: int, *, most: int) -> None:
        self.running[number] = self.programs.start(WRITER, self.folder, number, self.log(number), self.stop, most)

    def kill(self, number: int) -> None:
        self.running.pop(number).kill()

    def acknowledged(self) -> int:
        """How many operations of all processes were."""
        return sum(line.startswith('["did"') for log in self.logs() for line in log.read_text().splitlines())

    def logs(self) -> list[Path]:
        return sorted(self.programs.folder.glob("log*"))

    def end(self) -> None:
        self.stop.touch()
        for program in self.running.values():
            program.succeed()


@dataclass
class Expected:
    """What logs say: all that each row can be, since a killed process does not know what became of its last operation.

    `views`: whether one that comes and goes can be there. `counted`: how often counters went up, at least and at most.
    """

    rows: dict[int, list[dict[str, Any] | None]] = field(default_factory=dict)
    others: dict[int, list[dict[str, Any] | None]] = field(default_factory=dict)
    views: dict[str, set[bool]] = field(default_factory=dict)
    counted: dict[str, list[int]] = field(default_factory=lambda: {"count": [0, 0], "count other": [0, 0]})
    kinds: set[str] = field(default_factory=set)

    def read(self, log: Path) -> None:
        for word, kind, facts in _outcomes(log):
            self.kinds |= {kind} if word == "did" else set()
            if word != "not":
                self._apply(kind, facts, known=word == "did")

    def _apply(self, kind: str, facts: dict[str, Any], *, known: bool) -> None:
        if kind in self.counted:
            self.counted[kind][0] += known
            self.counted[kind][1] += 1
        if kind in ("view", "drop view"):
            before = set() if known else self.views.get(facts["path"], {False})
            self.views[facts["path"]] = before | {kind == "view"}
        for key, values in _changes(kind, facts):
            rows = self.others if kind == "upsert" else self.rows
            cells = rows.get(key, [None])[0]
            after = None if values is None else _EMPTY | (cells or {}) | values
            rows[key] = [after] if known else [cells, after]


_EMPTY = {"mark": None, "text": None, "note": None}


def _outcomes(log: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What became of each operation: 'did', 'not', or 'try' if that is not known."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    following = [*lines[1:], ["end", "", {}]]
    for (word, kind, facts), after in zip(lines, following, strict=bool(lines)):  # one may be killed before it began
        if word != "try" or after[0] == "end":
            yield word, kind, facts


def _changes(kind: str, facts: dict[str, Any]) -> Iterable[tuple[int, dict[str, Any] | None]]:
    if kind in ("insert", "upsert"):
        return [(row["id"], row) for row in facts["rows"]]
    if kind in ("update", "note"):
        return [(facts["id"], facts["values"])]
    return [(facts["id"], None)] if kind == "delete" else []


def rows_of(table: pxt.Table) -> list[dict[str, Any]]:
    return [dict(row) for row in table.collect()]
