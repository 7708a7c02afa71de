import datetime
from collections.abc import Callable

import pytest

import pixeltable as pxt
from pixeltable import AlreadyExistsError, RequestError
from tests.api.library import even_only, letters, or_zero, twice
from tests.api.refusals import refused

MEANWHILE: list[Callable[[], object]] = []
CALLS: list[int] = []


@pxt.udf
def watched(n: int, k: int | None) -> int:
    CALLS.append(n)
    if MEANWHILE:
        MEANWHILE.pop()()
    return n + (k or 0)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(4)])
    return t


def test_a_nullable_column_is_null_in_the_rows_there_are(t: pxt.Table) -> None:
    t.add_column(s=pxt.String | None)
    t.insert(n=4, s="new")
    assert t.columns() == ["n", "s"]
    assert t.collect()["s"] == [None] * 4 + ["new"]


def test_a_default_is_the_value_of_the_rows_there_are_and_of_those_that_come(t: pxt.Table) -> None:
    status = t.add_column(k={"type": pxt.Int, "default": 7})
    t.insert([{"n": 4}, {"n": 5, "k": 1}])
    assert t.collect()["k"] == [7] * 4 + [7, 1]
    assert status.num_rows == 4


def test_a_default_of_a_nullable_column_gives_way_to_a_null_that_is_given(t: pxt.Table) -> None:
    t.add_column(k={"type": pxt.Int | None, "default": 7})
    t.insert([{"n": 4, "k": None}])
    assert t.collect()["k"] == [7] * 4 + [None]


def test_create_table_takes_defaults_too(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "tags": {"type": pxt.Json, "default": ["a"]}})
    t.insert([{"n": 1}, {"n": 2, "tags": []}])
    assert t.collect()["tags"] == [["a"], []]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (pxt.Float, 1.5),
        (pxt.Bool, False),
        (pxt.String, "it's\t\\"),
        (pxt.Date, datetime.date(2024, 1, 2)),
        (pxt.Json, {"k": [1, 2.5, None]}),
        (pxt.Binary, b"\0\1"),
    ],
)
def test_defaults_of_every_type(t: pxt.Table, form: object, value: object) -> None:
    t.add_column(d={"type": form, "default": value})
    t.insert(n=4)
    assert t.collect()["d"] == [value] * 5


@pytest.mark.parametrize("form", [pxt.Int | None, {"type": pxt.Int, "default": 5}], ids=["null", "default"])
def test_cells_of_an_added_column_can_be_updated(t: pxt.Table, form: object) -> None:
    t.add_column(k=form)
    before = t.collect()["k"]
    t.update({"k": t.n * 10}, where=t.n > 1)
    assert t.collect()["k"] == [*before[:2], 20, 30]
    t.update({"k": 0})
    t.revert()
    assert t.collect()["k"] == [*before[:2], 20, 30]
    t.revert()
    assert t.collect()["k"] == before


def test_null_cells_without_an_entry_are_found_sorted_and_grouped(t: pxt.Table) -> None:
    t.add_column(k=pxt.Int | None)
    t.update({"k": 1}, where=t.n == 2)
    assert t.where(t.k == None).collect()["n"] == [0, 1, 3]  # noqa: E711  # builds a node
    assert t.order_by(t.k).select(t.n).collect()["n"][0] == 2
    assert sorted(t.group_by(t.k).select(t.k, count=pxt.functions.count(t.n)).collect()["count"]) == [1, 3]
    u = t.alias("u")
    assert t.join(u, on=t.n == u.n).select(t.n, u.k).collect()["k"] == [None, None, 1, None]
    assert t.delete(where=t.k == None).num_rows == 3  # noqa: E711


def test_what_is_computed_from_an_added_column_follows_it(t: pxt.Table) -> None:
    t.add_column(k=pxt.Int | None)
    t.add_computed_column(double=or_zero(t.k) * 2)
    t.update({"k": t.n})
    assert t.collect()["double"] == [0, 2, 4, 6]


