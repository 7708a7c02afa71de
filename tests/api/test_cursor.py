"""Cursors: the rows of one moment, in order, with nothing held while somebody looks at them."""

import threading
import time

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import InvalidExpression, InvalidState, Unsupported
from pixeltable.session import streams
from pixeltable.session.current import current_session

ROWS = 5000


@pxt.udf
def third(n: int) -> bool:
    return n % 3 == 0


@pxt.udf
def picky(n: int) -> int:
    if n == 4321:
        raise ValueError("no")
    return -n


@pytest.fixture
def table(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None, "j": pxt.Json})
    table.insert({"n": n, "s": str(n) if n % 2 else None, "j": {"k": [n]}} for n in range(ROWS))
    return table


@pytest.fixture(params=[32 * 2**20, 0], ids=["in memory", "in a file"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_MEMORY_BYTES", request.param)
    monkeypatch.setattr(streams, "_PAGE_ROWS", 300)


@pytest.mark.usefixtures("memory")
def test_all_rows_in_their_order(table: pxt.Table) -> None:
    with table.cursor() as rows:
        found = list(rows)
    assert found == list(table.collect())
    assert isinstance(found[0], pxt.Row)


@pytest.mark.usefixtures("memory")
def test_what_python_filters_computes_and_cuts_off(table: pxt.Table) -> None:
    query = table.where(third(table.n)).select(x=picky(table.n * 2), k=table.j.k)
    with query.limit(700, offset=350).cursor() as rows:
        assert list(rows) == list(query.limit(700, offset=350).collect())
    with query.limit(0).cursor() as rows:
        assert list(rows) == []


def test_queries_whose_rows_python_orders_or_groups(table: pxt.Table) -> None:
    for query in (
        table.order_by(picky(table.n * 2), asc=False).select(table.n).limit(5),
        table.group_by(third(table.n)).select(n=pxtf.count(table.n)),
        table.order_by(table.s, table.n).select(table.s),
    ):
        with query.cursor() as rows:
            assert list(rows) == list(query.collect())


def test_the_rows_are_those_of_one_moment_and_nothing_waits(table: pxt.Table) -> None:
    with table.select(table.n).cursor() as rows:
        first = next(iter(rows))
        table.delete(where=table.n > 10)
        table.add_computed_column(late=table.n + 1)
        assert len([first, *rows]) == ROWS
    assert table.count() == 11


def test_no_connection_is_held_while_rows_are_looked_at(table: pxt.Table) -> None:
    with table.cursor() as rows:
        next(iter(rows))
        deadline = time.monotonic() + 30
        while any(thread.name == "pixeltable-aside" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
        with current_session().database.connection() as connection:
            busy = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' "
                "AND datname = current_database()"
            ).fetchone()
    assert busy == (0,)


def test_a_cursor_that_is_closed_early_ends_its_thread(table: pxt.Table) -> None:
    cursor = table.cursor().open()
    next(iter(cursor))
    cursor.close()
    assert not any(thread.name == "pixeltable-aside" for thread in threading.enumerate())


def test_a_cell_that_fails_is_named(table: pxt.Table) -> None:
    with table.select(x=picky(table.n)).cursor() as rows, pytest.raises(InvalidExpression, match="picky"):
        list(rows)


def test_numbers_beyond_those_of_sql(table: pxt.Table) -> None:
    with table.where(table.n > 0).select(x=table.n + (2**63 - 100)).limit(300).cursor() as rows:
        assert list(rows)[-1]["x"] == 2**63 - 100 + 300


def test_states(table: pxt.Table) -> None:
    cursor = table.select(table.n, table.s).cursor()
    assert repr(cursor) == "ResultCursor(pending, columns=[n: Int, s: String | None])"
    with pytest.raises(InvalidState, match="not open"):
        list(cursor)
    with cursor, pytest.raises(InvalidState, match="open already"):
        cursor.open()
    for attempt in (cursor.open, lambda: list(cursor)):
        with pytest.raises(InvalidState, match="closed"):
            attempt()
    assert repr(cursor).startswith("ResultCursor(closed")


@pytest.mark.usefixtures("memory")
def test_a_number_out_of_the_range_of_sql_after_rows_were_given(ns: str) -> None:
    t = pxt.create_table(f"{ns}/large", {"n": pxt.Int})
    t.insert({"n": 2**62 if n == 700 else n} for n in range(1000))
    query = t.where(t.n * 4 != 8).select(t.n)
    for found in (query, query.limit(800, offset=100), query.order_by(t.n, asc=False)):
        with found.cursor() as rows:
            assert list(rows) == list(found.collect())


def test_a_limit_ends_the_cursor_without_reading_on(table: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[int] = []
    monkeypatch.setattr(streams, "_PAGE_ROWS", 300)
    monkeypatch.setattr(streams, "_itself", lambda columns: loads.append(len(columns[0])) or columns)
    with table.where(third(table.n)).select(table.n).limit(10).cursor() as rows:
        assert [row["n"] for row in rows] == list(range(0, 30, 3))
    assert loads == [300]


def test_a_join_that_the_database_cannot_run(table: pxt.Table) -> None:
    other = table.alias("other")
    query = table.join(other, on=table.n < other.n, how="full_outer").select(table.n)
    with query.cursor() as rows, pytest.raises(Unsupported, match="FULL JOIN"):
        list(rows)
