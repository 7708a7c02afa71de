"""Calls that are refused whatever they are about; what only one noun refuses is in the file of that noun."""

from collections.abc import Callable

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import letters, twice
from tests.api.refusals import refusal, refused

Use = Callable[[pxt.Table], object]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(
        f"{ns}/t", {"k": pxt.Int, "s": pxt.String | None, "n": pxt.Int, "j": pxt.Json}, primary_key="k"
    )
    t.add_computed_column(c=twice(t.n))
    t.insert([{"k": k, "s": "abc"[k], "n": k, "j": {"x": k}} for k in range(3)])
    t.add_embedding_index("s", embedding=letters)
    return t


@pytest.fixture
def other(ns: str) -> pxt.Table:
    """A table like `t`, with one row that every condition below is true for."""
    other = pxt.create_table(f"{ns}/other", {"k": pxt.Int, "s": pxt.String, "n": pxt.Int, "j": pxt.Json})
    other.insert(k=3, s="a", n=3, j={})
    return other


GOOD = {"k": 10, "n": 1, "j": {}}
ROWS = {
    "unknown column": ({"x": 1}, NotFoundError, "COLUMN_NOT_FOUND", "'x'"),
    "a column in another case": ({"N": 1}, NotFoundError, "COLUMN_NOT_FOUND", "'N'"),
    "a name that is no string": ({1: 1}, NotFoundError, "COLUMN_NOT_FOUND", "1"),
    "computed column": ({"c": 1}, RequestError, "UNSUPPORTED_OPERATION", "'c'"),
    "null in a required column": ({"n": None}, RequestError, "MISSING_REQUIRED", "row 1, column 'n'"),
    "null in the key": ({"k": None}, RequestError, "MISSING_REQUIRED", "row 1, column 'k'"),
    "wrong type": ({"n": "x"}, RequestError, "TYPE_MISMATCH", "row 1, column 'n'"),
    "key that is there": ({"k": 2}, RequestError, "CONSTRAINT_VIOLATION", "k"),
    "key twice in the batch": ({"k": 9}, RequestError, "CONSTRAINT_VIOLATION", "k=9"),
}


