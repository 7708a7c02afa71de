"""A connection that is lost after a commit and before its answer: nothing is done twice, nobody sees an error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict

import psycopg
import pytest

import pixeltable as pxt
from pixeltable.storage.database import Connection, Database


class Loss:
    """Loses one connection after its work is done, at the given count of uses from now."""

    def __init__(self) -> None:
        self.uses = 0
        self.at: int | None = None

    def count(self) -> None:
        self.uses += 1
        if self.uses == self.at:
            raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.fixture
def loss(monkeypatch: pytest.MonkeyPatch) -> Loss:
    found = Loss()
    original = Database.connection

    @contextmanager
    def losing(database: Database) -> Iterator[Connection]:
        with original(database) as connection:
            yield connection
            found.count()

    monkeypatch.setattr(Database, "connection", losing)
    return found


@pxt.udf
def embed(text: str) -> pxt.Array[(2,), pxt.Float]:
    return [float(len(text)), 1.0]


class Letter(TypedDict):
    letter: str


@pxt.iterator
def letters(text: str) -> Iterator[Letter]:
    for letter in text:
        yield {"letter": letter}


def make(path: str) -> pxt.Table:
    table = pxt.create_table(f"{path}/t", {"n": pxt.Int, "text": pxt.String})
    table.insert([{"n": n, "text": str(n)} for n in range(3)])
    table.add_computed_column(next=table.n + 1)
    table.add_embedding_index("text", idx_name="old", string_embed=embed)
    table.insert(n=3, text="3")
    pxt.create_dir(f"{path}/old")
    return table


@pxt.iterator
def fragile(text: str) -> Iterator[Letter]:
    if text == "2":
        raise ValueError("broken")
    yield {"letter": text}


def follow(table: pxt.Table, path: str) -> None:
    """What a view with a list that cannot be made goes along with."""
    view = pxt.create_view(f"{path}/v", table, iterator=fragile(table.text))
    table.batch_update([{"_rowid": view.errors()["_rowid"][0], "text": "new"}])
    table.restore(2)
    view.recompute_columns(errors_only=True)


OPERATIONS: dict[str, Callable[[pxt.Table, str], object]] = {
    "insert": lambda table, _: table.insert(n=9, text="9"),
    "bulk insert": lambda table, _: table.insert([{"n": n, "text": "new"} for n in range(300)]),
    "update": lambda table, _: table.update({"n": table.n + 1}),
    "delete": lambda table, _: table.delete(where=table.n == 1),
    "revert": lambda table, _: table.revert(),
    "add a computed column": lambda table, _: table.add_computed_column(doubled=table.n * 2),
    "drop a column": lambda table, _: table.drop_column("next"),
    "add an index": lambda table, _: table.add_embedding_index("text", idx_name="new", string_embed=embed, metric="l2"),
    "drop an index": lambda table, _: table.drop_embedding_index(idx_name="old"),
    "add a b-tree index": lambda table, _: table.add_btree_index("text", idx_name="new"),
    "rename a column": lambda table, _: table.rename_column("n", "number"),
    "add a column": lambda table, _: table.add_columns({"new": pxt.Int | None}),
    "create a view": lambda table, path: pxt.create_view(f"{path}/v", table.where(table.n > 0)),
    "explode a table": lambda table, path: pxt.create_view(f"{path}/v", table, iterator=letters(table.text)),
    "bring a view along": follow,
    "create a table": lambda _, path: pxt.create_table(f"{path}/new", {"n": pxt.Int}),
    "drop a table": lambda _, path: pxt.drop_table(f"{path}/t"),
    "move a table": lambda _, path: pxt.move(f"{path}/t", f"{path}/moved"),
    "create a directory": lambda _, path: pxt.create_dir(f"{path}/new"),
    "drop a directory": lambda _, path: pxt.drop_dir(f"{path}/old"),
}
KEYS = ("version", "change_type", "inserts", "updates", "deletes", "errors", "schema_change")


def outcome(path: str) -> object:
    """What there is in a directory, with the contents and the versions of its tables."""
    contents = pxt.get_dir_contents(path)
    found = {}
    for name in contents["tables"]:
        table = pxt.get_table(name)
        rows = sorted(map(repr, table.collect()))
        versions = [[version[key] for key in KEYS] for version in table.get_versions()]
        found[name.removeprefix(path)] = (rows, versions)
    return found, [name.removeprefix(path) for name in contents["dirs"]]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_was_committed_is_not_done_again(
    ns: str, loss: Loss, operation: Callable[[pxt.Table, str], object]
) -> None:
    def run(path: str, lose_at: int | None) -> tuple[object, int]:
        pxt.create_dir(path)
        table = make(path)
        loss.uses, loss.at = 0, lose_at
        operation(table, path)
        loss.at = None
        return outcome(path), loss.uses

    expected, uses = run(f"{ns}/undisturbed", None)
    for lose_at in range(1, uses + 1):
        assert run(f"{ns}/lost{lose_at}", lose_at)[0] == expected, f"when connection {lose_at} was lost"
