import math

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import letters, twice
from tests.api.refusals import refused

CELLS = {"i": [1, -(2**53), 7], "f": [1.0, -0.1, 1e300], "s": ["a", 'b"\n', ""], "b": [True, False, True]}
LARGE_FLOATS = [1e15, 1e16, 12345678901234567.0, 1e22, 1e23, -1.7976931348623157e308, 2.0**63, 5e-324, 0.1, 3.0, -0.0]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"i": pxt.Int, "f": pxt.Float, "s": pxt.String, "b": pxt.Bool, "k": pxt.Int | None})
    t.insert([dict(zip(CELLS, row, strict=True)) for row in zip(*CELLS.values(), strict=True)])
    return t


def test_null_becomes_acceptable(t: pxt.Table) -> None:
    t.alter_column("i", type_=pxt.Int | None)
    t.insert(f=1.0, s="", b=True)
    assert t.collect()["i"] == [*CELLS["i"], None]


def test_null_becomes_unacceptable_where_there_is_none(t: pxt.Table) -> None:
    message = refused(t, lambda: t.alter_column("k", type_=pxt.Int), RequestError, "CONSTRAINT_VIOLATION")
    assert "3 rows" in message
    t.update({"k": 1})
    t.alter_column("k", type_=pxt.Int)
    refused(t, lambda: t.insert(i=1, f=1.0, s="", b=True), RequestError, "MISSING_REQUIRED")


def test_cells_without_an_entry_count_as_null(t: pxt.Table) -> None:
    t.add_column(a=pxt.Int | None)
    t.update({"a": 1}, where=t.i == 1)
    assert "2 rows" in refused(t, lambda: t.alter_column("a", type_=pxt.Int), RequestError, "CONSTRAINT_VIOLATION")
    t.alter_column("a", type_=pxt.Float | None)
    assert t.collect()["a"] == [1.0, None, None]


def test_int_becomes_float(t: pxt.Table) -> None:
    i = t.i
    t.alter_column("i", type_=pxt.Float)
    found = t.select(t.i, half=i / 2).collect()
    assert [(type(cell), cell) for cell in found["i"]] == [(float, float(cell)) for cell in CELLS["i"]]
    t.insert(i=0.5, f=1.0, s="", b=True)
    t.update({"i": t.i + 0.25}, where=i == 0.5)
    assert t.collect()["i"][3] == 0.75


@pytest.mark.parametrize("name", ["i", "f", "s", "b"])
def test_scalars_become_json(t: pxt.Table, name: str) -> None:
    t.alter_column(name, type_=pxt.Json)
    found = t.collect()[name]
    assert [(type(cell), cell) for cell in found] == [(type(cell), cell) for cell in CELLS[name]]
    t.update({name: {"k": [1]}}, where=t.k == None)  # noqa: E711  # builds a node
    assert t.select(x=t[name]["k"][0]).collect()["x"] == [1, 1, 1]


def test_floats_become_the_json_they_would_be_inserted_as(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"x": pxt.Float, "y": pxt.Json})
    t.insert([{"x": x, "y": x} for x in LARGE_FLOATS])
    t.alter_column("x", type_=pxt.Json)
    assert [(type(x), x) for x in t.collect()["x"]] == [(float, x) for x in LARGE_FLOATS]
    assert t.where(t.x == t.y).count() == len(LARGE_FLOATS)


def test_revert_brings_the_old_cells_back(t: pxt.Table) -> None:
    before = list(t.collect()), t.get_versions(), t.get_metadata()["columns"]
    t.alter_column("i", type_=pxt.Float)
    t.update({"i": 0.5})
    t.delete(where=t.f == 1.0)
    for _ in range(3):
        t.revert()
    assert (list(t.collect()), t.get_versions(), t.get_metadata()["columns"]) == before
    t.update({"i": 3})
    t.alter_column("i", type_=pxt.Json | None)
    assert t.collect()["i"] == [3, 3, 3]


def test_a_default_changes_its_type_too(t: pxt.Table) -> None:
    t.add_column(d={"type": pxt.Int, "default": 2})
    t.alter_column("d", type_=pxt.Float)
    t.insert(i=1, f=1.0, s="", b=True)
    assert [(type(cell), cell) for cell in t.collect()["d"]] == [(float, 2.0)] * 4