@pytest.mark.parametrize(("row", "kind", "code", "named"), ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("on_error", ["abort", "ignore"])
def test_one_bad_row_keeps_the_whole_batch_out(
    t: pxt.Table, row: dict[str, object], kind: type[pxt.Error], code: str, named: str, on_error: str
) -> None:
    rows = [GOOD | {"k": 9}, GOOD | row, GOOD | {"k": 11}]
    assert named in refused(t, lambda: t.insert(rows, on_error=on_error), kind, code)


def test_a_missing_required_value_names_row_and_column(t: pxt.Table) -> None:
    message = refused(t, lambda: t.insert([GOOD, {"k": 11, "j": 1}]), RequestError, "MISSING_REQUIRED")
    assert "row 1" in message
    assert ": n" in message


CALLS = {
    "insert of nothing": (lambda t: t.insert(), "INVALID_ARGUMENT"),
    "insert of an empty list": (lambda t: t.insert([]), "UNSUPPORTED_OPERATION"),
    "insert of an empty generator": (lambda t: t.insert(row for row in []), "UNSUPPORTED_OPERATION"),
    "insert of one dict": (lambda t: t.insert({"k": 1}), "UNSUPPORTED_OPERATION"),
    "insert of a number": (lambda t: t.insert(5), "UNSUPPORTED_OPERATION"),
    "insert of numbers": (lambda t: t.insert([GOOD, 5]), "INVALID_ARGUMENT"),
    "insert of rows and keywords": (lambda t: t.insert([GOOD], k=1), "INVALID_ARGUMENT"),
    "insert: on_error": (lambda t: t.insert([GOOD], on_error="x"), "INVALID_ARGUMENT"),
    "update of nothing": (lambda t: t.update({}), "INVALID_ARGUMENT"),
    "update of no dict": (lambda t: t.update([("n", 1)]), "INVALID_ARGUMENT"),
    "update of the key": (lambda t: t.update({"k": 7}), "UNSUPPORTED_OPERATION"),
    "update of a computed column": (lambda t: t.update({"c": 7}), "UNSUPPORTED_OPERATION"),
    "update to another type": (lambda t: t.update({"n": "x"}), "TYPE_MISMATCH"),
    "update to an expression of another type": (lambda t: t.update({"n": t.s}), "TYPE_MISMATCH"),
    "update to null": (lambda t: t.update({"n": None}), "TYPE_MISMATCH"),
    "update to an expression that is null": (lambda t: t.update({"n": t.j.x.y}), "MISSING_REQUIRED"),
    "update to a set": (lambda t: t.update({"j": {1}}), "INVALID_EXPRESSION"),
    "update to Json with NaN": (lambda t: t.update({"j": {"x": float("nan")}}), "TYPE_MISMATCH"),
    "update to Json with int keys": (lambda t: t.update({"j": {1: 2}}), "TYPE_MISMATCH"),
    "update to a text with NUL": (lambda t: t.update({"s": "a\0"}), "TYPE_MISMATCH"),
    "update to a text with a surrogate": (lambda t: t.update({"s": t.s + "\ud800"}), "TYPE_MISMATCH"),
    "update of a selection": (lambda t: t.select(t.n).update({"n": 1}), "UNSUPPORTED_OPERATION"),
    "update of some rows in order": (lambda t: t.order_by(t.n).limit(1).update({"n": 1}), "UNSUPPORTED_OPERATION"),
    "delete of a selection": (lambda t: t.select(t.n).delete(), "UNSUPPORTED_OPERATION"),
    "delete of some rows in order": (lambda t: t.order_by(t.n).limit(1).delete(), "UNSUPPORTED_OPERATION"),
    "drop of a column others depend on": (lambda t: t.drop_column("n"), "CONSTRAINT_VIOLATION"),
    "drop of the key": (lambda t: t.drop_column("k"), "CONSTRAINT_VIOLATION"),
    "drop of a number": (lambda t: t.drop_column(3), "INVALID_ARGUMENT"),
    "drop_column: if_not_exists": (lambda t: t.drop_column("n", if_not_exists="x"), "INVALID_ARGUMENT"),
    "column without expression": (lambda t: t.add_computed_column(), "INVALID_ARGUMENT"),
    "two columns at once": (lambda t: t.add_computed_column(x=t.n, y=t.n), "INVALID_ARGUMENT"),
    "column of a type": (lambda t: t.add_computed_column(x=pxt.Int), "INVALID_EXPRESSION"),
    "column of an object": (lambda t: t.add_computed_column(x=object()), "INVALID_EXPRESSION"),
    "column with a reserved name": (lambda t: t.add_computed_column(select=t.n), "INVALID_COLUMN_NAME"),
    "column with an invalid name": (lambda t: t.add_computed_column(_x=t.n), "INVALID_COLUMN_NAME"),
    "column with bad metadata": (lambda t: t.add_computed_column(x=t.n, custom_metadata={1}), "INVALID_ARGUMENT"),
    "column with a bad comment": (lambda t: t.add_computed_column(x=t.n, comment="\0"), "INVALID_ARGUMENT"),
    "column of an error": (lambda t: t.add_computed_column(x=t.c.errormsg), "UNSUPPORTED_OPERATION"),
    "column: on_error": (lambda t: t.add_computed_column(x=t.n, on_error="x"), "INVALID_ARGUMENT"),
    "column: if_exists": (lambda t: t.add_computed_column(x=t.n, if_exists="x"), "INVALID_ARGUMENT"),
    "index: drop if_not_exists": (lambda t: t.drop_embedding_index(column="s", if_not_exists="x"), "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize(("call", "code"), CALLS.values(), ids=CALLS.keys())
def test_what_cannot_be_done_is_refused(t: pxt.Table, call: Use, code: str) -> None:
    refused(t, lambda: call(t), RequestError, code)


def test_an_update_of_an_unknown_column_is_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.update({"x": 1}), NotFoundError, "COLUMN_NOT_FOUND")


def test_the_last_column_cannot_be_dropped(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"a": pxt.Int})
    refused(t, lambda: t.drop_column("a"), RequestError, "INVALID_SCHEMA")


FOREIGN = {
    "where": lambda t, u: t.where(u.n == 3).collect(),
    "where of both": lambda t, u: t.where((t.n == 1) & (u.n == 3)).collect(),
    "where in Python": lambda t, u: t.where(twice(u.n) == 6).collect(),
    "count": lambda t, u: t.where(u.n == 3).count(),
    "update": lambda t, u: t.update({"s": "x"}, where=u.n == 3),
    "update of a query": lambda t, u: t.where(u.n == 3).update({"s": "x"}),
    "value of an update": lambda t, u: t.update({"n": u.n}),
    "delete": lambda t, u: t.delete(where=u.n == 3),
    "delete where both": lambda t, u: t.delete(where=t.n < u.n),
    "delete of a query": lambda t, u: t.where(u.n == 3).delete(),
    "select": lambda t, u: t.select(t.n, u.n).collect(),
    "select in a list": lambda t, u: t.select([t.n, {"x": u.n}]).collect(),
    "order_by": lambda t, u: t.order_by(u.n).collect(),
    "computed column": lambda t, u: t.add_computed_column(x=u.n + 1),
    "drop_column": lambda t, u: t.drop_column(u.j),
    "index": lambda t, u: t.add_embedding_index(u.s, embedding=letters, metric="l2"),
    "drop of an index": lambda t, u: t.drop_embedding_index(column=u.s),
}


@pytest.mark.parametrize("use", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_column_of_another_table_is_refused(
    t: pxt.Table, other: pxt.Table, use: Callable[[pxt.Table, pxt.Table], object]
) -> None:
    refused(t, lambda: use(t, other), RequestError, "INVALID_EXPRESSION")


def test_a_similarity_of_another_table_is_refused(t: pxt.Table, other: pxt.Table) -> None:
    other.add_embedding_index("s", embedding=letters)
    refused(t, lambda: t.order_by(other.s.similarity(string="a")).collect(), RequestError, "INVALID_EXPRESSION")
    refused(t, lambda: t.delete(where=other.s.similarity(string="a") > 0), RequestError, "INVALID_EXPRESSION")


NOT_BOOL = {
    "number": lambda t: t.n,
    "json": lambda t: t.j.x,
    "True": lambda _: True,
    "None": lambda _: None,
    "text": "n",
}


@pytest.mark.parametrize("predicate", NOT_BOOL.values(), ids=NOT_BOOL.keys())
def test_a_predicate_that_is_no_bool_is_refused(t: pxt.Table, predicate: object) -> None:
    value = predicate(t) if callable(predicate) else predicate
    refused(t, lambda: t.where(value), RequestError, "TYPE_MISMATCH")
    if value is not None:
        refused(t, lambda: t.delete(where=value), RequestError, "TYPE_MISMATCH")
        refused(t, lambda: t.update({"s": "x"}, where=value), RequestError, "TYPE_MISMATCH")


DROPPED = {
    "select": lambda t, s: t.select(s).collect(),
    "where": lambda t, s: t.where(s == "a").collect(),
    "order_by": lambda t, s: t.order_by(s).collect(),
    "update": lambda t, s: t.update({"n": 1}, where=s == "a"),
    "value of an update": lambda t, s: t.update({"j": {"x": s}}),
    "delete": lambda t, s: t.delete(where=s == "a"),
    "computed column": lambda t, s: t.add_computed_column(x=s.upper()),
    "drop": lambda t, s: t.drop_column(s),
    "index": lambda t, s: t.add_embedding_index(s, embedding=letters),
}


@pytest.mark.parametrize("use", DROPPED.values(), ids=DROPPED.keys())
def test_a_reference_to_a_dropped_column_says_so(t: pxt.Table, use: Callable[..., object]) -> None:
    s = t.s
    t.drop_column("s")
    assert "'s'" in refused(t, lambda: use(t, s), NotFoundError, "COLUMN_NOT_FOUND")


@pytest.mark.parametrize("use", ["collect", "count", "delete"])
def test_a_query_over_a_dropped_column_says_so(t: pxt.Table, use: str) -> None:
    query = t.where(t.s == "a")
    t.drop_column("s")
    refused(t, getattr(query, use), NotFoundError, "COLUMN_NOT_FOUND")


def test_a_dropped_column_is_not_mistaken_for_its_successor(t: pxt.Table) -> None:
    s = t.s
    t.drop_column("s")
    t.add_computed_column(s=t.n)
    refused(t, lambda: t.drop_column(s), NotFoundError, "COLUMN_NOT_FOUND")


def test_an_unknown_column_is_both_kinds_of_error(t: pxt.Table) -> None:
    message = refusal(lambda: t.nn, NotFoundError, "COLUMN_NOT_FOUND")
    assert "'nn'" in message
    assert "Did you mean 'n'?" in message
    refusal(lambda: t["nn"], NotFoundError, "COLUMN_NOT_FOUND")
    refusal(lambda: t[1], NotFoundError, "COLUMN_NOT_FOUND")
    assert not hasattr(t, "nn")
    assert not hasattr(t, "_nn")


def test_errors_are_serialisable(t: pxt.Table) -> None:
    with pytest.raises(RequestError) as caught:
        t.insert([GOOD | {"n": "x"}])
    data = caught.value.to_dict(with_detail=True)
    assert pxt.Error.from_dict(data).message == caught.value.message
    assert (data["error_code"], caught.value.http_status, caught.value.is_retryable) == ("TYPE_MISMATCH", 422, False)
