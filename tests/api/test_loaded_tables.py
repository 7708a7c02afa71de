"""Tables that are made with rows: these are there with the table, in one commit, or there is none."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import pixeltable as pxt
from pixeltable.session import loaded_tables
from tests.api.refusals import refusal


def rows(table: pxt.Table) -> list[tuple]:
    found = table.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


@pytest.fixture
def old(ns: str) -> pxt.Table:
    old = pxt.create_table(f"{ns}/made", {"old": pxt.Int})
    old.insert(old=1)
    return old


@pytest.fixture
def few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_tables, "_PIECE", 10)


FRAMES: dict[str, Callable[[dict[str, list]], Any]] = {
    "pandas": pd.DataFrame,
    "objects": lambda columns: pd.DataFrame(columns, dtype=object),
    "arrow": pa.table,
    "dicts": lambda columns: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
}


@pytest.mark.usefixtures("few_together")
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_rows_are_read_in_parts(ns: str, make: Callable[[dict[str, list]], Any]) -> None:
    texts = [None if n % 7 == 3 else f"text {n}" for n in range(35)]
    made = pxt.create_table(f"{ns}/made", source=make({"n": list(range(35)), "s": texts}), primary_key="n")
    assert rows(made) == list(zip(range(35), texts, strict=True))
    assert [(version["version"], version["inserts"]) for version in made.get_versions()] == [(1, 35), (0, 0)]
    assert made.at(version=0).count() == 0
    made.insert(n=35, s="more")
    made.revert()
    made.revert()
    assert made.count() == 0


@pytest.mark.usefixtures("few_together")
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_what_is_wrong_is_named_by_its_row(ns: str, old: pxt.Table, make: Callable[[dict[str, list]], Any]) -> None:
    def create(values: list, **arguments: Any) -> str:
        arguments = {"source": make({"n": values}), "if_exists": "replace", **arguments}
        with pytest.raises(pxt.RequestError) as caught:
            pxt.create_table(f"{ns}/made", **arguments)
        return caught.value.message

    texts = [*map(str, range(27)), None]
    assert "row 27, column 'n'" in create(texts, primary_key="n")
    assert "n='3'" in create([*texts[:27], "3"], primary_key="n")
    assert "too long" in create([*texts[:27], "x" * 10_000 + "".join(map(chr, range(50, 9000)))], primary_key="n")
    assert rows(old) == [(1,)]
    assert pxt.list_tables(ns) == [f"{ns}/made"]


def test_what_does_not_fit_into_memory_waits_in_a_file(ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = []

    class Spool(loaded_tables.Spool):
        def __init__(self, _: int) -> None:
            super().__init__(1000)

        def store(self, value: Any) -> Any:
            stored.append(value)
            return super().store(value)

    monkeypatch.setattr(loaded_tables, "Spool", Spool)
    monkeypatch.setattr(loaded_tables, "_PIECE", 10)
    made = pxt.create_table(f"{ns}/made", source=pd.DataFrame({"s": ["x" * 50 + str(n) for n in range(40)]}))
    assert made.collect()["s"] == ["x" * 50 + str(n) for n in range(40)]
    assert len(stored) == 3


def test_a_table_is_replaced_by_one_with_rows(ns: str, old: pxt.Table) -> None:
    made = pxt.create_table(f"{ns}/made", source=[{"n": 2}], if_exists="replace", has_default_idxs=True)
    assert rows(made) == rows(pxt.get_table(f"{ns}/made")) == [(2,)]
    assert made.get_metadata()["indexes"]
    with pytest.raises(pxt.NotFoundError):
        old.count()


def test_a_view_over_a_table_keeps_it(ns: str, old: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", old)
    create = lambda: pxt.create_table(f"{ns}/made", source=[{"n": 2}], if_exists="replace")  # noqa: E731  # as named
    refusal(create, pxt.RequestError, "CONSTRAINT_VIOLATION")
    assert rows(old) == [(1,)]


def test_nobody_sees_or_waits_for_a_table_that_is_being_filled(
    ns: str, old: pxt.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    append = loaded_tables.append_rows

    def look() -> None:
        seen.append(rows(pxt.get_table(f"{ns}/made")))
        seen.append(rows(pxt.create_table(f"{ns}/other", source=[{"n": 3}])))

    def appending(*arguments: Any, **named: Any) -> None:
        append(*arguments, **named)
        if not seen:
            seen.append(pxt.list_tables(ns))
            other = threading.Thread(target=look)
            other.start()
            other.join()

    monkeypatch.setattr(loaded_tables, "append_rows", appending)
    made = pxt.create_table(f"{ns}/made", source=[{"n": 2}], if_exists="replace")
    assert seen == [[f"{ns}/made"], [(1,)], [(3,)]]
    assert rows(made) == [(2,)]
    assert old != made


@pytest.mark.parametrize("choice", ["error", "ignore", "replace"])
def test_somebody_else_makes_the_table_meanwhile(ns: str, choice: str) -> None:
    def source() -> Iterator[dict[str, int]]:
        pxt.create_table(f"{ns}/made", {"theirs": pxt.Int}).insert(theirs=1)
        yield {"n": 2}

    def create() -> pxt.Table:
        return pxt.create_table(f"{ns}/made", source=source(), if_exists=choice)

    if choice == "error":
        refusal(create, pxt.AlreadyExistsError, "PATH_ALREADY_EXISTS")
    else:
        assert rows(create()) == [(2,) if choice == "replace" else (1,)]
    assert pxt.get_table(f"{ns}/made").columns() == ["n" if choice == "replace" else "theirs"]


def test_what_cannot_be_made_is_refused_before_the_source_is_read(ns: str, old: pxt.Table) -> None:
    def unread() -> Iterator[dict[str, int]]:
        raise AssertionError
        yield {}

    with pytest.raises(pxt.AlreadyExistsError):
        pxt.create_table(f"{ns}/made", source=unread())
    assert pxt.create_table(f"{ns}/made", source=unread(), if_exists="ignore") == old