def test_ints_that_no_float_is_equal_to_are_refused(t: pxt.Table) -> None:
    t.update({"i": 2**53 + 1}, where=t.i == 1)
    assert "1 of its cells" in refused(t, lambda: t.alter_column("i", type_=pxt.Float), RequestError, "TYPE_MISMATCH")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_floats_that_json_does_not_have_are_refused(t: pxt.Table, value: float) -> None:
    t.update({"f": value}, where=t.i == 1)
    refused(t, lambda: t.alter_column("f", type_=pxt.Json), RequestError, "TYPE_MISMATCH")


@pytest.mark.parametrize(
    ("name", "form"),
    [("i", pxt.String), ("f", pxt.Int), ("s", pxt.Int), ("i", pxt.Bool), ("s", pxt.Json[{"a": int}]), ("b", pxt.Date)],
)
def test_other_types_are_refused(t: pxt.Table, name: str, form: object) -> None:
    message = refused(t, lambda: t.alter_column(name, type_=form), RequestError, "UNSUPPORTED_OPERATION")
    assert "become `Json`" in message


def test_wider_types_of_a_kind(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json[{"a": int}], "v": pxt.Array[(2,), pxt.Float]})
    t.insert(j={"a": 1}, v=[1.0, 2.0])
    t.alter_column("j", type_=pxt.Json)
    t.alter_column("v", type_=pxt.Array[(None,), pxt.Float])
    t.insert(j=[1], v=[1.0])
    assert t.collect()["j"] == [{"a": 1}, [1]]
    refused(t, lambda: t.alter_column("j", type_=pxt.Json[{"a": int}]), RequestError, "UNSUPPORTED_OPERATION")


def test_what_others_depend_on_is_refused(t: pxt.Table) -> None:
    t.add_computed_column(double=twice(t.i))
    message = refused(t, lambda: t.alter_column("i", type_=pxt.Float), RequestError, "CONSTRAINT_VIOLATION")
    assert "double" in message
    refused(t, lambda: t.alter_column("double", type_=pxt.Float), RequestError, "UNSUPPORTED_OPERATION")


def test_keys_are_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int}, primary_key="id")
    refused(t, lambda: t.alter_column("id", type_=pxt.Int | None), RequestError, "UNSUPPORTED_OPERATION")


def test_an_index_is_named_where_it_is_in_the_way(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters, idx_name="e")
    assert "'e'" in refused(t, lambda: t.alter_column("s", type_=pxt.Json), RequestError, "CONSTRAINT_VIOLATION")
    t.alter_column("s", type_=pxt.String | None)
    t.insert(i=1, f=1.0, b=True)
    assert t.order_by(t.s.similarity(string="a"), asc=False).limit(1).collect()["s"] == ["a"]


def test_a_btree_index_goes_along(t: pxt.Table) -> None:
    t.add_btree_index("i", unique=True)
    t.alter_column("i", type_=pxt.Float)
    refused(t, lambda: t.insert([{"i": 7.0, "f": 1.0, "s": "", "b": True}]), RequestError, "CONSTRAINT_VIOLATION")
    t.revert()
    refused(t, lambda: t.insert([{"i": 7, "f": 1.0, "s": "", "b": True}]), RequestError, "CONSTRAINT_VIOLATION")
    t.add_btree_index("s", idx_name="x")
    assert "'x'" in refused(t, lambda: t.alter_column("s", type_=pxt.Json), RequestError, "CONSTRAINT_VIOLATION")


def test_default_indexes_go_where_the_type_has_no_order(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"i": pxt.Int, "s": pxt.String}, has_default_idxs=True)
    t.insert(i=1, s="a")
    t.alter_column("i", type_=pxt.Float)
    t.alter_column("s", type_=pxt.Json)
    assert [index["columns"] for index in t.get_metadata()["indexes"].values()] == [["i"]]
    assert t.where(t.i == 1.0).collect()["s"] == ["a"]


def test_the_same_type_is_no_change(t: pxt.Table) -> None:
    before = t.get_versions()
    t.alter_column("i", type_=pxt.Int)
    assert t.get_versions() == before


def test_unknown_columns_and_types_are_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.alter_column("x", type_=pxt.Int), NotFoundError, "COLUMN_NOT_FOUND")
    refused(t, lambda: t.alter_column("i", type_=int), RequestError, "INVALID_TYPE")
