"""Updates and deletions that the database does by itself are what Python makes of them."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.session import batch_update as batch_updates
from pixeltable.session import change as changes
from pixeltable.session.current import current_session

ROWS = [
    {"k": 1, "n": 5, "x": 0.5, "s": "one", "d": None, "j": {"a": 1}},
    {"k": 2, "n": None, "x": -1.5, "s": "zwei", "d": datetime.date(2024, 2, 29), "j": {"a": 2}},
    {"k": 3, "n": 2**61, "x": None, "s": None, "d": datetime.date(2000, 1, 1), "j": None},
    {"k": 4, "n": -7, "x": 1e300, "s": "", "d": None, "j": {"a": "x"}},
]
SCHEMA = {
    "k": pxt.Int,
    "n": pxt.Int | None,
    "x": pxt.Float | None,
    "s": pxt.String | None,
    "d": pxt.Date | None,
    "j": pxt.Json | None,
}
Action = Callable[[pxt.Table], pxt.UpdateStatus]


def made(path: str) -> pxt.Table:
    t = pxt.create_table(path, SCHEMA, primary_key="k")
    t.add_computed_column(twice=t.n * 2.0)
    t.add_computed_column(longer=t.twice + t.x)
    t.add_computed_column(shout=pxtf.string.upper(t.s))
    t.add_computed_column(called=called(t.d))
    t.insert(ROWS, on_error="ignore")
    return t


@pxt.udf
def called(d: datetime.date | None) -> int | None:
    return None if d is None else 1 // (d.year - 2024)


IN_SQL: dict[str, Action] = {
    "a literal": lambda t: t.update({"s": "new"}, where=t.k < 3),
    "null": lambda t: t.update({"x": None}),
    "an expression": lambda t: t.update({"x": t.x + t.k}, where=t.n.__ne__(None)),
    "what others depend on": lambda t: t.update({"n": t.k + 1, "s": t.s + "!"}),
    "a chain": lambda t: t.update({"n": t.k, "x": t.x * 2}, where=t.k.isin([1, 2])),
    "without dependents": lambda t: t.update({"n": 1}, cascade=False),
    "by Json": lambda t: t.update({"s": "found"}, where=t.j.a == 2),
    "by an error": lambda t: t.update({"s": "failed"}, where=t.called.errortype == "ZeroDivisionError"),
    "no row": lambda t: t.update({"s": "new"}, where=t.k > 99),
    "all rows at once": lambda t: t.update({"x": 0.0}),
    "cells that are exchanged": lambda t: t.update({"n": t.k * 2, "x": t.x}, where=t.s == "one"),
    "a batch": lambda t: t.batch_update([{"k": 2, "x": 7.5, "d": None}, {"k": 1, "x": None, "d": "1999-12-31"}]),
}
BY_PYTHON: dict[str, Action] = {
    "into a failed cell": lambda t: t.update({"d": datetime.date(2024, 1, 1)}, where=t.k == 1),
    "of a failed cell": lambda t: t.update({"d": datetime.date(2025, 1, 1)}),
    "Json": lambda t: t.update({"j": {"b": t.k}}),
    "by Python": lambda t: t.update({"s": "odd"}, where=is_odd(t.k)),
    "beyond SQL's numbers": lambda t: t.update({"x": t.x * 1e300}, where=t.k != 4),
    "an unfinished batch": lambda t: t.batch_update([{"k": 1, "x": 1.0}, {"k": 9, "x": 2.0}], if_not_exists="ignore"),
    "a mixed batch": lambda t: t.batch_update([{"k": 1, "x": 1.0}, {"k": 2, "s": "b"}]),
    "rows back": lambda t: t.update({"s": "r"}, return_rows=True),
}


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pytest.fixture
def in_sql(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """What the ways through SQL alone answered: numbers of rows, or None."""
    answers: list[int | None] = []

    def noted(work: Callable[..., int | None]) -> Callable[..., int | None]:
        def call(*args: Any, **kwargs: Any) -> int | None:
            answers.append(work(*args, **kwargs))
            return answers[-1]

        return call

    for module, name in [(changes, "updated_in_sql"), (changes, "deleted_in_sql"), (batch_updates, "set_in_sql")]:
        monkeypatch.setattr(module, name, noted(getattr(module, name)))
    return answers


def state(t: pxt.Table) -> list[Any]:
    """All versions of a table, with the errors of its cells and what its history says of each."""
    versions = [version["version"] for version in t.get_versions()]
    kinds = [(v["change_type"], v["inserts"], v["updates"], v["deletes"], v["errors"]) for v in t.get_versions()]
    contents = [t.at(version=number).collect().to_pandas().to_dict("records") for number in versions]
    failed = t.select(t.k, t.called.errortype, t.longer.errortype).collect().to_pandas().to_dict("records")
    return [str(kinds), str(contents), str(failed)]


def outcome(action: Action, t: pxt.Table) -> tuple[Any, ...]:
    try:
        status = action(t)
    except pxt.Error as error:
        return type(error), error.message.replace(t.get_metadata()["path"], "T")
    return status.row_count_stats, status.updated_cols, status.cols_with_excs, status.rows


def same_as_in_a_transaction(ns: str, action: Action) -> None:
    pxt.create_dir(f"{ns}/u")
    quick, slow = made(f"{ns}/t"), made(f"{ns}/u/t")
    found = outcome(action, quick)
    with pxt.transaction():  # where all that is changed has to be known
        expected = outcome(action, slow)
    assert found == expected
    assert state(quick) == state(slow)
    quick.revert()
    slow.revert()
    assert state(quick) == state(slow)


@pytest.mark.parametrize("action", IN_SQL.values(), ids=IN_SQL.keys())
def test_what_sql_can_do(ns: str, in_sql: list[int | None], action: Action) -> None:
    same_as_in_a_transaction(ns, action)
    assert len(in_sql) == 2
    assert in_sql[1] is None


@pytest.mark.parametrize("action", BY_PYTHON.values(), ids=BY_PYTHON.keys())
def test_what_python_has_a_part_in(ns: str, in_sql: list[int | None], action: Action) -> None:
    same_as_in_a_transaction(ns, action)
    assert set(in_sql) <= {None}


def test_which_are_statements_alone(ns: str, in_sql: list[int | None]) -> None:
    t = pxt.create_table(f"{ns}/t", SCHEMA, primary_key="k")
    t.insert(ROWS, on_error="ignore")
    t.batch_update([{"k": 2, "x": 7.5, "d": None}, {"k": 1, "x": None, "d": "1999-12-31"}])
    assert in_sql == [2]
    t.update({"n": t.k + 1, "s": t.s + "!"}, where=t.k > 1)
    t.delete(where=t.n > 3)
    assert in_sql == ([2, 3, 3] if current_session().settings.sql_pushdown else [2, None, None])


@pytest.mark.parametrize(
    "where", [None, lambda t: t.k > 2, lambda t: t.s.isin(["one", ""])], ids=["all", "some", "listed"]
)
def test_rows_that_are_deleted(ns: str, where: Callable[[pxt.Table], Any] | None) -> None:
    same_as_in_a_transaction(ns, lambda t: t.delete(where=None if where is None else where(t)))


def test_a_batch_by_row_ids(ns: str) -> None:
    t = made(f"{ns}/t")
    with pytest.raises(pxt.NotFoundError):
        t.batch_update([{"_rowid": 2**50, "x": 1.0}])
    assert t.where(t.x == 1.0).count() == 0


def test_an_int_out_of_range_is_refused_by_name(ns: str) -> None:
    t = made(f"{ns}/t")
    with pytest.raises(pxt.RequestError, match="'n'"):
        t.update({"n": t.n * 4})
    assert t.where(t.k == 1).select(t.n).collect()["n"] == [5]


def test_a_unique_index_is_kept(ns: str) -> None:
    t = made(f"{ns}/t")
    t.add_btree_index("s", unique=True)
    with pytest.raises(pxt.Error, match="already"):
        t.update({"s": "same"})
    assert t.where(t.s == "same").count() == 0