def test_indexes_over_an_added_column(t: pxt.Table) -> None:
    t.add_columns({"s": pxt.String | None, "k": pxt.Int | None})
    t.add_embedding_index("s", embedding=letters)
    t.add_btree_index("k")
    t.update({"s": "ab", "k": 1}, where=t.n == 3)
    assert t.order_by(t.s.similarity(string="b"), asc=False).limit(1).collect()["n"] == [3]
    assert t.where(t.k == 1).collect()["n"] == [3]


def test_several_columns_are_one_version(t: pxt.Table) -> None:
    before = t.get_versions()
    status = t.add_columns({
        "a": pxt.String | None, "b": twice(t.n), "c": {"type": pxt.Int, "default": 1},
        "d": {"value": t.n + 1, "stored": False}, "e": t.n * 3,
    })  # fmt: skip
    assert t.columns() == ["n", "a", "b", "c", "d", "e"]
    assert t.collect()[3] == {"n": 3, "a": None, "b": 6, "c": 1, "d": 4, "e": 9}
    assert t.get_versions()[1:] == before
    assert (status.num_rows, status.num_computed_values, t.get_versions()[0]["updates"]) == (4, 8, 4)
    t.insert(n=4)
    assert t.collect()[4] == {"n": 4, "a": None, "b": 8, "c": 1, "d": 5, "e": 12}
    assert len(t.stale()) == 0


def test_revert_takes_all_back(t: pxt.Table) -> None:
    before = list(t.collect()), t.columns(), t.get_versions()
    t.add_columns({"a": pxt.String | None, "b": twice(t.n), "c": {"type": pxt.Int, "default": 1}})
    t.revert()
    assert (list(t.collect()), t.columns(), t.get_versions()) == before
    t.insert(n=9)
    t.add_column(a=pxt.Int | None)
    assert t.collect()["a"] == [None] * 5


def test_columns_of_a_table_without_rows(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_columns({"a": pxt.String, "b": twice(t.n)})
    t.insert(n=1, a="x")
    assert list(t.collect()) == [{"n": 1, "a": "x", "b": 2}]
    refused(t, lambda: t.add_columns({"c": pxt.Int}), RequestError, "INVALID_SCHEMA")


def test_columns_that_are_not_stored(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_columns({"a": {"value": t.n + 1, "stored": False}, "b": {"value": twice(t.n), "stored": False}})
    t.insert(n=1)
    t.add_columns({"c": {"value": t.a + 1, "stored": False}, "d": {"value": t.n, "stored": False}})
    assert list(t.collect()) == [{"n": 1, "a": 2, "b": 2, "c": 3, "d": 1}]


def test_a_column_without_null_or_default_is_refused_where_there_are_rows(t: pxt.Table) -> None:
    message = refused(t, lambda: t.add_columns({"a": pxt.Int | None, "b": pxt.Int}), RequestError, "INVALID_SCHEMA")
    assert "'b'" in message
    assert "default" in message


def test_a_failing_cell_takes_all_columns_back_and_computed_cells_are_kept(t: pxt.Table) -> None:
    specs = {"a": pxt.Int | None, "b": twice(t.n), "c": even_only(t.n)}
    message = refused(t, lambda: t.add_columns(specs), RequestError, "INVALID_EXPRESSION")
    assert "'c'" in message
    t.delete(where=t.n % 2 == 1)
    t.add_columns(specs)
    assert list(t.collect()) == [{"n": 0, "a": None, "b": 0, "c": 0}, {"n": 2, "a": None, "b": 4, "c": 2}]


def test_if_exists(t: pxt.Table) -> None:
    t.add_column(a=pxt.Int | None)
    refused(
        t,
        lambda: t.add_columns({"b": pxt.Int | None, "A": pxt.Int | None}),
        AlreadyExistsError,
        "COLUMN_ALREADY_EXISTS",
    )
    t.add_columns({"b": pxt.Int | None, "a": pxt.String | None}, if_exists="ignore")
    assert t.columns() == ["n", "a", "b"]
    t.update({"a": 1})
    t.add_columns({"a": pxt.String | None, "c": pxt.Int | None}, if_exists="replace")
    assert t.columns() == ["n", "b", "a", "c"]
    assert t.collect()["a"] == [None] * 4


def test_replacing_what_others_need_is_refused(t: pxt.Table) -> None:
    t.add_computed_column(b=twice(t.n))
    refused(t, lambda: t.add_columns({"n": pxt.Int | None}, if_exists="replace"), RequestError, "CONSTRAINT_VIOLATION")


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({}, "INVALID_ARGUMENT"),
        ([], "INVALID_ARGUMENT"),
        ({"select": pxt.Int | None}, "INVALID_COLUMN_NAME"),
        ({"rename_column": pxt.Int | None}, "INVALID_COLUMN_NAME"),
        ({"a": int}, "INVALID_TYPE"),
        ({"a": {"type": pxt.Int, "defaults": 1}}, "INVALID_SCHEMA"),
        ({"a": {"type": pxt.Int, "default": "x"}}, "INVALID_SCHEMA"),
        ({"a": {"type": pxt.Int, "primary_key": True}}, "INVALID_SCHEMA"),
        ({"a": pxt.Int | None, "A": pxt.Int | None}, "INVALID_SCHEMA"),
    ],
)
def test_bad_specs_are_refused(t: pxt.Table, schema: object, code: str) -> None:
    refused(t, lambda: t.add_columns(schema), RequestError, code)


def test_a_default_that_is_an_expression_is_refused(t: pxt.Table) -> None:
    spec = {"type": pxt.Int, "default": t.n}
    refused(t, lambda: t.add_column(a=spec), RequestError, "INVALID_SCHEMA")


def test_add_column_takes_one_column(t: pxt.Table) -> None:
    refused(t, t.add_column, RequestError, "INVALID_ARGUMENT")
    refused(t, lambda: t.add_column(a=pxt.Int | None, b=pxt.Int | None), RequestError, "INVALID_ARGUMENT")


def test_a_single_computed_column(t: pxt.Table) -> None:
    t.add_column(b=twice(t.n))
    assert t.collect()["b"] == [0, 2, 4, 6]


def test_default_indexes_hold_added_columns(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int}, has_default_idxs=True)
    t.insert(n=1)
    t.add_columns({"a": pxt.Int | None, "b": pxt.Json | None, "c": {"type": pxt.String, "default": "x"}})
    indexes = t.get_metadata()["indexes"]
    assert [index["columns"] for index in indexes.values()] == [["n"], ["a"], ["c"]]
    t.revert()
    assert len(t.get_metadata()["indexes"]) == 1


def test_a_column_is_computed_from_one_without_entries_while_rows_come(t: pxt.Table) -> None:
    t.add_column(k=pxt.Int | None)
    MEANWHILE.append(lambda: t.insert(n=4))
    t.add_computed_column(x=watched(t.n, t.k))
    assert t.collect()["x"] == [0, 1, 2, 3, 4]


def test_what_an_aborted_column_had_computed_from_null_is_kept(t: pxt.Table) -> None:
    t.insert([{"n": n} for n in range(4, 100)])
    t.add_column(k=pxt.Int | None)
    failing = even_only(t.n) + or_zero(t.k)
    refused(t, lambda: t.add_computed_column(x=watched(t.n, t.k) + failing), RequestError, "INVALID_EXPRESSION")
    t.delete(where=t.n % 2 == 1)
    CALLS.clear()
    t.add_computed_column(x=watched(t.n, t.k) + failing)
    assert t.collect()["x"] == [2 * n for n in range(0, 100, 2)]
    assert 0 not in CALLS


def test_an_insert_that_meets_a_new_column_gives_it_its_default(t: pxt.Table) -> None:
    t.add_computed_column(x=watched(t.n, 0))
    MEANWHILE.append(lambda: t.add_column(k={"type": pxt.Int, "default": 7}))
    t.insert(n=4)
    assert t.collect()["k"] == [7] * 5


def test_a_default_that_does_not_fit_is_refused_before_anything_is_computed(t: pxt.Table) -> None:
    calls = []

    @pxt.udf
    def counted(n: int) -> int:
        calls.append(n)
        return n

    with pytest.raises(pxt.RequestError, match="column 'd'"):
        t.add_columns({"c": counted(t.n), "d": {"type": pxt.Array[(2,), pxt.Float], "default": [1]}})
    assert calls == []
    assert t.columns() == ["n"]
